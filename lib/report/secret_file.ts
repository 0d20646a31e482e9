/**
 * Files that only their owner can read, as logs, captures and key files contain secrets. One
 * process at a time writes such a file.
 * @module
 */
import { tellLine } from "@/files/terminal.ts";
import { SetupError, systemWords } from "@/base/errors.ts";
import { createPrivate, renamePrivate, writeAll } from "@/files/private_file.ts";

/**
 * A file that is written from its start. A write that fails (a full disk, a reader that has gone)
 * is reported once, and nothing more is written, so that a test does not end because of its
 * records.
 *
 * The mode and name of a device or a pipe are not changed.
 */
export class SecretFile {
  readonly #path: string;
  readonly #option: string;
  readonly #tell: (line: string) => void;
  #file: Deno.FsFile;
  #isRegular: boolean;
  #isBroken = false;

  /**
   * `option` is the command-line option that names the file; `tell` is called with the message of a
   * failed write.
   * @throws {SetupError} if the file cannot be written, or another process writes it.
   */
  constructor(path: string, option: string, tell: (line: string) => void = tellOnScreen) {
    this.#path = path;
    this.#option = option;
    this.#tell = tell;
    [this.#file, this.#isRegular] = this.#open();
  }

  /** Writes all octets, unless an earlier write has failed. */
  write(octets: Uint8Array): void {
    if (this.#isBroken) return;
    try {
      writeAll(this.#file, octets);
    } catch (e) {
      this.#fail(e);
    }
  }

  /** Renames the file to `.prev` and begins a new one; a device is not changed. */
  turnOver(): void {
    if (!this.#isRegular || this.#isBroken) return;
    try {
      this.#file.close();
      renamePrivate(this.#path, `${this.#path}.prev`);
      [this.#file, this.#isRegular] = this.#open();
    } catch (e) {
      this.#fail(e);
    }
  }

  /** Closes the file. */
  close(): void {
    try {
      this.#file.close();
    } catch {
      // A failed rotation has closed the file already.
    }
  }

  #open(): [file: Deno.FsFile, isRegular: boolean] {
    const path = this.#path;
    const option = this.#option;
    const isLocked = (inode: number): never => {
      const holder = lockHolder(inode);
      throw new SetupError(
        `Cannot write ${path}: ${holder} writes it; name another with ${option}`,
      );
    };
    try {
      const { file, isRegular } = createPrivate(path, {
        trust: "user",
        takesDevices: true,
        isLocked,
      });
      return [file, isRegular];
    } catch (e) {
      if (e instanceof SetupError) throw e;
      throw new SetupError(`Cannot write ${path} (${option}): ${systemWords(e)}`);
    }
  }

  #fail(e: unknown): void {
    this.#isBroken = true;
    this.#tell(`Cannot write ${this.#path} (${this.#option}) any more: ${systemWords(e)}`);
  }
}

/**
 * The process that holds the lock, by a line such as `8: FLOCK ADVISORY WRITE <pid>
 * <device>:<inode> 0 EOF` of `/proc/locks`.
 */
function lockHolder(inode: number | null): string {
  const lock = readText("/proc/locks").split("\n").map((line) => line.trim().split(/\s+/))
    .find((words) => words[5]?.endsWith(`:${inode}`));
  const pid = Number(lock?.[4]);
  if (!(pid > 0)) return "another process";
  return `process ${pid} (${readText(`/proc/${pid}/comm`).trim() || "unknown"})`;
}

function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

function tellOnScreen(line: string): void {
  tellLine(`myikev2: ${line}`);
}
