/**
 * Directories that the program writes into. Whoever may write into a directory may put a link, a pipe or
 * a file of his own in the place of ours, so that root would write where somebody else wants it to: such
 * a directory is refused before anything is done in it.
 * @module
 */
import fs, { constants } from "node:fs";
import process from "node:process";
import { SystemError } from "@/base/errors.ts";

/** Names a file without opening it (`open(2)`); `node:fs` has no word for it. */
const O_PATH = 0o10000000;
const STICKY = 0o1000, GROUP_WRITES = 0o020, OTHERS_WRITE = 0o002;
/** Only the owner reads, writes and enters. */
const OWNER_ONLY_DIRECTORY = 0o700;

/**
 * How much a directory is trusted. `user`: it was named on the command line by who runs the program, and
 * may belong to another user, as a home does under sudo. `service`: it belongs to root or to us, and
 * nobody else can write into it or into one above it.
 */
export type DirectoryTrust = "user" | "service";

/** A directory that was judged and stays the same one, whatever happens to its name. */
export class Directory {
  readonly #fd: number;

  /**
   * `stickyIsGood`: every user may write into it if it is sticky, as /tmp is.
   * @throws {SystemError} where it is not there, is no directory, or others can write into it.
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

  /** Gives the descriptor back. */
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
 * Makes a directory and those above it that are missing, each for its owner alone unless `mode` says
 * otherwise; what is there already is judged and left as it is.
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
    // Whatever the umask took: a service may run with one that leaves nothing to others.
    asSystemError(each, () => fs.chmodSync(each, mode));
  }
  new Directory(path, trust).close();
}

/** The users that may own what root trusts: root, ourselves, and who called us by sudo. */
export function isTrustedOwner(uid: number): boolean {
  return uid === 0 || uid === ownUser() || uid === sudoUser();
}

/** The user by whose rights files are opened. */
export function ownUser(): number {
  return process.geteuid!();
}

/** Runs a call of `node:fs`. @throws {SystemError} with the system's words, the path left out. */
export function asSystemError<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (e) {
    const { code = "", message, syscall = "open" } = e as NodeJS.ErrnoException;
    const words = WORDS[code] ?? message.replace(/^\w+: /, "").replace(/, \w+ '.*$/s, "");
    throw new SystemError(words === "" ? path : words, syscall, code);
  }
}

/** The words of strerror(3) where those of the runtime are other ones. */
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
  // In a sticky directory nobody removes or renames what is another's (unlink(2)).
  if ((mode & STICKY) !== 0 && stickyIsGood) return;
  if ((mode & OTHERS_WRITE) !== 0) refuse("is a directory into which every user can write");
  // A group with the number of the owner is his own, as most systems make one for each user.
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
