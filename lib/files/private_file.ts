/**
 * The one door by which the program writes files: logs, captures, keys, results, state, records. No link
 * is followed, nothing is written into a file that another user owns or may have opened already, and
 * nothing waits for the reader of a pipe. Files are readable by their owner alone unless said otherwise.
 * @module
 */
import fs, { constants } from "node:fs";
import { SystemError } from "@/base/errors.ts";
import {
  asSystemError,
  Directory,
  type DirectoryTrust,
  isTrustedOwner,
  ownUser,
} from "@/files/directory.ts";

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants;
/** Only the owner reads and writes. */
const OWNER_ONLY = 0o600;
/** The owner may run it as well. */
const OWNER_RUNS = 0o700;
/** As far as the umask of the process lets it, everybody reads. */
const PUBLIC = 0o666;
/** Attempts to find a name that nobody has, or to open what another process replaces meanwhile. */
const TRIES_MAX = 10;

/** A file that is open to be written. */
export interface WrittenFile {
  readonly file: Deno.FsFile;
  /** False of a device or a pipe, whose mode, name and octets are not ours. */
  readonly isRegular: boolean;
}

/** What may stand in the place of a file that is to be written. */
export interface WriteWish {
  readonly trust: DirectoryTrust;
  /** Whether a device or a pipe is taken as it is. */
  readonly takesDevices?: boolean;
  /** Of a new file, less what the umask takes; its owner's alone unless said. */
  readonly mode?: number;
  /** Said of a file whose lock another process has. @throws {Error} its own. */
  readonly isLocked?: (inode: number) => never;
}

/**
 * Opens a new file in the place of what is there: an old file is replaced, not cut, for somebody may have
 * it open. The new one is locked until it is closed.
 * @throws {SystemError} where the directory, the owner or the kind of what is there is not good.
 */
export function createPrivate(path: string, wish: WriteWish): WrittenFile {
  const [directoryPath, name] = split(path);
  const directory = new Directory(directoryPath, wish.trust);
  try {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const opened = createOnce(directory, name, wish, path);
      if (opened) return opened;
    }
    throw new SystemError("Another process replaces it again and again", "open", "EEXIST");
  } finally {
    directory.close();
  }
}

/** Writes a whole file at once: whoever reads it sees the old text or the new one. @throws {SystemError} */
export function replaceText(
  path: string,
  text: string,
  trust: DirectoryTrust,
  mode = OWNER_ONLY,
): void {
  const [directoryPath, name] = split(path);
  const directory = new Directory(directoryPath, trust);
  try {
    judgeOld(directory, name);
    const [file, temporary] = newFile(directory, name, mode);
    try {
      writeAll(file, new TextEncoder().encode(text));
      asSystemError(path, () => fs.renameSync(temporary, directory.entry(name)));
    } catch (e) {
      fs.rmSync(temporary, { force: true });
      throw e;
    } finally {
      file.close();
    }
  } finally {
    directory.close();
  }
}

/**
 * Writes a file that must not be there yet: nothing of that name is followed, opened or replaced.
 * @throws {SystemError} EEXIST where there is anything.
 */
export function writeNew(
  path: string,
  text: string,
  trust: DirectoryTrust,
  mode = OWNER_ONLY,
): void {
  const [directoryPath, name] = split(path);
  const directory = new Directory(directoryPath, trust);
  try {
    const fd = asSystemError(path, () => fs.openSync(directory.entry(name), NEW, mode));
    try {
      const octets = new TextEncoder().encode(text);
      asSystemError(path, () => {
        for (let at = 0; at < octets.length;) at += fs.writeSync(fd, octets, at);
      });
    } finally {
      fs.closeSync(fd);
    }
  } finally {
    directory.close();
  }
}

/** Adds to a file of our own, which is made where it is missing. @throws {SystemError} */
export function appendText(path: string, text: string, trust: DirectoryTrust): void {
  const [directoryPath, name] = split(path);
  const directory = new Directory(directoryPath, trust);
  try {
    const flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
    const fd = asSystemError(path, () => fs.openSync(directory.entry(name), flags, OWNER_ONLY));
    try {
      const stat = fs.fstatSync(fd);
      mustBeOwn(stat);
      if ((stat.mode & 0o077) !== 0) asSystemError(path, () => fs.fchmodSync(fd, OWNER_ONLY));
      const octets = new TextEncoder().encode(text);
      asSystemError(path, () => {
        for (let at = 0; at < octets.length;) at += fs.writeSync(fd, octets, at);
      });
    } finally {
      fs.closeSync(fd);
    }
  } finally {
    directory.close();
  }
}

