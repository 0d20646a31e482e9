/**
 * Reads single keys of the terminal while a test runs, as long as this process is in its foreground. The
 * terminal is put back when nothing is read any more, however the process ends by itself.
 * @module
 */
import { ignoreTerminalStops } from "@/native/job_control.ts";

/** How often a process in the background looks whether it is in the foreground again, in milliseconds. */
const FOREGROUND_CHECK_MS = 1_000;

/** Keys that are being read. */
export class Keys {
  #isWanted = true;
  #isRaw = false;
  readonly #restore = () => this.#setRaw(false);

  private constructor(readonly pressed: (key: string) => void) {}

  /** Begins to read; undefined if standard input is no terminal, or cannot be read without being stopped. */
  static read(pressed: (key: string) => void): Keys | undefined {
    if (!Deno.stdin.isTerminal() || !ignoreTerminalStops()) return undefined;
    const keys = new Keys(pressed);
    globalThis.addEventListener("unload", keys.#restore);
    void keys.#loop();
    return keys;
  }

  /** Stops reading, and puts the terminal back. */
  close(): void {
    this.#isWanted = false;
    this.#setRaw(false);
    globalThis.removeEventListener("unload", this.#restore);
  }

  async #loop(): Promise<void> {
    const octets = new Uint8Array(16);
    while (this.#isWanted) {
      if (!isInForeground()) {
        this.#isRaw = false;
        await background();
        continue;
      }
      this.#setRaw(true);
      try {
        const count = await Deno.stdin.read(octets);
        if (count === null) return;
        if (!this.#isWanted) return;
        for (const key of new TextDecoder().decode(octets.subarray(0, count))) this.pressed(key);
      } catch {
        // The read was refused as the process is in the background, or the terminal is gone.
        await background();
      }
    }
  }

  #setRaw(isRaw: boolean): void {
    if (this.#isRaw === isRaw || !isInForeground()) return;
    try {
      // Ctrl-C remains a signal.
      Deno.stdin.setRaw(isRaw, { cbreak: true });
      this.#isRaw = isRaw;
    } catch { /* the terminal is gone */ }
  }
}

function background(): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, FOREGROUND_CHECK_MS);
    Deno.unrefTimer(timer);
  });
}

/** Whether this process may read its terminal: its process group is that of the foreground. */
function isInForeground(): boolean {
  try {
    const [, rest = ""] = /\) (.*)$/s.exec(Deno.readTextFileSync("/proc/self/stat")) ?? [];
    // state, ppid, pgrp, session, tty_nr, tpgid
    const [, , group, , , foreground] = rest.split(" ");
    return group === foreground;
  } catch {
    return false;
  }
}
