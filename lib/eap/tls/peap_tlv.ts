/**
 * The end of PEAP inside its tunnel: an EAP packet of type 33 with the result, and optionally a
 * cryptobinding (MS-PEAP §2.2.8).
 *
 * ```text
 * +-+-+---------------------------+-------------------------------+
 * |M|R|         TLV Type          |            Length             |
 * +-+-+---------------------------+-------------------------------+
 * |  Value ...
 * ```
 * @module
 */
import { concat, Reader, sameOctets, Writer } from "@/base/bytes.ts";
import { hmacSha1 } from "@/crypto/legacy.ts";
import { refuse } from "@/eap/failure.ts";
import { encodeEap } from "@/eap/packet.ts";
import { EapCode, EapType } from "@/iana/eap_type.ts";

/** EAP type of the extensions, which is the only one with a whole header inside PEAP. */
export const EAP_EXTENSIONS = 33;
const RESULT = 3;
const CRYPTOBINDING = 12;
const MANDATORY = 0x8000;
const TYPE = 0x3fff;
const STATUS_SUCCESS = 1;
const STATUS_FAILURE = 2;
const BINDING_OCTETS = 56;
const NONCE_OCTETS = 32;
const MAC_OCTETS = 20;
const BINDING_REQUEST = 0;
const BINDING_RESPONSE = 1;
const HEADER_OCTETS = 4;

/** A cryptobinding that was received. */
export interface Cryptobinding {
  /** 0 for a request, 1 for a response. */
  readonly subtype: number;
  /** 32 octets. */
  readonly nonce: Uint8Array;
  /** The whole TLV, its Compound MAC in it. */
  readonly octets: Uint8Array;
}

/** The contents of an extensions packet. */
export interface Extensions {
  /** Undefined if it has no result. */
  readonly success: boolean | undefined;
  readonly binding: Cryptobinding | undefined;
}

/** Whether a plaintext of PEAP is an extensions packet with its whole header. */
export function isExtensions(plaintext: Uint8Array, code: number): boolean {
  const length = plaintext[2]! << 8 | plaintext[3]!;
  return plaintext.length > HEADER_OCTETS && plaintext[0] === code &&
    length === plaintext.length && plaintext[HEADER_OCTETS] === EAP_EXTENSIONS;
}

/** Reads an extensions packet. @throws {EapRefusal} if a length is wrong, or a mandatory TLV is unknown. */
export function decodeExtensions(packet: Uint8Array): Extensions {
  const body = new Reader(packet, HEADER_OCTETS + 1);
  let success: boolean | undefined;
  let binding: Cryptobinding | undefined;
  while (body.left > 0) {
    const at = body.at;
    const word = body.u16();
    const length = body.u16();
    const value = body.take(length);
    const octets = packet.subarray(at, body.at);
    switch (word & TYPE) {
      case RESULT:
        if (length !== 2) refuse("malformed", `a Result TLV of ${length} octets`);
        success = (value[0]! << 8 | value[1]!) === STATUS_SUCCESS;
        break;
      case CRYPTOBINDING:
        if (length !== BINDING_OCTETS) {
          refuse("malformed", `a Cryptobinding TLV of ${length} octets`);
        }
        binding = { subtype: value[3]!, nonce: value.subarray(4, 4 + NONCE_OCTETS), octets };
        break;
      default:
        if (word & MANDATORY) refuse("not supported", `TLV ${word & TYPE}, which must be known`);
    }
  }
  return { success, binding };
}

/** An extensions packet with a result, and with a cryptobinding if `bound` is given. */
export function encodeExtensions(
  code: typeof EapCode.REQUEST | typeof EapCode.RESPONSE,
  identifier: number,
  { success, bound }: {
    readonly success: boolean;
    readonly bound?: { readonly cmk: Uint8Array; readonly nonce: Uint8Array } | undefined;
  },
): Uint8Array {
  const w = new Writer(80).u16(MANDATORY | RESULT).u16(2);
  w.u16(success ? STATUS_SUCCESS : STATUS_FAILURE);
  if (bound) {
    const subtype = code === EapCode.REQUEST ? BINDING_REQUEST : BINDING_RESPONSE;
    w.put(bindingOctets(subtype, bound.nonce, bound.cmk));
  }
  return encodeEap({ code, identifier, type: EAP_EXTENSIONS, data: w.done() });
}

/** Verifies a cryptobinding. @throws {EapRefusal} if the Compound MAC or the subtype is wrong. */
export function verifyBinding(
  { subtype, nonce, octets }: Cryptobinding,
  cmk: Uint8Array,
  wanted: "request" | "response",
): void {
  const right = wanted === "request" ? BINDING_REQUEST : BINDING_RESPONSE;
  if (subtype !== right || !sameOctets(octets, bindingOctets(subtype, nonce, cmk))) {
    refuse("wrong credentials", "the cryptobinding is wrong: the tunnel ends at somebody else");
  }
}

/** Makes a cryptobinding of version 0. The MAC covers the TLV, in which it is zero, and the EAP type. */
function bindingOctets(subtype: number, nonce: Uint8Array, cmk: Uint8Array): Uint8Array {
  const head = new Writer(64).u16(CRYPTOBINDING).u16(BINDING_OCTETS).u8(0).u8(0).u8(0).u8(subtype);
  const bare = head.put(nonce).done();
  const blank = new Uint8Array(MAC_OCTETS);
  const mac = hmacSha1(cmk, concat(bare, blank, Uint8Array.of(EapType.PEAP)));
  return concat(bare, mac);
}
