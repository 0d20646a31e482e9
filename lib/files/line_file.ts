/**
 * A text file of this program to which lines are appended while it runs, so that they outlive a crash. It is
 * written anew, with the lines that still count, when it is opened and whenever it has grown too long. Only its
 * owner can read it, and only one process has it open.
 * @module
 */
import { SystemError } from "@/base/errors.ts";
import { createPrivate, readPrivate, writeAll } from "@/files/private_file.ts";

/** What a {@linkcode LineFile} needs. */
export interface LineFileOptions {
  readonly path: string;
  /** The longest file that is read and written, in octets. */
  readonly octetsMax: number;
  /** The lines that still count, without their ends; they are written in place of all others. */
  readonly lines: () => Iterable<string>;
  /** Is called once if a line cannot be written; nothing is written after that. */
  readonly failed: (why: string) => void;
}

/** The lines of a file without their ends; empty if there is no file. @throws {SystemError} */
export function readLines(path: string, octetsMax: number): string[] {
  try {
    return readPrivate(path, octetsMax).split("\n").filter((line) => line !== "");
  } catch (e) {
    if (e instanceof SystemError && e.errno === "ENOENT") return [];
    throw e;
  }
}

/** A file that is open. */
export class LineFile {
  readonly #options: LineFileOptions;
  #file: Deno.FsFile | undefined;
  #octets = 0;

  /** Writes the file anew with the lines that count. @throws {SystemError} */
  constructor(options: LineFileOptions) {
    this.#options = options;
    this.#rewrite();
  }

  /** Appends a line. */
  append(line: string): void {
    this.#try(() => {
      this.#write(line);
      if (this.#octets > this.#options.octetsMax) this.#rewrite();
    });
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #rewrite(): void {
    const { path, lines } = this.#options;
    // A file that is open is locked, also for this process.
    this.close();
    this.#file = createPrivate(path, {
      trust: "user",
      isLocked: () => {
        throw new SystemError("Another process uses it", "open", "EBUSY");
      },
    }).file;
    this.#octets = 0;
    for (const line of lines()) this.#write(line);
  }

  #write(line: string): void {
    if (!this.#file) return;
    const octets = new TextEncoder().encode(`${line}\n`);
    writeAll(this.#file, octets);
    this.#octets += octets.length;
  }

  #try(action: () => void): void {
    try {
      action();
    } catch (e) {
      this.close();
      this.#options.failed(e instanceof Error ? e.message : String(e));
    }
  }
}
