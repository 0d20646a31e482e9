/**
 * Rekeys that are asked for from outside, of CHILD_SAs and of IKE SAs, and what became of each.
 * @module
 */
import type { CoreLoop } from "@/engine/run/core_loop.ts";
import type { Hearing, RunPart } from "@/engine/run/part.ts";
import { RekeyWaiters } from "@/engine/run/rekey_waiters.ts";
import type { SaList } from "@/engine/show/sa_list.ts";
import { isLive } from "@/engine/show/sa_view.ts";
import type { RekeyIkeOutcome, RekeyOutcome } from "@/engine/show/view.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { ownSpi } from "@/ike/records/ike_sa.ts";
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";

/** What those hear who wait for the rekey of a CHILD_SA that is deleted before. */
const DELETED_CHILD = {
  cause: "CLOSED",
  closeCode: CloseCode.OPEN,
  text: "The CHILD_SA was deleted meanwhile",
};

/** See the file. */
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

  readonly hears: Hearing = {
    replaced: ({ by }, sa) => this.#ikeSas.done(sa, { kind: "done", spi: ownSpi(by) }),
    child_up: ({ old }) => this.#children.done(old, { kind: "done" }),
    create_child_failed: ({ old, failure }) => this.#children.failed(old, failure),
    rekey_ike_failed: ({ failure }, sa) => this.#ikeSas.failed(sa, failure),
    // Where it has been replaced that was told before.
    uninstall: ({ child }) => this.#children.failed(child, DELETED_CHILD),
    closed: (_, sa) => {
      this.#children.closed(sa);
      this.#ikeSas.closed(sa);
    },
  };

  /** Rekeys the CHILD_SA of our own SPI (uint32); resolves when the new one is up, or will not be. */
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

  /** Rekeys the IKE SA of our own SPI (uint64); resolves when the new one is up, or will not be. */
  ikeSa(spi: bigint): Promise<RekeyIkeOutcome> {
    const sa = this.#loop.endpoint.bySpi.get(spi);
    if (!sa) return Promise.resolve({ kind: "unknown" });
    if (this.#isOver || !isLive(sa)) return Promise.resolve({ kind: "not_established" });
    const outcome = this.#ikeSas.awaited(sa);
    this.#loop.turn(() => this.#loop.command(sa, { kind: "rekey_ike" }));
    return outcome;
  }

  /** The run is over: nothing will come of any rekey. */
  over(): void {
    this.#isOver = true;
    this.#children.over();
    this.#ikeSas.over();
  }
}
