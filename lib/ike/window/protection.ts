/**
 * Encrypts and decrypts the SK and SKF payloads of one SA: chooses the keys of each direction and the IV (RFC
 * 7296 §3.14, RFC 5282 §3, RFC 7383 §2.5). `wire/` defines the layout, the SA's suite the algorithms.
 * @module
 */
import { Writer } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import { messageOctets } from "@/base/octets.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { ikeKeys } from "@/ike/negotiate/keymat.ts";
import {
  encodePayloads,
  type IkeHeader,
  type MessageHeader,
  type Payload,
  payloadsOf,
} from "@/wire/message.ts";
import type { SkfPayload, SkPayload } from "@/wire/payloads/encrypted.ts";
import {
  type OpenedMessage,
  openFragment,
  openMessage,
  type Protection,
  sealContent,
  sealFragments,
  sealMessage,
} from "@/wire/protected.ts";

const WRONG_ICV = "a wrong ICV";

/**
 * Encrypts one of our messages; in fragments if its payloads exceed one and both ends support that (RFC 7383
 * §2.5).
 */
export function seal(
  sa: IkeSa,
  header: MessageHeader,
  payloads: readonly Payload[],
): Uint8Array[] {
  const protection = protectionOf(sa, sa.originalInitiator);
  const inFront = solutionFor(sa, header);
  // In TCP messages are not fragmented, as a stream carries any length (RFC 9329 §7.5).
  if (!sa.peer.fragmentation || sa.path.tcp) {
    return [sealMessage(header, payloads, { protection, iv: nextIv(sa), inFront })];
  }
  const inner = new Writer(1024);
  const clearMax = sa.config.fragmentOctets;
  const firstType = encodePayloads(payloads, inner);
  const content = inner.done();
  if (content.length > clearMax) {
    const iv = () => nextIv(sa);
    return sealFragments(header, payloads, { protection, iv, clearMax, inFront });
  }
  return [sealContent(header, { firstType, content }, { protection, iv: nextIv(sa), inFront })];
}

/** The solution of a puzzle, which stands before the Encrypted payload of the first IKE_AUTH request (RFC 8019 §7.2.2). */
function solutionFor({ setup }: IkeSa, { exchange }: MessageHeader): Payload | undefined {
  const data = setup?.solution;
  if (!data || exchange !== ExchangeType.IKE_AUTH) return undefined;
  return { type: PayloadType.PS, data };
}

/**
 * Decrypts a message of the peer; a text is the reason why it is dropped.
 * @throws {WireError} if it is authentic and breaks the RFC.
 */
export function openWhole(
  sa: IkeSa,
  octets: Uint8Array,
  sk: SkPayload,
): OpenedMessage | string {
  return openMessage(octets, sk, protectionOf(sa, !sa.originalInitiator)) ?? WRONG_ICV;
}

/**
 * Decrypts the part of the payloads in a fragment; a text is the reason why it is dropped.
 * @throws {WireError} if it is authentic and breaks the RFC.
 */
export function openPart(sa: IkeSa, octets: Uint8Array, skf: SkfPayload): Uint8Array | string {
  const opened = openFragment(octets, skf, protectionOf(sa, !sa.originalInitiator));
  return opened ? opened.content : WRONG_ICV;
}

/**
 * Finds the encrypted payload of a message; a text is the reason why the message is dropped. Errors before
 * the ICV is verified say nothing about the peer, as anybody could have sent the message.
 */
export function encryptedPayload(
  octets: Uint8Array,
  header: IkeHeader,
): SkPayload | SkfPayload | string {
  try {
    const last = payloadsOf(octets, header).at(-1);
    if (last && !("raw" in last)) {
      if (last.type === PayloadType.SK) return last as SkPayload;
      if (last.type === PayloadType.SKF) return last as SkfPayload;
    }
    return "a message in clear where it must be encrypted";
  } catch (e) {
    if (e instanceof WireError) return "a malformed message that is not authentic";
    throw e;
  }
}

function protectionOf(sa: IkeSa, byInitiator: boolean): Protection {
  const suite = sa.suite!;
  const keys = ikeKeys(suite, sa.keys!);
  return {
    cipher: suite.cipher,
    encryptionKey: byInitiator ? keys.ei : keys.er,
    integrity: suite.integrity,
    integrityKey: byInitiator ? keys.ai : keys.ar,
  };
}

/**
 * The next IV: a counter for counter modes, which must never repeat an IV (RFC 5282 §3.1), random for others.
 */
function nextIv(sa: IkeSa): Uint8Array {
  const { cipher } = sa.suite!;
  if (cipher.blockOctets > 1) return sa.env.random(cipher.ivOctets);
  const iv = messageOctets(cipher.ivOctets);
  const count = ++sa.sealed;
  let rest = count;
  for (let at = iv.length - 1; at >= 0 && rest > 0; at--) {
    iv[at] = rest & 0xff;
    rest = Math.floor(rest / 256);
  }
  return iv;
}
