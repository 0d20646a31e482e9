/**
 * Keeps rekeyed CHILD_SAs in the lists after their end: with their keys, under the present IKE SA of their
 * tunnel. Their number is bounded, and the oldest are dropped first. They carry no packets and are not
 * counted.
 * @module
 */
import type { EffectHandlers, RunPart } from "@/engine/run/part.ts";
import { isReplaced } from "@/ike/records/ike_sa.ts";
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";

/** The rekeyed CHILD_SAs of a run, see {@linkcode ChildHistory.keep}; with a `max` of 0 none is kept. */
export class ChildHistory implements RunPart {
  readonly #max: number;
  /** Kept CHILD_SAs by own SPI, oldest first. */
  readonly #bySpi = new Map<number, ChildSa>();
  readonly #byParent = new Map<IkeSa, Set<ChildSa>>();

  constructor(max: number) {
    this.#max = max;
  }

  readonly handlers: EffectHandlers = {
    uninstall: ({ child }) => this.keep(child),
    replaced: ({ by }, sa) => this.moved(sa, by),
    closed: (_, sa) => {
      if (!isReplaced(sa)) this.dropped(sa);
    },
  };

  /** Number of kept CHILD_SAs. */
  get size(): number {
    return this.#bySpi.size;
  }

  /** Keeps a CHILD_SA that has left the data path, if another one replaced it. */
  keep(child: ChildSa): void {
    if (!child.replaced || this.#max === 0) return;
    // Its SPI may have been used again meanwhile: of two CHILD_SAs with one SPI the later is listed.
    const before = this.#bySpi.get(child.spiIn);
    if (before) this.#drop(before);
    this.#bySpi.set(child.spiIn, child);
    const siblings = this.#byParent.get(child.parent);
    if (siblings) siblings.add(child);
    else this.#byParent.set(child.parent, new Set([child]));
    if (this.#bySpi.size <= this.#max) return;
    for (const oldest of this.#bySpi.values()) return this.#drop(oldest);
  }

  /** Moves the history of a tunnel to its new IKE SA `by`. */
  moved(sa: IkeSa, by: IkeSa): void {
    const children = this.#byParent.get(sa);
    if (!children) return;
    this.#byParent.delete(sa);
    for (const child of children) child.parent = by;
    this.#byParent.set(by, new Set([...children, ...this.#byParent.get(by) ?? []]));
  }

  /** Drops the history of a tunnel that has ended. */
  dropped(sa: IkeSa): void {
    for (const child of this.of(sa)) this.#drop(child);
  }

  /** The kept CHILD_SAs of an IKE SA, oldest first. */
  of(sa: IkeSa): readonly ChildSa[] {
    return [...this.#byParent.get(sa) ?? []];
  }

  /** A kept CHILD_SA by its own SPI (uint32). */
  get(spi: number): ChildSa | undefined {
    return this.#bySpi.get(spi);
  }

  #drop(child: ChildSa): void {
    this.#bySpi.delete(child.spiIn);
    const siblings = this.#byParent.get(child.parent);
    if (siblings?.delete(child) && siblings.size === 0) this.#byParent.delete(child.parent);
  }
}
