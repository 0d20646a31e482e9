/**
 * Writes all files of the program: logs, captures, keys, results, state and records. No link is followed,
 * nothing is written into a file that another user owns or may have open, and nothing waits for the reader of
 * a pipe. Files can only be read by their owner unless a function says otherwise.
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
/** Mode of a file that only its owner can read and write. */
export const OWNER_ONLY = 0o600;
/** Mode of a file that its owner can also execute. */
export const OWNER_RUNS = 0o700;
/** Mode of a file that everybody can read, as far as the umask permits. */
const PUBLIC = 0o666;
/** The most attempts to find an unused name, or to open a file that another process replaces meanwhile. */
const TRIES_MAX = 10;

/** A file that is open for writing. */
export interface WrittenFile {
  readonly file: Deno.FsFile;
  /** False for a device or a pipe, whose mode and name are not changed. */
  readonly isRegular: boolean;
}

/** Options for a file that is to be written. */
export interface WriteOptions {
  readonly trust: DirectoryTrust;
  /** Whether a device or a pipe is accepted as it is. */
  readonly takesDevices?: boolean;
  /** Mode of a new file, less the umask; by default only its owner has access. */
  readonly mode?: number;
  /**
   * Writes into a new regular file before it replaces an old one, so that a failure or a crash leaves the old
   * file; absent: the file is empty at first.
   */
  readonly content?: (file: Deno.FsFile) => void;
  /** Is called if another process has locked the file, and throws an error. */
  readonly isLocked?: (inode: number) => never;
}

/**
 * Opens a new file in the place of an old one. The old file is replaced and not truncated, as somebody may
 * have it open. The new file is locked until it is closed.
 * @throws {SystemError} if the directory, the owner or the kind of the old file is not acceptable.
 */
export function createPrivate(path: string, options: WriteOptions): WrittenFile {
  const [directoryPath, name] = split(path);
  const directory = new Directory(directoryPath, options.trust);
  try {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const opened = createOnce(directory, name, options, path);
      if (opened) return opened;
    }
    throw new SystemError("Another process replaces it again and again", "open", "EEXIST");
  } finally {
    directory.close();
  }
}

/** Replaces a file as a whole: a reader sees the old text or the new one. @throws {SystemError} */
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
 * Writes a file that must not exist: nothing of that name is followed, opened or replaced.
 * @throws {SystemError} EEXIST if anything has the name.
 */
