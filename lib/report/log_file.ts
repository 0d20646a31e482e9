/**
 * The log file of a run: one line an event, a size cap, or all of it in memory until the end.
 * @module
 */
import { SetupError } from "@/base/errors.ts";
import type { EventFilter, EventSink, RunEvent } from "@/engine/event_hub.ts";
import { openSecretFile, writeAll } from "@/report/secret_file.ts";

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
/** Lines that are gathered before they are written. */
const PENDING_MAX = 200;

/** `2026-01-31T12:00:00.000Z INFO  text` */
export function logLine({ level, msg, epochMs }: RunEvent): string {
  return `${new Date(epochMs).toISOString()} ${LEVEL_NAMES[level]} ${msg}\n`;
}

/** A log that is being written. */
export class LogFile implements EventSink {
  filter: EventFilter;
  readonly #options: LogFileOptions;
  readonly #encoder = new TextEncoder();
  #file: Deno.FsFile;
  #octets = 0;
  #pending: Uint8Array[] = [];
  /** What memory holds of an older half, when `inMemory`. */
  #older: Uint8Array[] = [];

  /** @throws {SetupError} where the file cannot be written, or another process writes it. */
  constructor(options: LogFileOptions) {
    this.#options = options;
    this.filter = options.filter;
    refuseShared(options.path);
    this.#file = openSecretFile(options.path, "--lf");
    lock(this.#file, options.path);
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
    for (const line of this.#pending) writeAll(this.#file, line);
    this.#pending = [];
    const { capOctets } = this.#options;
    if (capOctets > 0 && this.#octets >= capOctets) this.#turnOver();
  }

  /** Writes the rest and closes the file. */
  close(): void {
    for (const line of [...this.#older, ...this.#pending]) writeAll(this.#file, line);
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

  #turnOver(): void {
    const { path } = this.#options;
    this.#file.close();
    Deno.renameSync(path, `${path}.prev`);
    this.#file = openSecretFile(path, "--lf");
    lock(this.#file, path);
    this.#octets = 0;
  }
}

/** Two tests must not write one file: the second says which process has it. */
function refuseShared(path: string): void {
  let wanted: Deno.FileInfo;
  try {
    wanted = Deno.statSync(path);
  } catch {
    return; // not there yet
  }
  for (const pid of directory("/proc").filter((name) => /^\d+$/.test(name))) {
    if (Number(pid) === Deno.pid) continue;
    for (const fd of directory(`/proc/${pid}/fd`)) {
      const held = stat(`/proc/${pid}/fd/${fd}`);
      if (held?.isFile && held.ino === wanted.ino && held.dev === wanted.dev) {
        const name = readText(`/proc/${pid}/comm`);
        throw new SetupError(
          `Cannot write ${path}: process ${pid} (${name}) writes it; name another file with --lf`,
        );
      }
    }
  }
}

/** A lock tells what `/proc` of another user's process does not. */
function lock(file: Deno.FsFile, path: string): void {
  if (!file.tryLockSync(true)) {
    file.close();
    throw new SetupError(`Cannot write ${path}: another process writes it; name another with --lf`);
  }
}

function directory(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].map((entry) => entry.name);
  } catch {
    return [];
  }
}

function stat(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch {
    return undefined;
  }
}

function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path).trim();
  } catch {
    return "?";
  }
}