/**
 * Makes an empty file for its owner alone where there is none, for a library that opens it by its name.
 * @throws {SystemError} where what is there is not ours.
 */
export function ensurePrivate(path: string, trust: DirectoryTrust): void {
  appendText(path, "", trust);
}

/**
 * Reads a file that the program wrote earlier.
 * @throws {SystemError} for what is no file, belongs to others, or is longer than `octetsMax`.
 */
export function readPrivate(path: string, octetsMax: number): string {
  const fd = asSystemError(path, () => fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  try {
    const stat = fs.fstatSync(fd);
    mustBeOwn(stat);
    if (stat.size > octetsMax) {
      throw new SystemError(`It has ${stat.size} octets, more than ${octetsMax}`, "read", "EFBIG");
    }
    return asSystemError(path, () => fs.readFileSync(fd, "utf8"));
  } finally {
    fs.closeSync(fd);
  }
}

/** Gives a file another name in the same directory; a link of that name is replaced. @throws {SystemError} */
export function renamePrivate(path: string, to: string): void {
  asSystemError(path, () => fs.renameSync(path, to));
}

/** Writes a file that other users may read, such as an example or a report. @throws {SystemError} */
export function writePublic(path: string, chunks: Iterable<string>): void {
  const { file } = createPrivate(path, { trust: "user", takesDevices: true, mode: PUBLIC });
  try {
    const encoder = new TextEncoder();
    for (const chunk of chunks) asSystemError(path, () => writeAll(file, encoder.encode(chunk)));
  } finally {
    file.close();
  }
}

/** Removes a file, where it is there; a link goes, and not what it leads to. @throws {SystemError} */
export function removePrivate(path: string): void {
  asSystemError(path, () => fs.rmSync(path, { force: true }));
}

/** A program of a few lines in a directory of its own, which the caller removes. @throws {SystemError} */
export function writeScript(prefix: string, text: string): { directory: string; path: string } {
  const directory = Deno.makeTempDirSync({ prefix }), path = `${directory}/script`;
  replaceText(path, text, "user", OWNER_RUNS);
  return { directory, path };
}

/** Writes all octets. */
export function writeAll(file: Pick<Deno.FsFile, "writeSync">, octets: Uint8Array): void {
  for (let at = 0; at < octets.length;) at += file.writeSync(octets.subarray(at));
}

/** Undefined where another process has changed what is there meanwhile. */
function createOnce(
  directory: Directory,
  name: string,
  wish: WriteWish,
  path: string,
): WrittenFile | undefined {
  const at = directory.entry(name);
  const old = fs.lstatSync(at, { throwIfNoEntry: false });
  if (!old) return createFirst(at, wish);
  if (wish.takesDevices && isSystemLink(old, path)) return openDevice(path);
  if (old.isSymbolicLink()) throw new SystemError(KIND.link, "open", "ELOOP");
  if (!isTrustedOwner(old.uid)) throw foreign(old);
  if (wish.takesDevices && (old.isCharacterDevice() || old.isFIFO())) return openDevice(at);
  if (!old.isFile()) throw new SystemError(KIND.noFile, "open", "EINVAL");
  return replaceOld(directory, name, wish);
}

function createFirst(at: string, wish: WriteWish): WrittenFile | undefined {
  let fd: number;
  try {
    fd = asSystemError(at, () => fs.openSync(at, NEW, wish.mode ?? OWNER_ONLY));
  } catch (e) {
    if (e instanceof SystemError && e.errno === "EEXIST") return undefined;
    throw e;
  }
  return { file: locked(fileOf(fd), wish), isRegular: true };
}

/** Holds the old file's lock until the new one stands in its place: only one process replaces it. */
function replaceOld(
  directory: Directory,
  name: string,
  wish: WriteWish,
): WrittenFile | undefined {
  const at = directory.entry(name);
  const fd = asSystemError(at, () => fs.openSync(at, O_RDWR | O_NOFOLLOW | O_NONBLOCK));
  if (!fs.fstatSync(fd).isFile()) {
    fs.closeSync(fd);
    return undefined;
  }
  const old = locked(fileOf(fd), wish);
  try {
    const [file, temporary] = newFile(directory, name, wish.mode ?? OWNER_ONLY);
    locked(file, wish);
    asSystemError(at, () => fs.renameSync(temporary, at));
    return { file, isRegular: true };
  } finally {
    old.close();
  }
}

const NEW = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;

/** A new file under a name of its own, and that name. */
function newFile(directory: Directory, name: string, mode: number): [Deno.FsFile, string] {
  const random = crypto.getRandomValues(new Uint8Array(8)).toHex();
  const at = directory.entry(`.${name.slice(0, 200)}.${random}`);
  const fd = asSystemError(at, () => fs.openSync(at, NEW, mode));
  return [fileOf(fd), at];
}

/** The runtime's own file over a descriptor, which it has no way to take: the same file, opened again. */
function fileOf(fd: number): Deno.FsFile {
  try {
    return Deno.openSync(`/proc/self/fd/${fd}`, { read: true, write: true });
  } finally {
    fs.closeSync(fd);
  }
}

/** What is opened without waiting has a reader, and then is written as that reader reads. */
function openDevice(at: string): WrittenFile {
  const fd = asSystemError(at, () => fs.openSync(at, O_WRONLY | O_NONBLOCK));
  try {
    const file = Deno.openSync(`/proc/self/fd/${fd}`, { write: true });
    return { file, isRegular: false };
  } finally {
    fs.closeSync(fd);
  }
}

/** `/dev/stdout` and its like are links, but the system's own. */
function isSystemLink(old: fs.Stats, path: string): boolean {
  return old.isSymbolicLink() && old.uid === 0 && /^\/dev\/(?:stdout|stderr|fd)(?:\/|$)/.test(path);
}

/** What stands where a file is to be put by renaming. */
function judgeOld(directory: Directory, name: string): void {
  const old = fs.lstatSync(directory.entry(name), { throwIfNoEntry: false });
  if (!old) return;
  if (old.isSymbolicLink()) throw new SystemError(KIND.link, "open", "ELOOP");
  if (!old.isFile()) throw new SystemError(KIND.noFile, "open", "EINVAL");
  if (!isTrustedOwner(old.uid)) throw foreign(old);
}

/** @throws {SystemError} for what another user owns, what has a second name, and what is no file. */
function mustBeOwn(stat: fs.Stats): void {
  if (!stat.isFile()) throw new SystemError(KIND.noFile, "open", "EINVAL");
  if (!isTrustedOwner(stat.uid)) throw foreign(stat);
  if (stat.nlink !== 1) throw new SystemError(KIND.linked, "open", "EMLINK");
}

const KIND = {
  link: "It is a symbolic link, which is not followed",
  noFile: "It is there and no regular file",
  linked: "It has another name as well (a hard link), under which it would be changed too",
} as const;

function foreign({ uid }: fs.Stats): SystemError {
  return new SystemError(`It belongs to user ${uid}, not to user ${ownUser()}`, "open", "EPERM");
}

/** Takes the file's lock, which ends with the process; where another has it, the file is closed. */
function locked(file: Deno.FsFile, { isLocked }: WriteWish): Deno.FsFile {
  try {
    if (file.tryLockSync(true)) return file;
  } catch {
    return file; // A file system without locks.
  }
  const { ino } = file.statSync();
  file.close();
  if (isLocked) isLocked(ino ?? 0);
  throw new SystemError("Another process writes it", "flock", "EWOULDBLOCK");
}

function split(path: string): [directory: string, name: string] {
  const end = path.lastIndexOf("/");
  const name = path.slice(end + 1);
  if (name === "" || name === "." || name === "..") {
    throw new SystemError("Is a directory", "open", "EISDIR");
  }
  return [end < 0 ? "" : end === 0 ? "/" : path.slice(0, end), name];
}
