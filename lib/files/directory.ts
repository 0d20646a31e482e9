/**
 * Checks directories before files are written into them. A user who may write into a directory can replace a
 * file there by a link, a pipe or a file of his own, so that root would write where that user wants; such a
 * directory is refused.
 * @module
 */
import fs, { constants } from "node:fs";
import process from "node:process";
import { SystemError } from "@/base/errors.ts";

/** Flag of `open(2)` that refers to a file without opening it; `node:fs` has no name for it. */
const O_PATH = 0o10000000;
const STICKY = 0o1000;
const GROUP_WRITES = 0o020;
const OTHERS_WRITE = 0o002;
/** Mode of a directory that only its owner can read, write and enter. */
const OWNER_ONLY_DIRECTORY = 0o700;

/**
 * How strict the check of a directory is. `user`: it was named on the command line by the user who runs the
 * program, and may belong to another user, as a home directory does under sudo. `service`: it belongs to root
 * or to the user of this process, and nobody else can write into it or into one above it.
 */
export type DirectoryTrust = "user" | "service";

/** A directory that has been checked and stays the same one, whatever happens to its name. */
export class Directory {
  readonly #fd: number;

  /**
   * `stickyIsGood`: every user may write into it if it is sticky, as /tmp is.
   * @throws {SystemError} if it does not exist, is no directory, or others can write into it.
   */
  constructor(path: string, trust: DirectoryTrust, stickyIsGood = trust === "user") {
    this.#fd = asSystemError(
      path === "" ? "." : path,
      () => fs.openSync(path === "" ? "." : path, O_PATH | constants.O_DIRECTORY),
    );
    try {
      this.#judge(path, trust, stickyIsGood);
    } catch (e) {
      this.close();
      throw e;
    }
  }

  /** The path by which the system finds an entry of this very directory (proc(5)). */
  entry(name: string): string {
    return `/proc/self/fd/${this.#fd}/${name}`;
  }

  /** Closes the descriptor. */
  close(): void {
    fs.closeSync(this.#fd);
  }

  #judge(path: string, trust: DirectoryTrust, stickyIsGood: boolean): void {
    const real = fs.readlinkSync(`/proc/self/fd/${this.#fd}`);
    refuseWritable(path, fs.fstatSync(this.#fd), trust, stickyIsGood);
    for (let above = parentOf(real); above !== undefined; above = parentOf(above)) {
      refuseWritable(above, asSystemError(above, () => fs.statSync(above!)), trust, true);
    }
  }
}

/**
 * Makes a directory and those above it that are missing, each only for its owner unless `mode` is given.
 * Existing directories are checked and not changed.
 * @throws {SystemError}
 */
export function makeDirectory(
  path: string,
  trust: DirectoryTrust,
  mode = OWNER_ONLY_DIRECTORY,
): void {
  const missing: string[] = [];
  let there = path;
  while (there !== "" && !exists(there)) {
    missing.push(there);
    there = parentOf(there) ?? "";
  }
  if (missing.length > 0) new Directory(there, trust, true).close();
  for (const each of missing.reverse()) {
    asSystemError(each, () => fs.mkdirSync(each, { mode }));
    // The mode is set again, as the umask of a service may have removed bits of it.
    asSystemError(each, () => fs.chmodSync(each, mode));
  }
  new Directory(path, trust).close();
}

/**
 * Whether a user may own what root trusts: root, the user of this process, and the user who called it by
 * sudo.
 */
export function isTrustedOwner(uid: number): boolean {
  return uid === 0 || uid === ownUser() || uid === sudoUser();
}

/** The user by whose rights files are opened. */
export function ownUser(): number {
  return process.geteuid!();
}

/** Runs a call of `node:fs`. @throws {SystemError} with the text of the system, without the path. */
export function asSystemError<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (e) {
    const { code = "", message, syscall = "open" } = e as NodeJS.ErrnoException;
    const words = WORDS[code] ?? message.replace(/^\w+: /, "").replace(/, \w+ '.*$/s, "");
    throw new SystemError(words === "" ? path : words, syscall, code);
  }
}

/** Texts of strerror(3) for errors that the runtime describes in other words. */
const WORDS: Readonly<Record<string, string>> = {
  ENOENT: "No such file or directory",
  EACCES: "Permission denied",
  ENOTDIR: "Not a directory",
  EISDIR: "Is a directory",
  ENXIO: "Nobody reads this pipe",
  ELOOP: "It is a symbolic link, which is not followed",
  ENOSPC: "No space left on device",
  EROFS: "Read-only file system",
};

function refuseWritable(
  path: string,
  { mode, uid, gid }: fs.Stats,
  trust: DirectoryTrust,
  stickyIsGood: boolean,
): void {
  const where = path === "" ? "the working directory" : path;
  const refuse = (why: string) => {
    throw new SystemError(`${where} ${why}`, "open", "EPERM");
  };
  if (trust === "service" && !isTrustedOwner(uid)) refuse(`belongs to user ${uid}`);
  // In a sticky directory nobody removes or renames what belongs to another user (unlink(2)).
  if ((mode & STICKY) !== 0 && stickyIsGood) return;
  if ((mode & OTHERS_WRITE) !== 0) refuse("is a directory into which every user can write");
  // A group with the number of the owner is private to him, as most systems make one for each user.
  const isPrivateGroup = gid === 0 || gid === uid;
  if (ownUser() === 0 && (mode & GROUP_WRITES) !== 0 && !isPrivateGroup) {
    refuse(`is a directory into which the group ${gid} can write`);
  }
}

function parentOf(path: string): string | undefined {
  if (path === "/") return undefined;
  const end = path.replace(/\/+$/, "").lastIndexOf("/");
  return end < 0 ? "" : end === 0 ? "/" : path.slice(0, end);
}

function exists(path: string): boolean {
  try {
    return fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false; // What stands in the way is told when the directory is made.
  }
}

function sudoUser(): number | undefined {
  const text = Deno.env.get("SUDO_UID") ?? "";
  return /^\d+$/.test(text) ? Number(text) : undefined;
}
