/**
 * Rekeyed CHILD_SAs that stay listed when they are gone: with their keys, under the IKE SA that their
 * tunnel has now. It is bounded: the oldest go first. They carry nothing, and count nowhere.
 * @module
 */
import type { Hearing, RunPart } from "@/engine/run/part.ts";
import { isReplaced } from "@/ike/records/ike_sa.ts";
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";

/** See {@linkcode ChildHistory.keep}; `max` 0 keeps none. */
export class ChildHistory implements RunPart {
  readonly #max: number;
  /** By own SPI, oldest first. */
  readonly #bySpi = new Map<number, ChildSa>();
  readonly #byParent = new Map<IkeSa, Set<ChildSa>>();

  constructor(max: number) {
    this.#max = max;
  }

  readonly hears: Hearing = {
    uninstall: ({ child }) => this.keep(child),
    replaced: ({ by }, sa) => this.moved(sa, by),
    closed: (_, sa) => {
      if (!isReplaced(sa)) this.dropped(sa);
    },
  };

  /** CHILD_SAs that are kept. */
  get size(): number {
    return this.#bySpi.size;
  }

  /** A CHILD_SA has left the data path: kept if another took its place. */
  keep(child: ChildSa): void {
    if (!child.replaced || this.#max === 0) return;
    // Its SPI was free for another meanwhile: of two with one SPI the later is shown.
    const before = this.#bySpi.get(child.spiIn);
    if (before) this.#drop(before);
    this.#bySpi.set(child.spiIn, child);
    const siblings = this.#byParent.get(child.parent);
    if (siblings) siblings.add(child);
    else this.#byParent.set(child.parent, new Set([child]));
    if (this.#bySpi.size <= this.#max) return;
    for (const oldest of this.#bySpi.values()) return this.#drop(oldest);
  }

  /** `by` is the tunnel's IKE SA now. */
  moved(sa: IkeSa, by: IkeSa): void {
    const children = this.#byParent.get(sa);
    if (!children) return;
    this.#byParent.delete(sa);
    for (const child of children) child.parent = by;
    this.#byParent.set(by, new Set([...children, ...this.#byParent.get(by) ?? []]));
  }

  /** The tunnel is gone, and its history with it. */
  dropped(sa: IkeSa): void {
    for (const child of this.of(sa)) this.#drop(child);
  }

  /** Those of one IKE SA, oldest first. */
  of(sa: IkeSa): readonly ChildSa[] {
    return [...this.#byParent.get(sa) ?? []];
  }

  /** By own SPI (uint32). */
  get(spi: number): ChildSa | undefined {
    return this.#bySpi.get(spi);
  }

  #drop(child: ChildSa): void {
    this.#bySpi.delete(child.spiIn);
    const siblings = this.#byParent.get(child.parent);
    if (siblings?.delete(child) && siblings.size === 0) this.#byParent.delete(child.parent);
  }
}
