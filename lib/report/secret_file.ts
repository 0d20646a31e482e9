/**
 * Files only their owner may read: logs, captures and key files tell too much for others. One process
 * writes such a file at a time.
 * @module
 */
import { tellLine } from "@/files/terminal.ts";
import { SetupError, systemWords } from "@/base/errors.ts";
import { createPrivate, renamePrivate, writeAll } from "@/files/private_file.ts";

/**
 * A file that is written from its start. A write that fails (a full disk, a reader that went) is told
 * once, and nothing more is written: a test is not ended by what records it.
 *
 * A device or a pipe is written to as it is: its mode, its name and its octets are not ours.
 */
export class SecretFile {
  readonly #path: string;
  readonly #option: string;
  readonly #tell: (line: string) => void;
  #file: Deno.FsFile;
  #isRegular: boolean;
  #isBroken = false;

  /**
   * `option` is what names the file on the command line; `tell` hears of a write that fails.
   * @throws {SetupError} where the file cannot be written, or another process writes it.
   */
  constructor(path: string, option: string, tell: (line: string) => void = tellOnScreen) {
    this.#path = path;
    this.#option = option;
    this.#tell = tell;
    [this.#file, this.#isRegular] = this.#open();
  }

  /** Writes all octets, if it still can. */
  write(octets: Uint8Array): void {
    if (this.#isBroken) return;
    try {
      writeAll(this.#file, octets);
    } catch (e) {
      this.#fail(e);
    }
  }

  /** Keeps what is written under the name `.prev`, and begins anew; a device just goes on. */
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

  /** Closes it. */
  close(): void {
    try {
      this.#file.close();
    } catch {
      // It broke while it was turned over.
    }
  }

  #open(): [file: Deno.FsFile, isRegular: boolean] {
    const path = this.#path, option = this.#option;
    const isLocked = (inode: number): never => {
      const holder = holderOf(inode);
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

/** Who has the lock: `8: FLOCK ADVISORY WRITE <pid> <device>:<inode> 0 EOF` in `/proc/locks`. */
function holderOf(inode: number | null): string {
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
