/**
 * Protects messages of EAP-SIM, EAP-AKA and EAP-AKA′ by AT_MAC over the whole packet, and by AT_IV with
 * AT_ENCR_DATA (RFC 4186 §10.12–10.14, RFC 4187 §10.12–10.15).
 * @module
 */
import { concat, sameOctets } from "@/base/bytes.ts";
import { aesCbcDecrypt, aesCbcEncrypt, hmacSha1, hmacSha256 } from "@/crypto/legacy.ts";
import { refuse } from "@/eap/failure.ts";
import { encodeEap } from "@/eap/packet.ts";
import {
  attributesIn,
  encodeAttributes,
  encodeSim,
  findAttribute,
  fixedAttribute,
  fixedValue,
  needAttribute,
  type SimAttribute,
  type SimMessage,
} from "@/eap/sim/attributes.ts";
import { SimAttributeType as At } from "@/iana/eap_sim_aka.ts";
import { EapCode, EapType } from "@/iana/eap_type.ts";

const MAC_OCTETS = 16;
const BLOCK_OCTETS = 16;

/** The part of a packet before its Type-Data, which AT_MAC covers. */
export interface PacketFrame {
  readonly code: typeof EapCode.REQUEST | typeof EapCode.RESPONSE;
  /** uint8. */
  readonly identifier: number;
  /** The EAP type, which also determines the hash. */
  readonly type: number;
}

/**
 * Type-Data with AT_MAC at its end, over the packet and further octets that both ends know.
 * @param beside NONCE_MT, SRES or NONCE_S, depending on the message; empty for none.
 */
export function encodeWithMac(
  frame: PacketFrame,
  { subtype, attributes, kAut, beside = new Uint8Array(0) }: {
    readonly subtype: number;
    readonly attributes: readonly SimAttribute[];
    readonly kAut: Uint8Array;
    readonly beside?: Uint8Array;
  },
): Uint8Array {
  const empty = fixedAttribute(At.AT_MAC, new Uint8Array(MAC_OCTETS));
  const data = encodeSim(subtype, [...attributes, empty]);
  data.set(macOf(frame, data, { kAut, beside }), data.length - MAC_OCTETS);
  return data;
}

/** Verifies AT_MAC. @throws {EapRefusal} if it is missing or wrong. */
export function verifyMac(
  frame: PacketFrame,
  data: Uint8Array,
  { message, kAut, beside = new Uint8Array(0) }: {
    readonly message: SimMessage;
    readonly kAut: Uint8Array;
    readonly beside?: Uint8Array;
  },
): void {
  const mac = fixedValue(message.attributes, At.AT_MAC, MAC_OCTETS);
  const blank = data.slice();
  blank.fill(0, message.macAt!, message.macAt! + MAC_OCTETS);
  if (!sameOctets(mac, macOf(frame, blank, { kAut, beside }))) {
    refuse("wrong credentials", "the other end's AT_MAC is wrong: keys or identities differ");
  }
}

function macOf(
  frame: PacketFrame,
  data: Uint8Array,
  { kAut, beside }: { readonly kAut: Uint8Array; readonly beside: Uint8Array },
): Uint8Array {
  const hash = frame.type === EapType.AKA_PRIME ? hmacSha256 : hmacSha1;
  return hash(kAut, concat(encodeEap({ ...frame, data }), beside)).slice(0, MAC_OCTETS);
}

/** AT_IV and AT_ENCR_DATA, which contains these attributes, padded by AT_PADDING. */
export function encrypted(
  inside: readonly SimAttribute[],
  kEncr: Uint8Array,
  iv: Uint8Array,
): SimAttribute[] {
  const plain = encodeAttributes(inside);
  const short = (BLOCK_OCTETS - plain.length % BLOCK_OCTETS) % BLOCK_OCTETS;
  const padding = short === 0 ? [] : [{ type: At.AT_PADDING, value: new Uint8Array(short - 2) }];
  const blocks = concat(plain, encodeAttributes(padding));
  return [
    fixedAttribute(At.AT_IV, iv),
    fixedAttribute(At.AT_ENCR_DATA, aesCbcEncrypt(kEncr, iv, blocks)),
  ];
}

/** The attributes inside AT_ENCR_DATA; none if the message does not have it. */
export function decrypted(
  attributes: readonly SimAttribute[],
  kEncr: Uint8Array,
): readonly SimAttribute[] {
  if (!findAttribute(attributes, At.AT_ENCR_DATA)) return [];
  const iv = fixedValue(attributes, At.AT_IV, BLOCK_OCTETS);
  const blocks = needAttribute(attributes, At.AT_ENCR_DATA).subarray(2);
  if (blocks.length === 0 || blocks.length % BLOCK_OCTETS !== 0) {
    refuse("malformed", `attribute AT_ENCR_DATA has ${blocks.length} octets`);
  }
  const inside = attributesIn(aesCbcDecrypt(kEncr, iv, blocks));
  const padding = findAttribute(inside, At.AT_PADDING);
  if (padding && (padding.length > 10 || padding.some((octet) => octet !== 0))) {
    refuse("malformed", "attribute AT_PADDING is no padding");
  }
  return inside;
}