export function writeNew(
  path: string,
  content: string | Uint8Array,
  trust: DirectoryTrust,
  mode = OWNER_ONLY,
): void {
  const [directoryPath, name] = split(path);
  const directory = new Directory(directoryPath, trust);
  try {
    const fd = asSystemError(path, () => fs.openSync(directory.entry(name), NEW, mode));
    try {
      const octets = typeof content === "string" ? new TextEncoder().encode(content) : content;
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

/** Appends to a file of this program, which is made if it is missing. @throws {SystemError} */
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
 * Makes an empty file for its owner if there is none, for a library that opens it by name.
 * @throws {SystemError} if an existing file is not owned by this user.
 */
export function ensurePrivate(path: string, trust: DirectoryTrust): void {
  appendText(path, "", trust);
}

/**
 * Reads a file that the program wrote earlier.
 * @throws {SystemError} if it is no file, belongs to another user, or is longer than `octetsMax`.
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

/** Renames a file within its directory; a link of the new name is replaced. @throws {SystemError} */
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

/** Removes a file if it exists; of a link only the link. @throws {SystemError} */
export function removePrivate(path: string): void {
  asSystemError(path, () => fs.rmSync(path, { force: true }));
}

/** Writes a script into a directory of its own, which the caller removes. @throws {SystemError} */
export function writeScript(prefix: string, text: string): { directory: string; path: string } {
  const directory = Deno.makeTempDirSync({ prefix });
  const path = `${directory}/script`;
  replaceText(path, text, "user", OWNER_RUNS);
  return { directory, path };
}

/** Writes all octets. */
export function writeAll(file: Pick<Deno.FsFile, "writeSync">, octets: Uint8Array): void {
  for (let at = 0; at < octets.length;) at += file.writeSync(octets.subarray(at));
}

/** One attempt to create a file; undefined if another process has replaced the old file meanwhile. */
function createOnce(
  directory: Directory,
  name: string,
  options: WriteOptions,
  path: string,
): WrittenFile | undefined {
  const at = directory.entry(name);
  const old = fs.lstatSync(at, { throwIfNoEntry: false });
  if (!old) return createFirst(at, options);
  if (options.takesDevices && isSystemLink(old, path)) return openDevice(path);
  if (old.isSymbolicLink()) throw new SystemError(KIND.link, "open", "ELOOP");
  if (!isTrustedOwner(old.uid)) throw foreign(old);
  if (options.takesDevices && (old.isCharacterDevice() || old.isFIFO())) return openDevice(at);
  if (!old.isFile()) throw new SystemError(KIND.noFile, "open", "EINVAL");
  return replaceOld(directory, name, options);
}

function createFirst(at: string, options: WriteOptions): WrittenFile | undefined {
  let fd: number;
  try {
    fd = asSystemError(at, () => fs.openSync(at, NEW, options.mode ?? OWNER_ONLY));
  } catch (e) {
    if (e instanceof SystemError && e.errno === "EEXIST") return undefined;
    throw e;
  }
  return { file: withContent(locked(fileOf(fd), options), options), isRegular: true };
}

/** Replaces an old file while its lock is held, so that only one process replaces it. */
function replaceOld(
  directory: Directory,
  name: string,
  options: WriteOptions,
): WrittenFile | undefined {
  const at = directory.entry(name);
  const fd = asSystemError(at, () => fs.openSync(at, O_RDWR | O_NOFOLLOW | O_NONBLOCK));
  if (!fs.fstatSync(fd).isFile()) {
    fs.closeSync(fd);
    return undefined;
  }
  const old = locked(fileOf(fd), options);
  try {
    return { file: filled(directory, name, options), isRegular: true };
  } finally {
    old.close();
  }
}

/** Makes a new file, writes its content and gives it its name; after a failure nothing of it is left. */
function filled(directory: Directory, name: string, options: WriteOptions): Deno.FsFile {
  const [made, temporary] = newFile(directory, name, options.mode ?? OWNER_ONLY);
  try {
    const file = withContent(locked(made, options), options);
    const at = directory.entry(name);
    asSystemError(at, () => fs.renameSync(temporary, at));
    return file;
  } catch (e) {
    fs.rmSync(temporary, { force: true });
    throw e;
  }
}

/** Writes the content of a new file, which is closed if that fails. */
function withContent(file: Deno.FsFile, { content }: WriteOptions): Deno.FsFile {
  try {
    content?.(file);
    return file;
  } catch (e) {
    file.close();
    throw e;
  }
}

const NEW = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;

/** Makes a new file under a temporary name; returns both. */
function newFile(directory: Directory, name: string, mode: number): [Deno.FsFile, string] {
  const random = crypto.getRandomValues(new Uint8Array(8)).toHex();
  const at = directory.entry(`.${name.slice(0, 200)}.${random}`);
  const fd = asSystemError(at, () => fs.openSync(at, NEW, mode));
  return [fileOf(fd), at];
}

/** Opens the file of a descriptor again as a file of the runtime, which cannot take over a descriptor. */
function fileOf(fd: number): Deno.FsFile {
  try {
    return Deno.openSync(`/proc/self/fd/${fd}`, { read: true, write: true });
  } finally {
    fs.closeSync(fd);
  }
}

/** Opens a device or pipe without waiting for its reader, and then writes at the pace of the reader. */
function openDevice(at: string): WrittenFile {
  const fd = asSystemError(at, () => fs.openSync(at, O_WRONLY | O_NONBLOCK));
  try {
    const file = Deno.openSync(`/proc/self/fd/${fd}`, { write: true });
    return { file, isRegular: false };
  } finally {
    fs.closeSync(fd);
  }
}

/** Whether a path is a link of the system such as `/dev/stdout`. */
function isSystemLink(old: fs.Stats, path: string): boolean {
  return old.isSymbolicLink() && old.uid === 0 && /^\/dev\/(?:stdout|stderr|fd)(?:\/|$)/.test(path);
}

/** Checks what exists at the place of a file that is going to be renamed to it. */
function judgeOld(directory: Directory, name: string): void {
  const old = fs.lstatSync(directory.entry(name), { throwIfNoEntry: false });
  if (!old) return;
  if (old.isSymbolicLink()) throw new SystemError(KIND.link, "open", "ELOOP");
  if (!old.isFile()) throw new SystemError(KIND.noFile, "open", "EINVAL");
  if (!isTrustedOwner(old.uid)) throw foreign(old);
}

/**
 * Checks the ownership of a file. @throws {SystemError} if another user owns it, it has a second name, or it
 * is no file.
 */
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

/** Locks a file for as long as the process lives; if another process has the lock, the file is closed. */
function locked(file: Deno.FsFile, { isLocked }: WriteOptions): Deno.FsFile {
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
