/**
 * A file of this program to which lines of ASCII are appended while it runs, so that they outlive a crash. It is
 * written anew, with the lines that still count, when it is opened and whenever it has grown too long, and has
 * twice the octets that it had then: an append costs the same however many lines count. The new file is complete
 * before it replaces the old one. Only its owner can read it, and only one process has it open.
 * @module
 */
import { SystemError } from "@/base/errors.ts";
import { createPrivate, readPrivate, writeAll } from "@/files/private_file.ts";

/** The characters that are collected before they are written. */
const CHARACTERS_AT_ONCE = 65_536;

/** What a {@linkcode LineFile} needs. */
export interface LineFileOptions {
  readonly path: string;
  /** The length in octets from which the file is written anew. The lines that count need half of it at most. */
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
  /** The length of the file when it was written anew, in octets. */
  #octetsAnew = 0;

  /** Writes the file anew with the lines that count. @throws {SystemError} */
  constructor(options: LineFileOptions) {
    this.#options = options;
    this.#rewrite();
  }

  /** Appends a line, which the owner has among those that count already, if it does. */
  append(line: string): void {
    this.#try(() => {
      if (!this.#file) return;
      const octetsMax = Math.max(this.#options.octetsMax, 2 * this.#octetsAnew);
      if (this.#octets + line.length + 1 > octetsMax) this.#rewrite();
      else this.#octets += writeLines(this.#file, [line]);
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
      content: (file) => {
        this.#octets = this.#octetsAnew = writeLines(file, lines());
      },
      isLocked: () => {
        throw new SystemError("Another process uses it", "open", "EBUSY");
      },
    }).file;
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

/** Writes lines, many at a time; returns the number of octets. */
function writeLines(file: Deno.FsFile, lines: Iterable<string>): number {
  const encoder = new TextEncoder();
  let octets = 0;
  let text = "";
  const flush = () => {
    const encoded = encoder.encode(text);
    writeAll(file, encoded);
    octets += encoded.length;
    text = "";
  };
  for (const line of lines) {
    text += `${line}\n`;
    if (text.length > CHARACTERS_AT_ONCE) flush();
  }
  flush();
  return octets;
}
