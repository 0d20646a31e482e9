/**
 * Lists, dumps and counts of the IKE SAs and CHILD_SAs of a run, made from the endpoint's table and from the
 * history of rekeyed CHILD_SAs.
 * @module
 */
import type { ChildHistory } from "@/engine/run/child_history.ts";
import {
  childDumpOf,
  dumpOf,
  hasLiveChild,
  ikeStateNumber,
  isLive,
  summaryOf,
  type ToEpoch,
} from "@/engine/show/sa_view.ts";
import type { ChildSaDump, IkeSaDump, IkeSaSummary } from "@/engine/show/view.ts";
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";
import { dropEnded, isListed } from "@/ike/ended.ts";
import type { Endpoint } from "@/ike/endpoint.ts";
import { isLiveChild } from "@/ike/records/child_sa.ts";
import { ownSpi } from "@/ike/records/ike_sa.ts";
import { noteTraffic } from "@/ike/window/lifetime.ts";

/** The sources of a list. */
export interface SaListSource {
  readonly endpoint: Endpoint;
  readonly history: ChildHistory;
  /** The clock of the core. */
  readonly nowMs: () => number;
  readonly toEpoch: ToEpoch;
  /** Whether the run is over, so that the data path is not asked any more. */
  readonly isOver: () => boolean;
}

/** The number of IKE SAs in each state. */
export interface SaCounts {
  /** Indexed by the API's state number, 1 to 10; index 0 is unused. */
  readonly byState: readonly number[];
  readonly total: number;
  readonly live: number;
  /** Number of live IKE SAs with an established CHILD_SA. */
  readonly hasChild: number;
  /** Number of live IKE SAs that are tunnels of the run. */
  readonly tunnels: number;
}

/** The lists of one run. */
export class SaList {
  readonly #source: SaListSource;

  constructor(source: SaListSource) {
    this.#source = source;
  }

  /** IKE SAs in the order of creation from index `start` on, at most `len` of them (0: all). */
  ikeSas(start: number, len: number): IkeSaSummary[] {
    const list: IkeSaSummary[] = [];
    const end = len === 0 ? Infinity : start + len;
    let at = 0;
    for (const sa of this.#listed()) {
      if (at >= end) break;
      if (at++ >= start) list.push(summaryOf(sa, this.#source.toEpoch));
    }
    return list;
  }

  /** An IKE SA by its own SPI (uint64). */
  ikeSa(spi: bigint): IkeSaDump | undefined {
    const sa = this.#find(spi);
    const { nowMs, isOver, toEpoch } = this.#source;
    if (sa && !isOver()) noteTraffic(sa, nowMs());
    return sa && dumpOf(sa, toEpoch);
  }

  /**
   * Own SPIs of the CHILD_SAs of an IKE SA: first those that carry traffic, then those that are being set up
   * or closed, then rekeyed ones that are kept; each group oldest first.
   */
  childSas(ikeSpi: bigint): number[] | undefined {
    const sa = this.#find(ikeSpi);
    if (!sa) return undefined;
    const live = sa.children.filter(isLiveChild);
    const others = sa.children.filter((child) => !isLiveChild(child));
    return [...live, ...others, ...this.#source.history.of(sa)].map((child) => child.spiIn);
  }

  /** A CHILD_SA by its own SPI (uint32). */
  childSa(spi: number): ChildSaDump | undefined {
    const shown = this.ownChild(spi) ?? this.#source.history.get(spi);
    return shown && childDumpOf(shown, this.#source.toEpoch);
  }

  /** A CHILD_SA that exists at present, by its own SPI (uint32). */
  ownChild(spi: number): ChildSa | undefined {
    const { env, bySpi } = this.#source.endpoint;
    const child = env.childrenBySpi.get(spi);
    return child && bySpi.get(ownSpi(child.parent)) === child.parent ? child : undefined;
  }

  /** Counts IKE SAs; `isTunnel` says whether one belongs to a tunnel that was established. */
  counts(isTunnel: (sa: IkeSa) => boolean): SaCounts {
    const byState = new Array<number>(11).fill(0);
    let total = 0;
    let live = 0;
    let hasChild = 0;
    let tunnels = 0;
    for (const sa of this.#listed()) {
      total++;
      byState[ikeStateNumber(sa)]!++;
      if (!isLive(sa)) continue;
      live++;
      if (hasLiveChild(sa)) hasChild++;
      if (isTunnel(sa)) tunnels++;
    }
    return { byState, total, live, hasChild, tunnels };
  }

  *#listed(): Iterable<IkeSa> {
    const { endpoint, nowMs } = this.#source;
    dropEnded(endpoint, nowMs());
    for (const sa of endpoint.bySpi.values()) if (isListed(endpoint, sa)) yield sa;
  }

  #find(spi: bigint): IkeSa | undefined {
    const { endpoint, nowMs } = this.#source;
    dropEnded(endpoint, nowMs());
    const sa = endpoint.bySpi.get(spi);
    return sa && isListed(endpoint, sa) ? sa : undefined;
  }
}
