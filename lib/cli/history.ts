/**
 * The lines typed in the shell, kept for the next time in a file that only its owner may read:
 * `myikev2/history` in XDG_STATE_HOME (`~/.local/state` without it).
 * @module
 */
import { makeDirectory } from "@/files/directory.ts";
import { appendText, readPrivate, replaceText } from "@/files/private_file.ts";

/** Lines that are kept. */
const LINES_MAX = 1_000;
/** A longer file is none of ours. */
const OCTETS_MAX = 16 << 20;

/** Where the history is; nothing where there is no home to keep it in. */
export function historyPath(env: (name: string) => string | undefined): string | undefined {
  const state = env("XDG_STATE_HOME"), home = env("HOME");
  // The XDG Base Directory Specification: a relative path is to be ignored.
  if (state?.startsWith("/")) return `${state}/myikev2/history`;
  return home?.startsWith("/") ? `${home}/.local/state/myikev2/history` : undefined;
}

/** A history in a file. What cannot be read or written is not kept, and nobody is told. */
export class History {
  readonly #path: string | undefined;
  /** Oldest first. */
  #lines: string[] = [];

  constructor(path: string | undefined) {
    this.#path = path;
    this.#lines = this.#read();
    if (this.#lines.length > LINES_MAX) {
      this.#lines = this.#lines.slice(-LINES_MAX);
      this.#write(this.#lines.map((line) => `${line}\n`).join(""), false);
    }
  }

  /** Newest first, as `node:readline` wants it. */
  get lines(): string[] {
    return this.#lines.toReversed();
  }

  /** Keeps a line, unless it is the same as the last. */
  add(line: string): void {
    const one = line.trim().replaceAll(/[\r\n]+/g, " ");
    if (one === "" || one === this.#lines.at(-1)) return;
    this.#lines.push(one);
    this.#write(`${one}\n`, true);
  }

  #read(): string[] {
    if (this.#path === undefined) return [];
    try {
      return readPrivate(this.#path, OCTETS_MAX).split("\n").filter((line) => line !== "");
    } catch {
      return [];
    }
  }

  #write(text: string, append: boolean): void {
    if (this.#path === undefined) return;
    try {
      makeDirectory(this.#path.slice(0, this.#path.lastIndexOf("/")), "user");
      if (append) appendText(this.#path, text, "user");
      else replaceText(this.#path, text, "user");
    } catch {
      // A read-only home: the shell works all the same.
    }
  }
}
