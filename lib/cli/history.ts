/**
 * The history of the shell: the lines that were typed, kept in a file that only its owner can read,
 * `myikev2/history` in XDG_STATE_HOME (`~/.local/state` if that is not set).
 * @module
 */
import { makeDirectory } from "@/files/directory.ts";
import { appendText, readPrivate, replaceText } from "@/files/private_file.ts";

/** The most lines that are kept. */
const LINES_MAX = 1_000;
/** Octets of the longest file that is read; a longer one was not written by this program. */
const OCTETS_MAX = 16 << 20;

/** Path of the history file; undefined if there is no home directory. */
export function historyPath(env: (name: string) => string | undefined): string | undefined {
  const state = env("XDG_STATE_HOME");
  const home = env("HOME");
  // The XDG Base Directory Specification has relative paths ignored.
  if (state?.startsWith("/")) return `${state}/myikev2/history`;
  return home?.startsWith("/") ? `${home}/.local/state/myikev2/history` : undefined;
}

/** A history in a file. Errors of reading or writing are ignored, as the shell works without a history. */
export class History {
  readonly #path: string | undefined;
  /** The lines, oldest first. */
  #lines: string[] = [];

  constructor(path: string | undefined) {
    this.#path = path;
    this.#lines = this.#read();
    if (this.#lines.length > LINES_MAX) {
      this.#lines = this.#lines.slice(-LINES_MAX);
      this.#write(this.#lines.map((line) => `${line}\n`).join(""), false);
    }
  }

  /** The lines, newest first, as `node:readline` expects them. */
  get lines(): string[] {
    return this.#lines.toReversed();
  }

  /** Adds a line, unless it equals the last one. */
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
      // The home directory may be read-only; the shell works all the same.
    }
  }
}
