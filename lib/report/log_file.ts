/**
 * Writes the log file of a run, with one line for each event and a size limit; or keeps it in memory until
 * the end.
 * @module
 */
import { concat } from "@/base/bytes.ts";
import { printableEntry } from "@/base/printable.ts";
import type { EventFilter, EventSink, RunEvent } from "@/engine/show/event_hub.ts";
import { SecretFile } from "@/report/secret_file.ts";

/** Options of a log. */
export interface LogFileOptions {
  readonly path: string;
  readonly filter: EventFilter;
  /** Octets after which the file is renamed to `.prev` and a new one is begun; 0: no limit. */
  readonly capOctets: number;
  /**
   * Whether everything is kept in memory and written at the end; of more than the size limit the older half
   * is dropped.
   */
  readonly inMemory: boolean;
}

const LEVEL_NAMES = ["", "CRIT ", "ERROR", "WARN ", "INFO ", "DEBUG"];
/**
 * The most lines that are collected before they are written, and the longest time that they wait, in
 * milliseconds.
 */
const PENDING_MAX = 200;
const FLUSH_INTERVAL_MS = 1_000;

/** An event as a line: `2026-01-31T12:00:00.000Z INFO  text`. */
export function logLine({ level, msg, epochMs }: RunEvent): string {
  return `${new Date(epochMs).toISOString()} ${LEVEL_NAMES[level]} ${printableEntry(msg)}\n`;
}

/** The log of one run. */
export class LogFile implements EventSink {
  filter: EventFilter;
  readonly #options: LogFileOptions;
  readonly #encoder = new TextEncoder();
  readonly #file: SecretFile;
  /** Writes collected lines at intervals, so that a reader of the file is up to date. */
  readonly #timer: ReturnType<typeof setInterval>;
  #octets = 0;
  #pending: Uint8Array[] = [];
  /** The older half of a log that is kept in memory. */
  #older: Uint8Array[] = [];

  /** @throws {SetupError} if the file cannot be written, or another process writes it. */
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
    // Events that end a test must be on disk when it ends.
    if (this.#pending.length >= PENDING_MAX || event.level <= 3) this.flush();
  }

  /** Writes the collected lines; a log in memory stays there. */
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
