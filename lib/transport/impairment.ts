/**
 * What a bad network does to IKE messages, on purpose and repeatably: which messages a rule is about,
 * and what becomes of each. It decides; `impaired.ts` does.
 * @module
 */
import { SeededRandom } from "@/base/random.ts";
import { HEADER_OCTETS } from "@/wire/message.ts";

/** As this host sees it. */
export type Direction = "in" | "out";

/** Where bits are turned round: SPIs, the rest of the IKE header, what follows it, or anywhere. */
export type CorruptionPlace = "any" | "spi" | "header" | "body";

/** One rule. Probabilities are from 0 to 1, each drawn for each message on its own. */
export interface ImpairmentRule {
  readonly direction: Direction | "both";
  /** IANA exchange type; undefined: any. */
  readonly exchange: number | undefined;
  readonly message: "any" | "request" | "response";
  /** Messages that are left alone first. */
  readonly skip: number;
  /** Messages that it is about, from then on; 0: all. */
  readonly count: number;
  readonly loss: number;
  readonly duplication: number;
  /** Let one message that comes behind it pass before it, as far as one comes within the wait. */
  readonly reorder: number;
  readonly reorderWaitMs: number;
  readonly delay: number;
  readonly delayMinMs: number;
  readonly delayMaxMs: number;
  /** Come once more, later. */
  readonly replay: number;
  readonly replayAfterMs: number;
  /** One to eight bits of it are turned round. */
  readonly corruption: number;
  readonly corruptionPlace: CorruptionPlace;
  /**
   * Hold it until a message of its IKE SA and kind has set out from the other end too, so that they
   * cross; at most so long, ms. 0: not held.
   */
  readonly crossingMs: number;
  /** IANA exchange type of the one it is to cross; undefined: its own. */
  readonly crossingWith: number | undefined;
}

/** What became of the messages of one rule. */
export interface ImpairmentCounts {
  /** Messages of its direction, exchange and kind, with those that `skip` and `count` leave alone. */
  matched: number;
  lost: number;
  duplicated: number;
  reordered: number;
  delayed: number;
  replayed: number;
  corrupted: number;
  /** Held until a message of the other end crossed. */
  crossed: number;
}

/** What is to be done with one message. */
export interface Fate {
  lost: boolean;
  copies: number;
  /** Undefined: it stays whole. */
  corrupted: CorruptionPlace | undefined;
  delayMs: number;
  /** 0: it keeps its place. */
  reorderWaitMs: number;
  /** Undefined: it does not come again. */
  replayAfterMs: number | undefined;
  /** 0: it is not held. */
  crossingMs: number;
  /** {@linkcode messageKind} of what it is to cross. */
  crossingKind: number;
  /** The rules that hold it. */
  readonly countsOfCrossing: ImpairmentCounts[];
}

/** The two octets of an IKE header that rules look at (RFC 7296 §3.1). */
const EXCHANGE_AT = 18, FLAGS_AT = 19, FLAG_RESPONSE = 0x20;
/** Both SPIs, the first octets of the header. */
const SPIS_OCTETS = 16;

/** Exchange and kind in one number; undefined: no IKE header. */
export function messageKind(octets: Uint8Array): number | undefined {
  if (octets.length < HEADER_OCTETS) return undefined;
  return octets[EXCHANGE_AT]! << 1 | (octets[FLAGS_AT]! & FLAG_RESPONSE ? 1 : 0);
}

/** Both SPIs of a message that has a {@linkcode messageKind}, as text. */
export function messageSpis(octets: Uint8Array): string {
  return String.fromCharCode(...octets.subarray(0, SPIS_OCTETS));
}

/** Rules at work, with their counts and their chance. */
export class Impairment {
  readonly counts: readonly ImpairmentCounts[];
  readonly #rules: readonly ImpairmentRule[];
  readonly #random: SeededRandom;

  constructor(rules: readonly ImpairmentRule[], seed: number) {
    this.#rules = rules;
    this.#random = new SeededRandom(seed);
    this.counts = rules.map(() => ({
      ...{ matched: 0, lost: 0, duplicated: 0, reordered: 0 },
      ...{ delayed: 0, replayed: 0, corrupted: 0, crossed: 0 },
    }));
  }

  /** What becomes of a message; undefined: no rule is about it. Each rule adds to the ones before. */
  judge(direction: Direction, octets: Uint8Array): Fate | undefined {
    const kind = messageKind(octets);
    if (kind === undefined) return undefined;
    let fate: Fate | undefined;
    for (const [i, rule] of this.#rules.entries()) {
      if (!isAbout(rule, direction, kind)) continue;
      const counts = this.counts[i]!, number = counts.matched++ - rule.skip;
      if (number < 0 || rule.count > 0 && number >= rule.count) continue;
      fate ??= {
        ...{ lost: false, copies: 1, corrupted: undefined, delayMs: 0, reorderWaitMs: 0 },
        ...{ replayAfterMs: undefined, crossingMs: 0, crossingKind: kind, countsOfCrossing: [] },
      };
      this.#apply(rule, counts, { fate, kind });
      if (fate.lost) return fate;
    }
    return fate;
  }

  /** A copy with some bits turned round. */
  corrupted(octets: Uint8Array, place: CorruptionPlace): Uint8Array {
    const copy = octets.slice(), [from, end] = extent(place, octets.length);
    for (let bits = 1 + this.#random.below(8); bits > 0; bits--) {
      copy[from + this.#random.below(end - from)]! ^= 1 << this.#random.below(8);
    }
    return copy;
  }

  #apply(
    rule: ImpairmentRule,
    counts: ImpairmentCounts,
    { fate, kind }: { readonly fate: Fate; readonly kind: number },
  ): void {
    const random = this.#random;
    if (random.chance(rule.loss)) {
      counts.lost++;
      fate.lost = true;
      return;
    }
    if (random.chance(rule.corruption)) {
      counts.corrupted++;
      fate.corrupted = rule.corruptionPlace;
    }
    if (random.chance(rule.duplication)) {
      counts.duplicated++;
      fate.copies++;
    }
    if (random.chance(rule.delay)) {
      counts.delayed++;
      const { delayMinMs, delayMaxMs } = rule;
      fate.delayMs += delayMinMs + random.fraction() * (delayMaxMs - delayMinMs);
    }
    if (random.chance(rule.reorder)) {
      counts.reordered++;
      fate.reorderWaitMs = Math.max(fate.reorderWaitMs, rule.reorderWaitMs);
    }
    if (random.chance(rule.replay)) {
      counts.replayed++;
      fate.replayAfterMs = rule.replayAfterMs;
    }
    if (rule.crossingMs > 0) {
      fate.crossingMs = Math.max(fate.crossingMs, rule.crossingMs);
      if (rule.crossingWith !== undefined) fate.crossingKind = rule.crossingWith << 1 | kind & 1;
      fate.countsOfCrossing.push(counts);
    }
  }
}

function isAbout(rule: ImpairmentRule, direction: Direction, kind: number): boolean {
  if (rule.direction !== "both" && rule.direction !== direction) return false;
  if (rule.exchange !== undefined && rule.exchange !== kind >> 1) return false;
  return rule.message === "any" || rule.message === (kind & 1 ? "response" : "request");
}

/** First octet and the one behind the last; all of a message without a body where that is wanted. */
function extent(place: CorruptionPlace, octets: number): readonly [from: number, end: number] {
  if (place === "spi") return [0, SPIS_OCTETS];
  if (place === "header") return [SPIS_OCTETS, HEADER_OCTETS];
  return place === "body" && octets > HEADER_OCTETS ? [HEADER_OCTETS, octets] : [0, octets];
}
