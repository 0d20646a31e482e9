/**
 * The rules by which IKE messages are lost, delayed, repeated or changed on purpose, repeatably by a seed: to
 * which messages a rule applies, and what is done with each. `impaired.ts` performs the decisions.
 * @module
 */
import { SeededRandom } from "@/base/random.ts";
import { HEADER_OCTETS } from "@/wire/message.ts";

/** Whether a message arrives at this host (`in`) or leaves it (`out`). */
export type Direction = "in" | "out";

/** Where bits are inverted: in the SPIs, in the rest of the IKE header, after it, or anywhere. */
export type CorruptionPlace = "any" | "spi" | "header" | "body";

/** One rule. Probabilities are from 0 to 1, each drawn for each message on its own. */
export interface ImpairmentRule {
  readonly direction: Direction | "both";
  /** IANA exchange type; undefined: any. */
  readonly exchange: number | undefined;
  readonly message: "any" | "request" | "response";
  /** Number of matching messages that are not changed before the rule begins. */
  readonly skip: number;
  /** Number of messages to which the rule applies from then on; 0: all. */
  readonly count: number;
  readonly loss: number;
  readonly duplication: number;
  /** Probability that a message is held until the next one has overtaken it, or the wait is over. */
  readonly reorder: number;
  readonly reorderWaitMs: number;
  readonly delay: number;
  readonly delayMinMs: number;
  readonly delayMaxMs: number;
  /** Probability that a message is sent once more, `replayAfterMs` later. */
  readonly replay: number;
  readonly replayAfterMs: number;
  /** Probability that one to eight bits of a message are inverted. */
  readonly corruption: number;
  readonly corruptionPlace: CorruptionPlace;
  /**
   * For how many milliseconds at most a message is held until one of the same IKE SA and kind is sent by the
   * other end, so that they cross; 0: it is not held.
   */
  readonly crossingMs: number;
  /** IANA exchange type of the message that it is to cross; undefined: the same exchange. */
  readonly crossingWith: number | undefined;
}

/** The counts of one rule. */
export interface ImpairmentCounts {
  /**
   * Messages of the rule's direction, exchange and kind, including those that `skip` and `count` leave out.
   */
  matched: number;
  lost: number;
  duplicated: number;
  reordered: number;
  delayed: number;
  replayed: number;
  corrupted: number;
  /** Messages that were held until one of the other end crossed them. */
  crossed: number;
}

/** The decision about one message. */
export interface Treatment {
  lost: boolean;
  copies: number;
  /** Where bits are inverted; undefined: nowhere. */
  corrupted: CorruptionPlace | undefined;
  delayMs: number;
  /** Milliseconds for which the message may wait to be overtaken; 0: it does not wait. */
  reorderWaitMs: number;
  /** Milliseconds after which it is replayed; undefined: it is not. */
  replayAfterMs: number | undefined;
  /** Milliseconds for which the message may be held to cross another one; 0: it is not held. */
  crossingMs: number;
  /** {@linkcode messageKind} of the message that it is to cross. */
  crossingKind: number;
  /** The counts of the rules that hold it. */
  readonly countsOfCrossing: ImpairmentCounts[];
}

/**
 * Offsets of Exchange Type and Flags in an IKE header, and the value of the Response flag (RFC 7296 §3.1).
 */
const EXCHANGE_AT = 18;
const FLAGS_AT = 19;
const FLAG_RESPONSE = 0x20;
/** Octets of both SPIs, with which the header begins. */
const SPIS_OCTETS = 16;

/** Exchange type, and whether it is a response, as one number; undefined: there is no IKE header. */
export function messageKind(octets: Uint8Array): number | undefined {
  if (octets.length < HEADER_OCTETS) return undefined;
  return octets[EXCHANGE_AT]! << 1 | (octets[FLAGS_AT]! & FLAG_RESPONSE ? 1 : 0);
}

/** Both SPIs of a message that is long enough to have a {@linkcode messageKind}, as a text. */
export function messageSpis(octets: Uint8Array): string {
  return String.fromCharCode(...octets.subarray(0, SPIS_OCTETS));
}

/** The rules of a test, with their counts and the random numbers they draw. */
export class Impairment {
  readonly counts: readonly ImpairmentCounts[];
  readonly #rules: readonly ImpairmentRule[];
  readonly #random: SeededRandom;

  constructor(rules: readonly ImpairmentRule[], seed: number) {
    this.#rules = rules;
    this.#random = new SeededRandom(seed);
    this.counts = rules.map(() => ({
      matched: 0,
      lost: 0,
      duplicated: 0,
      reordered: 0,
      delayed: 0,
      replayed: 0,
      corrupted: 0,
      crossed: 0,
    }));
  }

  /**
   * Decides what is done with a message; undefined: no rule applies. Each rule adds to the decision of those
   * before it.
   */
  judge(direction: Direction, octets: Uint8Array): Treatment | undefined {
    const kind = messageKind(octets);
    if (kind === undefined) return undefined;
    let fate: Treatment | undefined;
    for (const [i, rule] of this.#rules.entries()) {
      if (!isAbout(rule, direction, kind)) continue;
      const counts = this.counts[i]!;
      const number = counts.matched++ - rule.skip;
      if (number < 0 || rule.count > 0 && number >= rule.count) continue;
      fate ??= {
        lost: false,
        copies: 1,
        corrupted: undefined,
        delayMs: 0,
        reorderWaitMs: 0,
        replayAfterMs: undefined,
        crossingMs: 0,
        crossingKind: kind,
        countsOfCrossing: [],
      };
      this.#apply(rule, counts, { fate, kind });
      if (fate.lost) return fate;
    }
    return fate;
  }

  /** A copy of the message with some bits inverted. */
  corrupted(octets: Uint8Array, place: CorruptionPlace): Uint8Array {
    const copy = octets.slice();
    const [from, end] = extent(place, octets.length);
    for (let bits = 1 + this.#random.below(8); bits > 0; bits--) {
      copy[from + this.#random.below(end - from)]! ^= 1 << this.#random.below(8);
    }
    return copy;
  }

  #apply(
    rule: ImpairmentRule,
    counts: ImpairmentCounts,
    { fate, kind }: { readonly fate: Treatment; readonly kind: number },
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

/** The first octet of a place and the one after its last; a message without a body counts as a body. */
function extent(place: CorruptionPlace, octets: number): readonly [from: number, end: number] {
  if (place === "spi") return [0, SPIS_OCTETS];
  if (place === "header") return [SPIS_OCTETS, HEADER_OCTETS];
  return place === "body" && octets > HEADER_OCTETS ? [HEADER_OCTETS, octets] : [0, octets];
}
