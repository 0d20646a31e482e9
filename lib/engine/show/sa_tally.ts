/**
 * Counts events of established SAs: refused rekeys, exceeded lifetimes, closed CHILD_SAs, refused requests of
 * peers.
 * @module
 */
import type { EffectHandlers, RunPart } from "@/engine/run/part.ts";
import type { RunFigures } from "@/engine/show/figures.ts";
import type { CountedCauses } from "@/engine/show/figure.ts";
import { CauseCounts } from "@/engine/show/cause_counts.ts";
import { showMethods, showSa } from "@/engine/show/sa_view.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { CloseCode, type Failure } from "@/ike/records/failure.ts";

/** The figures that are counted here. */
export type SaFigures = Pick<
  RunFigures,
  | "rekeysRefused"
  | "crossedRekeys"
  | "overtime"
  | "moves"
  | "movesFailed"
  | "keyExchanges"
  | "childrenRefused"
  | "childrenLost"
  | "refusals"
  | "displaced"
  | "unauthenticated"
>;

/** Counters of established SAs. */
export class SaTally implements RunPart {
  readonly #refused = { ike: 0, child: 0 };
  readonly #crossed = { ike: 0, child: 0 };
  readonly #overtime = { ike: 0, child: 0 };
  readonly #refusedRekeys = new CauseCounts();
  readonly #refusedChildren = new CauseCounts();
  readonly #lostChildren = new CauseCounts();
  readonly #refusals = new CauseCounts();
  readonly #failedMoves = new CauseCounts();
  readonly #methods = { ike: new Map<string, number>(), child: new Map<string, number>() };
  #withPpk = 0;
  #displaced = 0;
  #moves = 0;
  #unauthenticated = 0;

  readonly handlers: EffectHandlers = {
    established: (_, sa) => {
      countName(this.#methods.ike, showMethods(sa.suite!));
      if (sa.peer.ppk) this.#withPpk++;
      const methods = [sa.peer.auth, sa.peer.ownAuth];
      if (methods.includes(AuthMethod.NULL_AUTHENTICATION)) this.#unauthenticated++;
    },
    replaced: ({ by }) => countName(this.#methods.ike, showMethods(by.suite!)),
    child_up: ({ by }) => {
      if (by.group !== 0) countName(this.#methods.child, showMethods(by));
    },
    create_child_failed: ({ old, failure }, sa) => {
      if (old) this.#refused.child++;
      add(old ? this.#refusedRekeys : this.#refusedChildren, failure, sa);
    },
    rekey_ike_failed: ({ failure }, sa) => {
      this.#refused.ike++;
      add(this.#refusedRekeys, failure, sa);
    },
    crossed: ({ child }) => void (child ? this.#crossed.child++ : this.#crossed.ike++),
    overtime: ({ child }) => void (child ? this.#overtime.child++ : this.#overtime.ike++),
    moved: (_, sa) => {
      if (sa.peer.mobility) this.#moves++;
    },
    move_failed: ({ failure }, sa) => add(this.#failedMoves, failure, sa),
    child_lost: ({ failure }, sa) => add(this.#lostChildren, failure, sa),
    refused: ({ failure }, sa) => add(this.#refusals, failure, sa),
    closed: (_, sa) => {
      if (sa.closeCode === CloseCode.INITIAL_CONTACT) this.#displaced++;
    },
  };

  /** The {@linkcode SaFigures}. */
  figures(): SaFigures {
    return {
      keyExchanges: {
        ike: Object.fromEntries(this.#methods.ike),
        child: Object.fromEntries(this.#methods.child),
        ppk: this.#withPpk,
      },
      rekeysRefused: { ...this.#refused, causes: this.#refusedRekeys.figures() },
      crossedRekeys: { ...this.#crossed },
      overtime: { ...this.#overtime },
      moves: this.#moves,
      movesFailed: counted(this.#failedMoves),
      childrenRefused: counted(this.#refusedChildren),
      childrenLost: counted(this.#lostChildren),
      refusals: this.#refusals.figures(),
      displaced: this.#displaced,
      unauthenticated: this.#unauthenticated,
    };
  }
}

function countName(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function counted(causes: CauseCounts): CountedCauses {
  return { count: causes.total, causes: causes.figures() };
}

function add(counts: CauseCounts, { cause, text }: Failure, sa: IkeSa): void {
  counts.add(cause, () => `${text}; ${showSa(sa)}`);
}
