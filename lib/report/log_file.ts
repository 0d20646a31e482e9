/**
 * The log file of a run: one line an event, a size cap, or all of it in memory until the end.
 * @module
 */
import { concat } from "@/base/bytes.ts";
import { printableEntry } from "@/base/printable.ts";
import type { EventFilter, EventSink, RunEvent } from "@/engine/show/event_hub.ts";
import { SecretFile } from "@/report/secret_file.ts";

/** How a log is kept. */
export interface LogFileOptions {
  readonly path: string;
  readonly filter: EventFilter;
  /** Octets after which a new file is begun and the old one is `.prev`; 0: no cap. */
  readonly capOctets: number;
  /** Keep everything in memory (the same cap: the oldest half goes), write it at the end. */
  readonly inMemory: boolean;
}

const LEVEL_NAMES = ["", "CRIT ", "ERROR", "WARN ", "INFO ", "DEBUG"];
/** Lines that are gathered before they are written, and the longest that they wait. */
const PENDING_MAX = 200;
const FLUSH_INTERVAL_MS = 1_000;

/** `2026-01-31T12:00:00.000Z INFO  text` */
export function logLine({ level, msg, epochMs }: RunEvent): string {
  return `${new Date(epochMs).toISOString()} ${LEVEL_NAMES[level]} ${printableEntry(msg)}\n`;
}

/** A log that is being written. */
export class LogFile implements EventSink {
  filter: EventFilter;
  readonly #options: LogFileOptions;
  readonly #encoder = new TextEncoder();
  readonly #file: SecretFile;
  /** Who follows the file sees what happened. */
  readonly #timer: ReturnType<typeof setInterval>;
  #octets = 0;
  #pending: Uint8Array[] = [];
  /** What memory holds of an older half, when `inMemory`. */
  #older: Uint8Array[] = [];

  /** @throws {SetupError} where the file cannot be written, or another process writes it. */
  constructor(options: LogFileOptions) {
    this.#options = options;
    this.filter = options.filter;
    this.#file = new SecretFile(options.path, "--lf");
    this.#timer = setInterval(() => this.flush(), FLUSH_INTERVAL_MS);
  }

  write(event: RunEvent): void {
    const line = this.#encoder.encode(logLine(event));
    this.#octets += line.length;
    this.#pending.push(line);
    if (this.#options.inMemory) return this.#forget();
    // What ends a test must be on disk when it ends.
    if (this.#pending.length >= PENDING_MAX || event.level <= 3) this.flush();
  }

  /** Writes what is pending; a log in memory stays there. */
  flush(): void {
    if (this.#options.inMemory) return;
    this.#file.write(concat(...this.#pending));
    this.#pending = [];
    const { capOctets } = this.#options;
    if (capOctets > 0 && this.#octets >= capOctets) {
      this.#file.turnOver();
      this.#octets = 0;
    }
  }

  /** Writes the rest and closes the file. */
  close(): void {
    clearInterval(this.#timer);
    for (const line of [...this.#older, ...this.#pending]) this.#file.write(line);
    this.#older = this.#pending = [];
    this.#file.close();
  }

  #forget(): void {
    const { capOctets } = this.#options;
    if (capOctets === 0 || this.#octets * 2 < capOctets) return;
    this.#older = this.#pending;
    this.#pending = [];
    this.#octets = 0;
  }
}
