/**
 * Keys of EAP-TLS, EAP-TTLS and PEAP by the exporter of TLS (RFC 5216 §2.3, RFC 5281 §8, RFC 9190
 * §2.3, RFC 9427 §2.1), and PEAP's cryptobinding (MS-PEAP §3.1.5.5).
 * @module
 */
import { concat } from "@/base/bytes.ts";
import { hmacSha1 } from "@/crypto/legacy.ts";
import type { EapKeys } from "@/eap/method.ts";
import type { TlsSession } from "@/eap/tls/engine.ts";
import { EapType } from "@/iana/eap_type.ts";

/** The version number of TLS 1.3. */
export const TLS_1_3 = 0x0304;
const KEY_OCTETS = 64;
/** TTLS: a challenge of 16 octets and an identifier (RFC 5281 §11.1). */
const CHALLENGE_OCTETS = 17;
const TUNNEL_KEY_OCTETS = 40;
const COMPOUND_MAC_KEY_OCTETS = 20;
const ISK_OCTETS = 32;
const utf8 = new TextEncoder();

/** MSK and EMSK of a method of this EAP type. */
export function tlsKeys(session: TlsSession, type: number): EapKeys {
  const stream = keyMaterial(session, type);
  return { msk: stream.slice(0, KEY_OCTETS), emsk: stream.slice(KEY_OCTETS) };
}

function keyMaterial(session: TlsSession, type: number): Uint8Array {
  if (session.version() >= TLS_1_3) {
    const context = Uint8Array.of(type);
    return session.exportKey("EXPORTER_EAP_TLS_Key_Material", context, 2 * KEY_OCTETS);
  }
  const label = type === EapType.TTLS ? "ttls keying material" : "client EAP encryption";
  return session.exportKey(label, undefined, 2 * KEY_OCTETS);
}

/** The challenge that both ends of TTLS derive, which is not sent: 16 octets, and an identifier. */
export function ttlsChallenge(session: TlsSession): {
  readonly challenge: Uint8Array;
  /** uint8. */
  readonly identifier: number;
} {
  const stream = session.exportKey("ttls challenge", undefined, CHALLENGE_OCTETS);
  return { challenge: stream.slice(0, 16), identifier: stream[16]! };
}

/** The keys that PEAP's cryptobinding derives from those of the tunnel and of the inner method. */
export interface CompoundKeys {
  /** Compound MAC Key, 20 octets. */
  readonly cmk: Uint8Array;
  /** MSK and EMSK, which replace those of the tunnel. */
  readonly keys: EapKeys;
}

/** @param innerMsk of the inner method; undefined if it has none. */
export function compoundKeys(session: TlsSession, innerMsk: Uint8Array | undefined): CompoundKeys {
  const tunnelKey = keyMaterial(session, EapType.PEAP).subarray(0, TUNNEL_KEY_OCTETS);
  const isk = new Uint8Array(ISK_OCTETS);
  if (innerMsk) isk.set(innerMsk.subarray(0, ISK_OCTETS));
  const intermediate = peapPrf(
    tunnelKey,
    concat(utf8.encode("Inner Methods Compound Keys"), isk),
    TUNNEL_KEY_OCTETS + COMPOUND_MAC_KEY_OCTETS,
  );
  const ipmk = intermediate.subarray(0, TUNNEL_KEY_OCTETS);
  const seed = concat(utf8.encode("Session Key Generating Function"), new Uint8Array(1));
  const stream = peapPrf(ipmk, seed, 2 * KEY_OCTETS);
  const keys = { msk: stream.slice(0, KEY_OCTETS), emsk: stream.slice(KEY_OCTETS) };
  return { cmk: intermediate.slice(TUNNEL_KEY_OCTETS), keys };
}

/** PRF+ of MS-PEAP: T1 = HMAC-SHA-1(key, seed ‖ 1 ‖ 0 ‖ 0), each further one over the last. */
function peapPrf(key: Uint8Array, seed: Uint8Array, octets: number): Uint8Array {
  const stream = new Uint8Array(Math.ceil(octets / 20) * 20);
  let block: Uint8Array = new Uint8Array(0);
  let n = 1;
  for (let at = 0; at < octets; at += 20, n++) {
    block = hmacSha1(key, concat(block, seed, Uint8Array.of(n, 0, 0)));
    stream.set(block, at);
  }
  return stream.slice(0, octets);
}
