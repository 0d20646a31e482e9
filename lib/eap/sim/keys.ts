/**
 * Keys of EAP-SIM (RFC 4186 §7), EAP-AKA (RFC 4187 §7) and EAP-AKA′ (RFC 9048 §3.3).
 * @module
 */
import { concat, Writer } from "@/base/bytes.ts";
import { hmacSha256, sha1Compress } from "@/crypto/legacy.ts";
import { portableSha1 } from "@/crypto/portable_hash.ts";

/** The keys of one authentication. */
export interface SimSessionKeys {
  /** The key from which re-authentication derives its keys: MK of 20 octets, or K_re of AKA′, 32 octets. */
  readonly masterKey: Uint8Array;
  /** 16 octets. */
  readonly kEncr: Uint8Array;
  /** 16 octets; of AKA′ 32. */
  readonly kAut: Uint8Array;
  /** 64 octets. */
  readonly msk: Uint8Array;
  /** 64 octets. */
  readonly emsk: Uint8Array;
}

const utf8 = new TextEncoder();

/**
 * The generator of FIPS 186-2 with change notice 1, Algorithm 1 without its `mod q`, all XSEED zero
 * (RFC 4186 Appendix B).
 * @param xkey 20 octets.
 */
export function fips186Prf(xkey: Uint8Array, octets: number): Uint8Array {
  const stream = new Uint8Array(Math.ceil(octets / 20) * 20);
  const block = new Uint8Array(64);
  const key = xkey.slice();
  for (let at = 0; at < octets; at += 20) {
    block.set(key);
    const w = sha1Compress(block);
    stream.set(w, at);
    // XKEY = (1 + XKEY + w) mod 2^160
    let carry = 1;
    for (let i = 19; i >= 0; i--) {
      carry += key[i]! + w[i]!;
      key[i] = carry;
      carry >>>= 8;
    }
  }
  return stream.subarray(0, octets);
}

/** MK of SIM: over the identity, the Kc of all triplets, NONCE_MT and the versions. */
export function simMasterKey(
  identity: string,
  kcs: readonly Uint8Array[],
  { nonceMt, versions, selected }: {
    readonly nonceMt: Uint8Array;
    /** As in AT_VERSION_LIST, two octets each. */
    readonly versions: Uint8Array;
    readonly selected: number;
  },
): Uint8Array {
  const chosen = Uint8Array.of(selected >>> 8, selected);
  return portableSha1(concat(utf8.encode(identity), ...kcs, nonceMt, versions, chosen));
}

/** MK of AKA: over the identity, IK and CK. */
export function akaMasterKey(identity: string, ik: Uint8Array, ck: Uint8Array): Uint8Array {
  return portableSha1(concat(utf8.encode(identity), ik, ck));
}

/** All keys of a full authentication by SIM or AKA. */
export function keysOfMasterKey(masterKey: Uint8Array): SimSessionKeys {
  const stream = fips186Prf(masterKey, 160);
  return {
    masterKey,
    kEncr: stream.slice(0, 16),
    kAut: stream.slice(16, 32),
    msk: stream.slice(32, 96),
    emsk: stream.slice(96, 160),
  };
}

/** The inputs of a re-authentication. */
export interface ReauthInputs {
  readonly identity: string;
  /** uint16. */
  readonly counter: number;
  /** 16 octets. */
  readonly nonceS: Uint8Array;
}

/** MSK and EMSK of a re-authentication by SIM or AKA (RFC 4187 §7). */
export function reauthKeys(
  masterKey: Uint8Array,
  { identity, counter, nonceS }: ReauthInputs,
): { readonly msk: Uint8Array; readonly emsk: Uint8Array } {
  const count = Uint8Array.of(counter >>> 8, counter);
  const xkey = portableSha1(concat(utf8.encode(identity), count, nonceS, masterKey));
  const stream = fips186Prf(xkey, 128);
  return { msk: stream.slice(0, 64), emsk: stream.slice(64) };
}

/** CK′ and IK′, which are bound to the name of the access network (RFC 9048 §3.3). */
export function primeKeys(
  { ck, ik, autn }: { readonly ck: Uint8Array; readonly ik: Uint8Array; readonly autn: Uint8Array },
  networkName: Uint8Array,
): { readonly ckPrime: Uint8Array; readonly ikPrime: Uint8Array } {
  // 3GPP TS 33.402 Annex A: FC, then each parameter with its length behind it.
  const input = new Writer(64).u8(0x20).put(networkName).u16(networkName.length);
  input.put(autn.subarray(0, 6)).u16(6);
  const both = hmacSha256(concat(ck, ik), input.done());
  return { ckPrime: both.slice(0, 16), ikPrime: both.slice(16) };
}

/** All keys of a full authentication by AKA′. */
export function akaPrimeKeys(
  identity: string,
  ikPrime: Uint8Array,
  ckPrime: Uint8Array,
): SimSessionKeys {
  const stream = primePrf(concat(ikPrime, ckPrime), utf8.encode(`EAP-AKA'${identity}`), 208);
  return {
    kEncr: stream.slice(0, 16),
    kAut: stream.slice(16, 48),
    masterKey: stream.slice(48, 80),
    msk: stream.slice(80, 144),
    emsk: stream.slice(144, 208),
  };
}

/** MSK and EMSK of a re-authentication by AKA′. */
export function primeReauthKeys(
  kRe: Uint8Array,
  { identity, counter, nonceS }: ReauthInputs,
): { readonly msk: Uint8Array; readonly emsk: Uint8Array } {
  const count = Uint8Array.of(counter >>> 8, counter);
  const seed = concat(utf8.encode(`EAP-AKA' re-auth${identity}`), count, nonceS);
  const stream = primePrf(kRe, seed, 128);
  return { msk: stream.slice(0, 64), emsk: stream.slice(64) };
}

/** PRF′ (RFC 9048 §3.4.1): prf+ of IKEv2 on HMAC-SHA-256. */
function primePrf(key: Uint8Array, seed: Uint8Array, octets: number): Uint8Array {
  const stream = new Uint8Array(Math.ceil(octets / 32) * 32);
  let block: Uint8Array = new Uint8Array(0);
  let n = 1;
  for (let at = 0; at < octets; at += 32, n++) {
    block = hmacSha256(key, concat(block, seed, Uint8Array.of(n)));
    stream.set(block, at);
  }
  return stream.subarray(0, octets);
}
