/**
 * A SIM or USIM in software, and the record of the subscriber in the home network: the keys that both
 * have, and the sequence number of each (3GPP TS 33.102 §6.3).
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

/** The data of a subscriber that both ends have. */
export interface SimKeys extends MilenageKeys {
  /** SQN, 48 bits: the highest that the network has used, or that the card has accepted. It changes. */
  sqn: bigint;
}

/** The card of the peer: its keys, and the identities that the network gave it for the next login. */
export interface SimCard extends SimKeys {
  /** A pseudonym username to use in place of the permanent one (RFC 4187 §4.1.1.7), by EAP type. */
  readonly pseudonyms: Map<number, string>;
  /** The state for a fast re-authentication (RFC 4187 §5), by EAP type. */
  readonly reauths: Map<number, ReauthState>;
}

/** The state for the next fast re-authentication, which a full authentication provides. */
export interface ReauthState {
  /** Whole identity, realm included. */
  readonly identity: string;
  /** Master Key of SIM and AKA, 20 octets; K_re of AKA′, 32 octets. */
  readonly masterKey: Uint8Array;
  /** 16 octets. */
  readonly kEncr: Uint8Array;
  /** 16 octets; 32 of AKA′. */
  readonly kAut: Uint8Array;
  /** uint16: the counter of the last re-authentication; 0 after a full authentication. */
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

/** The answer of a card to a challenge. */
export type AkaVerdict =
  | { readonly kind: "accepted"; readonly vector: AkaVector }
  /** MAC-A is wrong, or the AMF does not have the bit that AKA′ demands. */
  | { readonly kind: "rejected"; readonly why: string }
  /** The SQN was used before; AUTS of 14 octets tells the network the SQN of the card. */
  | { readonly kind: "resynchronise"; readonly auts: Uint8Array };

/** SQN consists of SEQ and an index of five bits (3GPP TS 33.102 §C.3.2); this is the step to the next SEQ. */
const SQN_STEP = 32n;
const SQN_MODULUS = 1n << 48n;
/** The AMF of vectors that are made here, with the separation bit that AKA′ demands (3GPP TS 33.102 Annex H). */
const AMF = Uint8Array.of(0x80, 0);
const SEPARATION_BIT = 0x80;

/** A card that has not been used yet. */
export function newSimCard(keys: MilenageKeys, sqn: bigint): SimCard {
  return { ...keys, sqn, pseudonyms: new Map(), reauths: new Map() };
}

/** A new vector of the home network; SQN is increased. */
export function makeVector(subscriber: SimKeys, rand: Uint8Array): AkaVector {
  subscriber.sqn = (subscriber.sqn + SQN_STEP) % SQN_MODULUS;
  const sqn = sqnOctets(subscriber.sqn);
  const { res, ck, ik, ak } = milenage(subscriber, rand);
  const { macA } = milenageMacs(subscriber, rand, { sqn, amf: AMF });
  return { rand, autn: concat(xor(sqn, ak), AMF, macA), res, ck, ik };
}

/**
 * The answer of a card to RAND and AUTN (3GPP TS 33.102 §6.3.3); it keeps an accepted SQN.
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

/** Sets the SQN of the network to that of the card's AUTS; returns false if its MAC-S is wrong. */
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
