/**
 * The daemon's state in an SQLite file that only its owner can read. Instances are stored as JSON, since
 * they are only read as a whole; finished runs are a table with columns for people and other programs.
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { SetupError, SystemError, systemWords } from "@/base/errors.ts";
import { makeDirectory } from "@/files/directory.ts";
import { createPrivate, ensurePrivate } from "@/files/private_file.ts";
import type { FinishedRun, InstanceRecord, InstanceType, RunOutcome } from "@/daemon/record.ts";

/** Default of `--statedir`. */
export const STATE_DIRECTORY = "/var/lib/myikev2";

/** Number of finished runs that are kept; older ones are deleted. */
export const RUNS_MAX = 10_000;

/** Longest wait for a lock of another reader or writer, in milliseconds. */
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
    reason TEXT,
    established INTEGER,
    configured INTEGER
  ) STRICT;
`;

/** What earlier versions called the column `reason` of the finished runs. */
const EARLIER_COLUMN = "words";

/** How a run ended, as it is stored in the history. */
export interface RunEnd {
  readonly outcome: RunOutcome;
  readonly reason: string;
  readonly established: number | null;
  readonly configured: number | null;
}

/** The open state file of one daemon, locked against others. */
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
      const reason = isLocked ? "another daemon has it" : systemWords(e);
      throw new SetupError(`Cannot use --statedir ${directory}: ${reason}`);
    }
    this.#database = openDatabase(directory, false);
  }

  /** All instances, in the order of their definition. */
  instances(): InstanceRecord[] {
    const rows = this.#database.prepare("SELECT record FROM instances ORDER BY rowid").all();
    return rows.map(({ record }) => withPresentNames(JSON.parse(record as string)));
  }

  /** Saves the record of an instance. */
  save(record: InstanceRecord): void {
    this.#database.prepare(
      "INSERT INTO instances VALUES (?, ?) ON CONFLICT DO UPDATE SET record = excluded.record",
    ).run(record.name, JSON.stringify(record));
  }

  /** Deletes the record of an instance. */
  forget(name: string): void {
    this.#database.prepare("DELETE FROM instances WHERE name = ?").run(name);
  }

  /** Adds a run to the history; returns its number, which is never reused. */
  beginRun(name: string, type: InstanceType, logDirectory: string): number {
    const { lastInsertRowid } = this.#database.prepare(
      "INSERT INTO runs (name, type, logDirectory, defined) VALUES (?, ?, ?, ?)",
    ).run(name, type, logDirectory, Date.now());
    return Number(lastInsertRowid);
  }

  /** Stores how a run ended; later calls for the same run change nothing. */
  endRun(run: number, { outcome, reason, established, configured }: RunEnd): void {
    this.#database.prepare(
      "UPDATE runs SET ended = ?, outcome = ?, reason = ?, established = ?, configured = ? " +
        "WHERE run = ? AND ended IS NULL",
    ).run(Date.now(), outcome, reason, established, configured, run);
    this.#database.prepare("DELETE FROM runs WHERE ended IS NOT NULL AND run <= ?").run(
      run - RUNS_MAX,
    );
  }

  /** Deletes a run whose definition was refused. */
  dropRun(run: number): void {
    this.#database.prepare("DELETE FROM runs WHERE run = ?").run(run);
  }

  /** Closes the file and releases its lock. */
  close(): void {
    this.#database.close();
    this.#lock.close();
  }
}

/** Names of members in records that earlier versions saved, and what they are called now. */
const RENAMED = { lent: "moved", hasSite: "hasNetwork", words: "reason" } as const;

/** Reads a record of this or an earlier version. */
function withPresentNames(saved: Record<string, unknown>): InstanceRecord {
  const present = Object.entries(saved).map(([name, value]) => [
    Object.hasOwn(RENAMED, name) ? RENAMED[name as keyof typeof RENAMED] : name,
    value,
  ]);
  return Object.fromEntries(present) as InstanceRecord;
}

/**
 * Reads the finished runs of a state directory, oldest first; a daemon may have it open.
 * @throws {SetupError} where there is none.
 */
export function finishedRuns(directory: string): FinishedRun[] {
  const database = openDatabase(directory, true);
  try {
    const reason = hasEarlierColumn(database) ? `${EARLIER_COLUMN} AS reason` : "reason";
    const rows = database.prepare(
      `SELECT run, name, type, defined, ended, outcome, ${reason}, ` +
        "logDirectory, established, configured FROM runs WHERE ended IS NOT NULL ORDER BY ended, run",
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
    if (!readOnly) {
      database.exec(TABLES);
      if (hasEarlierColumn(database)) {
        database.exec(`ALTER TABLE runs RENAME COLUMN ${EARLIER_COLUMN} TO reason`);
      }
    }
    return database;
  } catch (e) {
    throw new SetupError(`Cannot open the state in ${directory} (--statedir): ${systemWords(e)}`);
  }
}

/** Whether an earlier version made the table of runs, and no daemon of this version has opened it yet. */
function hasEarlierColumn(database: DatabaseSync): boolean {
  const columns = database.prepare("SELECT 1 FROM pragma_table_info('runs') WHERE name = ?");
  return columns.get(EARLIER_COLUMN) !== undefined;
}

function fileIn(directory: string): string {
  return `${directory}/daemon.sqlite`;
}
