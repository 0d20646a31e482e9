/**
 * What all instances of a daemon share.
 * @module
 */
import type { IpPrefix } from "@/base/address.ts";
import type { VerifySetup } from "@/daemon/definition.ts";
import type { StateFile } from "@/daemon/state.ts";

/** How grave it is: 2 error, 3 warning, 4 info, 5 debug. */
export type TellLevel = 2 | 3 | 4 | 5;

/** The daemon as its instances see it. */
export interface Surroundings {
  readonly state: StateFile;
  /** Management addresses are taken from it. */
  readonly prefix: IpPrefix;
  /** Program and first arguments that start us. */
  readonly ownCommand: readonly string[];
  /** Whether setups are read leniently. */
  readonly lenient: boolean;
  /** Users whom the APIs trust, as --allow-user names them. */
  readonly allowUsers: readonly string[];
  /** Whether the APIs trust callers on other hosts without a certificate. */
  readonly insecure: boolean;
  /** How long one shell command may take. */
  readonly commandTimeoutMs: number;
  readonly verify: VerifySetup;
  /** The daemon's log. */
  readonly tell: (level: TellLevel, words: string) => void;
}

/** Lets one at a time in, in the order they came. */
export class Turn {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** Whether somebody is in or waits. */
  get isTaken(): boolean {
    return this.#waiting > 0;
  }

  /** Runs `body` when all who came before are done, however that ended. */
  take<T>(body: () => Promise<T>): Promise<T> {
    this.#waiting++;
    const mine = this.#last.then(body).finally(() => this.#waiting--);
    this.#last = mine.catch(() => {});
    return mine;
  }
}
