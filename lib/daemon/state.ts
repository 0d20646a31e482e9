/**
 * The daemon's state file: SQLite, only for its owner. Instances are rows of JSON, since nobody asks
 * for parts of them; finished runs are a table to be read by people and other programs.
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { SetupError, SystemError, systemWords } from "@/base/errors.ts";
import { makeDirectory } from "@/files/directory.ts";
import { createPrivate, ensurePrivate } from "@/files/private_file.ts";
import type { FinishedRun, InstanceRecord, InstanceType, RunOutcome } from "@/daemon/record.ts";

/** Where it lies unless `--statedir` says otherwise. */
export const STATE_DIRECTORY = "/var/lib/myikev2";

/** Finished runs that are kept; older ones go. */
export const RUNS_MAX = 10_000;

/** How long another reader or writer may keep us waiting. */
const BUSY_MS = 5_000;

const TABLES = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  CREATE TABLE IF NOT EXISTS instances (name TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS runs (
    run INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    type INTEGER NOT NULL,
    logDirectory TEXT NOT NULL,
    defined INTEGER NOT NULL,
    ended INTEGER,
    outcome TEXT,
    words TEXT,
    established INTEGER,
    configured INTEGER
  ) STRICT;
`;

/** What a run's end is remembered by. */
export interface RunEnd {
  readonly outcome: RunOutcome;
  readonly words: string;
  readonly established: number | null;
  readonly configured: number | null;
}

/** The state of one daemon; nobody else has it open to write. */
export class StateFile {
  readonly #database: DatabaseSync;
  readonly #lock: Deno.FsFile;

  /** Makes directory and file where they are missing. @throws {SetupError} naming the directory. */
  constructor(directory: string) {
    try {
      makeDirectory(directory, "service");
      this.#lock = createPrivate(`${directory}/daemon.lock`, { trust: "service" }).file;
      // For its owner alone from the first moment on; SQLite gives the files beside it the same mode.
      ensurePrivate(fileIn(directory), "service");
    } catch (e) {
      const isLocked = e instanceof SystemError && e.errno === "EWOULDBLOCK";
      const words = isLocked ? "another daemon has it" : systemWords(e);
      throw new SetupError(`Cannot use --statedir ${directory}: ${words}`);
    }
    this.#database = openDatabase(directory, false);
  }

  /** All instances, in the order of their definition. */
  instances(): InstanceRecord[] {
    const rows = this.#database.prepare("SELECT record FROM instances ORDER BY rowid").all();
    return rows.map(({ record }) => JSON.parse(record as string));
  }

  /** Keeps an instance as it is now. */
  save(record: InstanceRecord): void {
    this.#database.prepare(
      "INSERT INTO instances VALUES (?, ?) ON CONFLICT DO UPDATE SET record = excluded.record",
    ).run(record.name, JSON.stringify(record));
  }

  /** Forgets an instance. */
  forget(name: string): void {
    this.#database.prepare("DELETE FROM instances WHERE name = ?").run(name);
  }

  /** A run begins; returns its number, which no other run ever has. */
  beginRun(name: string, type: InstanceType, logDirectory: string): number {
    const { lastInsertRowid } = this.#database.prepare(
      "INSERT INTO runs (name, type, logDirectory, defined) VALUES (?, ?, ?, ?)",
    ).run(name, type, logDirectory, Date.now());
    return Number(lastInsertRowid);
  }

  /** A run has ended; only the first end counts. */
  endRun(run: number, { outcome, words, established, configured }: RunEnd): void {
    this.#database.prepare(
      "UPDATE runs SET ended = ?, outcome = ?, words = ?, established = ?, configured = ? " +
        "WHERE run = ? AND ended IS NULL",
    ).run(Date.now(), outcome, words, established, configured, run);
    this.#database.prepare("DELETE FROM runs WHERE ended IS NOT NULL AND run <= ?").run(
      run - RUNS_MAX,
    );
  }

  /** A run that never was: its definition was refused. */
  dropRun(run: number): void {
    this.#database.prepare("DELETE FROM runs WHERE run = ?").run(run);
  }

  /** Closes it, and lets others have it. */
  close(): void {
    this.#database.close();
    this.#lock.close();
  }
}

/**
 * The finished runs of a state directory, oldest first; a daemon may be at work there.
 * @throws {SetupError} where there is none.
 */
export function finishedRuns(directory: string): FinishedRun[] {
  const database = openDatabase(directory, true);
  try {
    const rows = database.prepare(
      "SELECT run, name, type, defined, ended, outcome, words, logDirectory, established, configured " +
        "FROM runs WHERE ended IS NOT NULL ORDER BY ended, run",
    ).all();
    return rows.map((row) => ({ ...row }) as unknown as FinishedRun);
  } finally {
    database.close();
  }
}

function openDatabase(directory: string, readOnly: boolean): DatabaseSync {
  try {
    const database = new DatabaseSync(fileIn(directory), { readOnly });
    database.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
    if (!readOnly) database.exec(TABLES);
    return database;
  } catch (e) {
    throw new SetupError(`Cannot open the state in ${directory} (--statedir): ${systemWords(e)}`);
  }
}

function fileIn(directory: string): string {
  return `${directory}/daemon.sqlite`;
}
