/**
 * What a RADIUS client and its server do with the secret they share: authenticators (RFC 2865 §3),
 * Message-Authenticator (RFC 3579 §3.2), and keys in MS-MPPE attributes (RFC 2548 §2.4.2, §2.4.3).
 * @module
 */
import { concat, Reader, sameOctets, Writer } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import type { RandomOctets } from "@/base/random.ts";
import { hmacMd5, md5 } from "@/crypto/legacy.ts";
import {
  encodeRadius,
  RADIUS_HEADER_OCTETS,
  type RadiusAttributeValue,
  type RadiusPacket,
} from "@/eap/radius/packet.ts";
import { MicrosoftVendor, RadiusAttribute } from "@/iana/radius.ts";

const MAC_OCTETS = 16;
const BLOCK_OCTETS = 16;
const MSK_OCTETS = 64;
const MPPE_KEY_OCTETS = 32;
const { MESSAGE_AUTHENTICATOR, VENDOR_SPECIFIC } = RadiusAttribute;

/** A request as octets, with Message-Authenticator before all attributes. */
export function sealRequest(
  packet: RadiusPacket,
  secret: Uint8Array,
): Uint8Array {
  return encodeRadius(withMac(packet, packet.authenticator, secret));
}

/**
 * A response as octets, with Message-Authenticator and Response Authenticator.
 * @param request the Authenticator of the request that is answered.
 */
export function sealResponse(
  packet: Omit<RadiusPacket, "authenticator">,
  request: Uint8Array,
  secret: Uint8Array,
): Uint8Array {
  const octets = encodeRadius(withMac({ ...packet, authenticator: request }, request, secret));
  octets.set(md5(concat(octets, secret)), 4);
  return octets;
}

/**
 * Message-Authenticator stands first: what a forger would have to put before it changes it
 * (draft-ietf-radext-deprecating-radius §5.2 asks for it).
 */
function withMac(packet: RadiusPacket, request: Uint8Array, secret: Uint8Array): RadiusPacket {
  const empty = { type: MESSAGE_AUTHENTICATOR, value: new Uint8Array(MAC_OCTETS) };
  const attributes = [empty, ...packet.attributes];
  const value = hmacMd5(secret, encodeRadius({ ...packet, attributes, authenticator: request }));
  return { ...packet, attributes: [{ ...empty, value }, ...packet.attributes] };
}

/** How a packet stands to the secret. */
export type MacVerdict = "right" | "wrong" | "missing";

/**
 * Whether Message-Authenticator is right.
 * @param request the Authenticator of the request: the packet's own where it is one.
 */
export function verdictOfMac(
  packet: RadiusPacket,
  request: Uint8Array,
  secret: Uint8Array,
): MacVerdict {
  const found = packet.attributes.filter(({ type }) => type === MESSAGE_AUTHENTICATOR);
  if (found.length === 0) return "missing";
  if (found.length > 1 || found[0]!.value.length !== MAC_OCTETS) return "wrong";
  const blank = packet.attributes.map((attribute) =>
    attribute === found[0] ? { ...attribute, value: new Uint8Array(MAC_OCTETS) } : attribute
  );
  const sealed = encodeRadius({ ...packet, attributes: blank, authenticator: request });
  return sameOctets(found[0]!.value, hmacMd5(secret, sealed)) ? "right" : "wrong";
}

/** Whether a response's Authenticator is that of the request and the secret. */
export function isOurResponse(
  octets: Uint8Array,
  request: Uint8Array,
  secret: Uint8Array,
): boolean {
  const length = octets[2]! << 8 | octets[3]!;
  const whole = octets.slice(0, length);
  const authenticator = whole.slice(4, RADIUS_HEADER_OCTETS);
  whole.set(request, 4);
  return sameOctets(authenticator, md5(concat(whole, secret)));
}

