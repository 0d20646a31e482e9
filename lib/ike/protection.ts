/**
 * SK payloads of one SA: which keys protect which direction, and with which IV (RFC 7296 §3.14, RFC
 * 5282 §3). The layout is `wire/`'s, the algorithms are the SA's suite.
 * @module
 */
import { WireError } from "@/base/errors.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { IkeSa } from "@/ike/ike_sa.ts";
import { ikeKeys } from "@/ike/keymat.ts";
import { decodeMessage, type MessageHeader, type Payload } from "@/wire/message.ts";
import type { SkPayload } from "@/wire/payloads/encrypted.ts";
import { openMessage, type Protection, sealMessage } from "@/wire/protected.ts";

/** One of our messages under SK. */
export function seal(
  sa: IkeSa,
  header: MessageHeader,
  payloads: readonly Payload[],
): Uint8Array {
  const protection = protectionOf(sa, sa.originalInitiator);
  return sealMessage(header, payloads, { protection, iv: nextIv(sa) });
}

/**
 * The payloads of a message of the peer; a text is why it is dropped.
 * @throws {WireError} where it is authentic and breaks the RFC.
 */
export function openSealed(sa: IkeSa, octets: Uint8Array): readonly Payload[] | string {
  const sk = lastPayload(octets);
  if (typeof sk === "string") return sk;
  const opened = openMessage(octets, sk, protectionOf(sa, !sa.originalInitiator));
  return opened ? opened.payloads : "a wrong ICV";
}

/** What is wrong before the ICV is checked says nothing about the peer: anybody could have sent it. */
function lastPayload(octets: Uint8Array): SkPayload | string {
  try {
    const last = decodeMessage(octets).payloads.at(-1);
    if (last?.type === PayloadType.SK && !("raw" in last)) return last as SkPayload;
    return last?.type === PayloadType.SKF
      ? "a fragment, and fragmentation was not negotiated"
      : "a message in clear where it must be encrypted";
  } catch (e) {
    if (e instanceof WireError) return "a malformed message that is not authentic";
    throw e;
  }
}

function protectionOf(sa: IkeSa, byInitiator: boolean): Protection {
  const suite = sa.suite!, keys = ikeKeys(suite, sa.keys!);
  return {
    cipher: suite.cipher,
    encryptionKey: byInitiator ? keys.ei : keys.er,
    integrity: suite.integrity,
    integrityKey: byInitiator ? keys.ai : keys.ar,
  };
}

/** Ciphers in counter mode must never see an IV twice, so it counts (RFC 5282 §3.1); others draw. */
function nextIv(sa: IkeSa): Uint8Array {
  const { cipher } = sa.suite!;
  if (cipher.blockOctets > 1) return sa.env.random(cipher.ivOctets);
  const iv = new Uint8Array(cipher.ivOctets), count = ++sa.sealed;
  for (let at = iv.length - 1, rest = count; at >= 0 && rest > 0; at--) {
    iv[at] = rest & 0xff;
    rest = Math.floor(rest / 256);
  }
  return iv;
}
