/**
 * The IKE SAs and CHILD_SAs of a run as others may look at them: lists, dumps and counts, made from
 * the endpoint's table and from the history of rekeyed CHILD_SAs.
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
import { hearTraffic } from "@/ike/window/lifetime.ts";

/** Where a list looks. */
export interface SaListSource {
  readonly endpoint: Endpoint;
  readonly history: ChildHistory;
  /** The clock of the core. */
  readonly nowMs: () => number;
  readonly toEpoch: ToEpoch;
  /** Whether the run is over: what the data path heard is asked for no more. */
  readonly isOver: () => boolean;
}

/** How many IKE SAs stand where. */
export interface SaCounts {
  /** By the API's state number, 1–10; index 0 is unused. */
  readonly byState: readonly number[];
  readonly total: number;
  readonly live: number;
  /** Live ones with an established CHILD_SA. */
  readonly hasChild: number;
  /** Live ones that are tunnels of the run. */
  readonly tunnels: number;
}

/** See the file. */
export class SaList {
  readonly #source: SaListSource;

  constructor(source: SaListSource) {
    this.#source = source;
  }

  /** From the `start`th (from 0) on in order of creation, at most `len` of them, 0: all. */
  ikeSas(start: number, len: number): IkeSaSummary[] {
    const list: IkeSaSummary[] = [], end = len === 0 ? Infinity : start + len;
    let at = 0;
    for (const sa of this.#listed()) {
      if (at >= end) break;
      if (at++ >= start) list.push(summaryOf(sa, this.#source.toEpoch));
    }
    return list;
  }

  /** By our own SPI (uint64). */
  ikeSa(spi: bigint): IkeSaDump | undefined {
    const sa = this.#find(spi), { nowMs, isOver, toEpoch } = this.#source;
    if (sa && !isOver()) hearTraffic(sa, nowMs());
    return sa && dumpOf(sa, toEpoch);
  }

  /**
   * Our own SPIs of the CHILD_SAs of an IKE SA: those that carry traffic first, then those that are
   * being made or taken down, then rekeyed ones that are kept; each group oldest first.
   */
  childSas(ikeSpi: bigint): number[] | undefined {
    const sa = this.#find(ikeSpi);
    if (!sa) return undefined;
    const live = sa.children.filter(isLiveChild);
    const others = sa.children.filter((child) => !isLiveChild(child));
    return [...live, ...others, ...this.#source.history.of(sa)].map((child) => child.spiIn);
  }

  /** By our own SPI (uint32). */
  childSa(spi: number): ChildSaDump | undefined {
    const shown = this.ownChild(spi) ?? this.#source.history.get(spi);
    return shown && childDumpOf(shown, this.#source.toEpoch);
  }

  /** The CHILD_SA of our own SPI (uint32) that is there now, of this run and not of another here. */
  ownChild(spi: number): ChildSa | undefined {
    const { env, bySpi } = this.#source.endpoint, child = env.childrenBySpi.get(spi);
    return child && bySpi.get(ownSpi(child.parent)) === child.parent ? child : undefined;
  }

  /** `isTunnel` tells a tunnel's IKE SA from one that never was one. */
  counts(isTunnel: (sa: IkeSa) => boolean): SaCounts {
    const byState = new Array<number>(11).fill(0);
    let total = 0, live = 0, hasChild = 0, tunnels = 0;
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
