/**
 * Handles rekeys of CHILD_SAs and IKE SAs that are requested by the API, and their outcomes.
 * @module
 */
import type { CoreLoop } from "@/engine/run/core_loop.ts";
import type { EffectHandlers, RunPart } from "@/engine/run/part.ts";
import { RekeyWaiters } from "@/engine/run/rekey_waiters.ts";
import type { SaList } from "@/engine/show/sa_list.ts";
import { isLive } from "@/engine/show/sa_view.ts";
import type { RekeyIkeOutcome, RekeyOutcome } from "@/engine/show/view.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { ownSpi } from "@/ike/records/ike_sa.ts";
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";

/** The outcome for those who wait for the rekey of a CHILD_SA that is deleted first. */
const DELETED_CHILD = {
  cause: "CLOSED",
  closeCode: CloseCode.OPEN,
  text: "The CHILD_SA was deleted meanwhile",
};

/** The requested rekeys of a run. */
export class Rekeys implements RunPart {
  readonly #loop: CoreLoop;
  readonly #sas: SaList;
  readonly #children = new RekeyWaiters<ChildSa, { kind: "done" }>((child) => child.parent);
  readonly #ikeSas = new RekeyWaiters<IkeSa, { kind: "done"; spi: bigint }>((sa) => sa);
  #isOver = false;

  constructor(loop: CoreLoop, sas: SaList) {
    this.#loop = loop;
    this.#sas = sas;
  }

  readonly handlers: EffectHandlers = {
    replaced: ({ by }, sa) => this.#ikeSas.done(sa, { kind: "done", spi: ownSpi(by) }),
    child_up: ({ old }) => this.#children.done(old, { kind: "done" }),
    create_child_failed: ({ old, failure }) => this.#children.failed(old, failure),
    rekey_ike_failed: ({ failure }, sa) => this.#ikeSas.failed(sa, failure),
    // The waiters of a CHILD_SA that was replaced have been resolved before.
    uninstall: ({ child }) => this.#children.failed(child, DELETED_CHILD),
    closed: (_, sa) => {
      this.#children.closed(sa);
      this.#ikeSas.closed(sa);
    },
  };

  /** Rekeys the CHILD_SA with an own SPI (uint32); resolves when that has succeeded or failed. */
  child(spi: number): Promise<RekeyOutcome> {
    const child = this.#sas.ownChild(spi);
    if (!child) {
      const kind = this.#sas.childSa(spi) ? "not_established" : "unknown";
      return Promise.resolve({ kind });
    }
    if (this.#isOver || child.state !== "established" || !isLive(child.parent)) {
      return Promise.resolve({ kind: "not_established" });
    }
    const outcome = this.#children.awaited(child);
    this.#loop.turn(() => this.#loop.command(child.parent, { kind: "rekey_child", child }));
    return outcome;
  }

  /** Rekeys the IKE SA with an own SPI (uint64); resolves when that has succeeded or failed. */
  ikeSa(spi: bigint): Promise<RekeyIkeOutcome> {
    const sa = this.#loop.endpoint.bySpi.get(spi);
    if (!sa) return Promise.resolve({ kind: "unknown" });
    if (this.#isOver || !isLive(sa)) return Promise.resolve({ kind: "not_established" });
    const outcome = this.#ikeSas.awaited(sa);
    this.#loop.turn(() => this.#loop.command(sa, { kind: "rekey_ike" }));
    return outcome;
  }

  /** Resolves all waiters at the end of the run. */
  over(): void {
    this.#isOver = true;
    this.#children.over();
    this.#ikeSas.over();
  }
}