/** MS-MPPE-Recv-Key and MS-MPPE-Send-Key: the first and the second 32 octets of an MSK. */
export function mppeKeys(
  msk: Uint8Array,
  { request, secret, random }: {
    readonly request: Uint8Array;
    readonly secret: Uint8Array;
    readonly random: RandomOctets;
  },
): RadiusAttributeValue[] {
  const salts = random(3);
  const key = (type: number, at: number, salt: Uint8Array): RadiusAttributeValue => {
    const sealed = hide(msk.subarray(at, at + MPPE_KEY_OCTETS), { salt, request, secret });
    const value = new Writer(64).u32(MicrosoftVendor.ID).u8(type).u8(4 + sealed.length);
    return { type: VENDOR_SPECIFIC, value: value.put(salt).put(sealed).done() };
  };
  // RFC 2548: the first bit of a salt is set, and each salt of a packet is another.
  const first = Uint8Array.of(0x80 | salts[0]!, salts[1]! & 0xfe);
  const second = Uint8Array.of(0x80 | salts[0]!, salts[1]! | 1);
  return [
    key(MicrosoftVendor.MPPE_RECV_KEY, 0, first),
    key(MicrosoftVendor.MPPE_SEND_KEY, MPPE_KEY_OCTETS, second),
  ];
}

/**
 * The MSK in the MS-MPPE keys of an Access-Accept: Recv-Key ‖ Send-Key, zeros up to 64 octets
 * (RFC 3579 §3.16 leaves that to practice). `undefined` where one of them is not there.
 * @throws {WireError} where they cannot be read, as with another secret.
 */
export function mskIn(
  { attributes }: RadiusPacket,
  request: Uint8Array,
  secret: Uint8Array,
): Uint8Array | undefined {
  const keys = new Map<number, Uint8Array>();
  for (const { type, value } of attributes) {
    if (type !== VENDOR_SPECIFIC) continue;
    const vendor = new Reader(value);
    if (vendor.left < 4 || vendor.u32() !== MicrosoftVendor.ID) continue;
    while (vendor.left >= 2) {
      const kind = vendor.u8();
      const octets = vendor.u8();
      if (octets < 2) throw new WireError(`Cannot accept an MS attribute of length ${octets}`);
      const body = vendor.take(octets - 2);
      const isKey = kind === MicrosoftVendor.MPPE_SEND_KEY ||
        kind === MicrosoftVendor.MPPE_RECV_KEY;
      if (isKey) keys.set(kind, reveal(body, request, secret));
    }
  }
  const receive = keys.get(MicrosoftVendor.MPPE_RECV_KEY);
  const send = keys.get(MicrosoftVendor.MPPE_SEND_KEY);
  if (!receive || !send) return undefined;
  const msk = concat(receive, send);
  const short = Math.max(0, MSK_OCTETS - msk.length);
  return concat(msk, new Uint8Array(short));
}

function hide(
  key: Uint8Array,
  { salt, request, secret }: {
    readonly salt: Uint8Array;
    readonly request: Uint8Array;
    readonly secret: Uint8Array;
  },
): Uint8Array {
  const plain = new Uint8Array(Math.ceil((1 + key.length) / BLOCK_OCTETS) * BLOCK_OCTETS);
  plain[0] = key.length;
  plain.set(key, 1);
  let pad = md5(concat(secret, request, salt));
  for (let at = 0; at < plain.length; at += BLOCK_OCTETS) {
    for (let i = 0; i < BLOCK_OCTETS; i++) plain[at + i]! ^= pad[i]!;
    pad = md5(concat(secret, plain.subarray(at, at + BLOCK_OCTETS)));
  }
  return plain;
}

/** Undoes {@linkcode hide}; `body` is the salt and what was hidden. */
function reveal(body: Uint8Array, request: Uint8Array, secret: Uint8Array): Uint8Array {
  const salt = body.subarray(0, 2);
  const sealed = body.subarray(2);
  if (sealed.length === 0 || sealed.length % BLOCK_OCTETS !== 0) {
    throw new WireError(`Cannot accept an MS-MPPE key of ${body.length} octets`);
  }
  const plain = sealed.slice();
  let pad = md5(concat(secret, request, salt));
  for (let at = 0; at < sealed.length; at += BLOCK_OCTETS) {
    for (let i = 0; i < BLOCK_OCTETS; i++) plain[at + i]! ^= pad[i]!;
    pad = md5(concat(secret, sealed.subarray(at, at + BLOCK_OCTETS)));
  }
  const length = plain[0]!;
  if (length > plain.length - 1) {
    throw new WireError(`Cannot read an MS-MPPE key: its length is ${length}`);
  }
  return plain.slice(1, 1 + length);
}
