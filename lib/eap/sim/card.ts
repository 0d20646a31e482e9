/**
 * A SIM or USIM in software, and the subscriber's record at the home network: the keys that both
 * have, and the sequence numbers by which each is remembered (3GPP TS 33.102 §6.3).
 * @module
 */
import { concat, Reader, sameOctets, Writer } from "@/base/bytes.ts";
import {
  milenage,
  milenageAkStar,
  type MilenageKeys,
  milenageMacs,
  xor,
} from "@/eap/sim/milenage.ts";

/** What both ends know of a subscriber. */
export interface SimKeys extends MilenageKeys {
  /** SQN, 48 bits: the highest that was used (at the network) or taken (at the card). Moves. */
  sqn: bigint;
}

/** The peer's card: its keys, and what the network gave it for the next time. */
export interface SimCard extends SimKeys {
  /** A pseudonym username to use in place of the permanent one (RFC 4187 §4.1.1.7), by EAP type. */
  readonly pseudonyms: Map<number, string>;
  /** What a fast re-authentication needs (RFC 4187 §5), by EAP type. */
  readonly reauths: Map<number, ReauthState>;
}

/** What a full authentication leaves for the next fast re-authentication. */
export interface ReauthState {
  /** Whole identity, realm included. */
  readonly identity: string;
  /** Master Key of SIM and AKA, 20 octets; K_re of AKA′, 32 octets. */
  readonly masterKey: Uint8Array;
  /** 16 octets. */
  readonly kEncr: Uint8Array;
  /** 16 octets; 32 of AKA′. */
  readonly kAut: Uint8Array;
  /** uint16: of the last re-authentication; 0 behind a full authentication. */
  readonly counter: number;
}

/** An authentication vector. */
export interface AkaVector {
  readonly rand: Uint8Array;
  readonly autn: Uint8Array;
  readonly res: Uint8Array;
  readonly ck: Uint8Array;
  readonly ik: Uint8Array;
}

/** What a card makes of a challenge. */
export type AkaVerdict =
  | { readonly kind: "accepted"; readonly vector: AkaVector }
  /** MAC-A is wrong, or the AMF is not as AKA′ wants it. */
  | { readonly kind: "rejected"; readonly why: string }
  /** The SQN was seen; AUTS of 14 octets tells the network where the card is. */
  | { readonly kind: "resynchronise"; readonly auts: Uint8Array };

/** SQN is SEQ and five bits of index (3GPP TS 33.102 §C.3.2): the next SEQ is so much more. */
const SQN_STEP = 32n;
const SQN_MODULUS = 1n << 48n;
/** AMF of what is made here: the separation bit, which AKA′ asks for (3GPP TS 33.102 Annex H). */
const AMF = Uint8Array.of(0x80, 0);
const SEPARATION_BIT = 0x80;

/** A card that has seen no network yet. */
export function newSimCard(keys: MilenageKeys, sqn: bigint): SimCard {
  return { ...keys, sqn, pseudonyms: new Map(), reauths: new Map() };
}

/** A fresh vector of the home network; SQN moves on. */
export function makeVector(subscriber: SimKeys, rand: Uint8Array): AkaVector {
  subscriber.sqn = (subscriber.sqn + SQN_STEP) % SQN_MODULUS;
  const sqn = sqnOctets(subscriber.sqn);
  const { res, ck, ik, ak } = milenage(subscriber, rand);
  const { macA } = milenageMacs(subscriber, rand, { sqn, amf: AMF });
  return { rand, autn: concat(xor(sqn, ak), AMF, macA), res, ck, ik };
}

/**
 * A card's answer to RAND and AUTN (3GPP TS 33.102 §6.3.3); an accepted SQN is remembered.
 * `separated`: the AMF must have its separation bit (RFC 9048 §3.4).
 */
export function answerChallenge(
  card: SimCard,
  { rand, autn }: { readonly rand: Uint8Array; readonly autn: Uint8Array },
  separated: boolean,
): AkaVerdict {
  const { res, ck, ik, ak } = milenage(card, rand);
  const body = new Reader(autn);
  const sqn = xor(body.take(6), ak);
  const amf = body.take(2);
  const mac = body.rest();
  if (!sameOctets(mac, milenageMacs(card, rand, { sqn, amf }).macA)) {
    return { kind: "rejected", why: "the network's AUTN is wrong: eapsimk or eapsimopc differ" };
  }
  if (separated && (amf[0]! & SEPARATION_BIT) === 0) {
    return { kind: "rejected", why: "the network's AMF lacks the separation bit" };
  }
  const value = sqnValue(sqn);
  if (value <= card.sqn) return { kind: "resynchronise", auts: makeAuts(card, rand) };
  card.sqn = value;
  return { kind: "accepted", vector: { rand, autn, res, ck, ik } };
}

/** AUTS: the card's SQN, hidden, and MAC-S over it with an AMF of zeros (3GPP TS 33.102 §6.3.3). */
function makeAuts(card: SimCard, rand: Uint8Array): Uint8Array {
  const sqn = sqnOctets(card.sqn);
  const amf = new Uint8Array(2);
  const { macS } = milenageMacs(card, rand, { sqn, amf });
  return concat(xor(sqn, milenageAkStar(card, rand)), macS);
}

/** Sets the network's SQN to that of the card's AUTS; false where its MAC-S is wrong. */
export function resynchronise(subscriber: SimKeys, rand: Uint8Array, auts: Uint8Array): boolean {
  const sqn = xor(auts.subarray(0, 6), milenageAkStar(subscriber, rand));
  const { macS } = milenageMacs(subscriber, rand, { sqn, amf: new Uint8Array(2) });
  if (!sameOctets(auts.subarray(6), macS)) return false;
  subscriber.sqn = sqnValue(sqn);
  return true;
}

function sqnOctets(sqn: bigint): Uint8Array {
  return new Writer(8).u64(sqn).done().slice(2);
}

function sqnValue(octets: Uint8Array): bigint {
  return new Reader(concat(new Uint8Array(2), octets)).u64();
}
