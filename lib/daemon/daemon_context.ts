/**
 * What all instances of one daemon share: its state file, its options and its log; and the mutex by
 * which they take turns.
 * @module
 */
import type { IpPrefix } from "@/base/address.ts";
import type { VerifySetup } from "@/daemon/definition.ts";
import type { StateFile } from "@/daemon/state.ts";

/** Severity of a log entry: 2 error, 3 warning, 4 info, 5 debug. */
export type TellLevel = 2 | 3 | 4 | 5;

/** What every instance gets from its daemon. */
export interface DaemonContext {
  readonly state: StateFile;
  /** The prefix from which instances get their management addresses (`--mgmtprefix`). */
  readonly prefix: IpPrefix;
  /** The program and the first arguments by which myikev2 is started again. */
  readonly ownCommand: readonly string[];
  /** Whether unknown options of setups are warnings (`--lenient`). */
  readonly lenient: boolean;
  /** Users whom the APIs trust, as --allow-user names them. */
  readonly allowUsers: readonly string[];
  /** Whether the APIs trust callers on other hosts without a certificate. */
  readonly insecure: boolean;
  /** Whether instances get a live page, which the page of the daemon shows (`--web`). */
  readonly showsInstances: boolean;
  /** Whether sentences that may name an identity are left out of their pages. */
  readonly masks: boolean;
  /** Longest time of one shell command, in milliseconds (`--cmdtimeout`). */
  readonly commandTimeoutMs: number;
  readonly verify: VerifySetup;
  /** Writes an entry into the daemon's log. */
  readonly tell: (level: TellLevel, words: string) => void;
}

/** Runs asynchronous sections one at a time, in the order in which they were asked for. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** Whether a section runs or waits. */
  get isLocked(): boolean {
    return this.#waiting > 0;
  }

  /** Runs `body` once all earlier sections have ended, whether they succeeded or threw. */
  run<T>(body: () => Promise<T>): Promise<T> {
    this.#waiting++;
    const mine = this.#last.then(body).finally(() => this.#waiting--);
    this.#last = mine.catch(() => {});
    return mine;
  }
}
