/**
 * Values of configuration attributes that have a form of their own: split DNS (RFC 8598 §3, §4), encrypted
 * DNS (RFC 9464 §3).
 *
 * ```text
 * INTERNAL_DNSSEC_TA
 *                      1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-------------------------------+---------------+---------------+
 * |        DNSKEY Key Tag         |  DNSKEY Alg   |  Digest Type  |
 * +-------------------------------+---------------+---------------+
 * ~                          Digest Data                          ~
 * +---------------------------------------------------------------+
 *
 * ENCDNS_IP4, ENCDNS_IP6
 * +-------------------------------+---------------+---------------+
 * |       Service Priority        | Num Addresses |  ADN Length   |
 * +-------------------------------+---------------+---------------+
 * ~                        IP Address(es)                         ~
 * ~                  Authentication Domain Name                   ~
 * ~                 Service Parameters (SvcParams)                ~
 * +---------------------------------------------------------------+
 *
 * ENCDNS_DIGEST_INFO
 * +---------------+---------------+
 * | Num Hash Algs |  ADN Length   |
 * +---------------+---------------+-------------------------------+
 * ~                  Authentication Domain Name                   ~
 * ~             List of Hash Algorithm Identifiers                ~
 * ~                      Certificate Digest                       ~
 * +---------------------------------------------------------------+
 * ```
 * @module
 */
import { type IpAddress, showAddress } from "@/base/address.ts";
import { Reader, toHex } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import { CfgAttribute } from "@/iana/cfg_attribute.ts";
import { nameOfHashAlgorithm } from "@/iana/hash_algorithm.ts";

/** A DNSSEC trust anchor of the domain before it (RFC 8598 §4). */
export interface TrustAnchor {
  /** DNSKEY Key Tag, uint16. */
  readonly keyTag: number;
  /** DNSKEY Algorithm, uint8. */
  readonly algorithm: number;
  /** DS Digest Type, uint8. */
  readonly digestType: number;
  readonly digest: Uint8Array;
}

/** A resolver that is asked over an encrypted transport (RFC 9464 §3.1). */
export interface EncryptedDns {
  /** Service Priority, uint16; 0 is AliasMode, which is not allowed here. */
  readonly priority: number;
  readonly addresses: readonly IpAddress[];
  /** Authentication Domain Name, ASCII. */
  readonly name: string;
  /** SvcParams: their SvcParamKey, uint16, and value (RFC 9460 §2.2). */
  readonly params: readonly { readonly key: number; readonly value: Uint8Array }[];
}

/** Digests of a resolver's certificate, or the hashes that are asked for (RFC 9464 §3.2). */
export interface DigestInfo {
  readonly name: string;
  /** IANA IKEv2 Hash Algorithms. */
  readonly hashes: readonly number[];
  readonly digest: Uint8Array;
}

/** SvcParamKeys (RFC 9460 §14.3.2) that have a name here. */
const PARAMS: ReadonlyMap<number, string> = new Map([
  [0, "mandatory"],
  [1, "alpn"],
  [3, "port"],
  [4, "ipv4hint"],
  [6, "ipv6hint"],
  [7, "dohpath"],
]);
const ALPN = 1;
const HINTS: readonly number[] = [4, 6];

/** @throws {WireError} where it is too short. */
export function decodeTrustAnchor(value: Uint8Array): TrustAnchor {
  const reader = new Reader(value);
  const keyTag = reader.u16();
  const algorithm = reader.u8();
  const digestType = reader.u8();
  return { keyTag, algorithm, digestType, digest: reader.rest() };
}

/** @throws {WireError} where a length leads beyond the end, or the name has other than printable ASCII. */
export function decodeEncryptedDns(value: Uint8Array, addressOctets: 4 | 16): EncryptedDns {
  const reader = new Reader(value);
  const priority = reader.u16();
  const count = reader.u8();
  const nameOctets = reader.u8();
  const addresses = Array.from({ length: count }, () => reader.take(addressOctets));
  const name = nameIn(reader.take(nameOctets));
  const params: { key: number; value: Uint8Array }[] = [];
  while (reader.left > 0) params.push({ key: reader.u16(), value: reader.take(reader.u16()) });
  return { priority, addresses, name, params };
}

/** @throws {WireError} as {@linkcode decodeEncryptedDns}. */
export function decodeDigestInfo(value: Uint8Array): DigestInfo {
  const reader = new Reader(value);
  const count = reader.u8();
  const name = nameIn(reader.take(reader.u8()));
  const hashes = Array.from({ length: count }, () => reader.u16());
  return { name, hashes, digest: reader.rest() };
}

/** A domain name in presentation format, ASCII (A-labels), without a final dot. */
function nameIn(octets: Uint8Array): string {
  const text = String.fromCharCode(...octets);
  if (!/^[\x21-\x7e]*$/.test(text)) throw new WireError("Cannot accept that domain name");
  return text;
}

/** Why an assigned value must be ignored; undefined: it need not. */
export function cfgValueFault(attribute: number, value: Uint8Array): string | undefined {
  try {
    return faultOf(attribute, value);
  } catch (e) {
    if (e instanceof WireError) return "it is malformed";
    throw e;
  }
}

function faultOf(attribute: number, value: Uint8Array): string | undefined {
  switch (attribute) {
    case CfgAttribute.INTERNAL_DNS_DOMAIN: {
      const name = nameIn(value);
      const labels = name.replace(/\.$/, "").split(".");
      const isName = name.length <= 253 && labels.every((one) => /^[\w-]{1,63}$/.test(one));
      return isName ? undefined : "it is no domain name";
    }
    case CfgAttribute.INTERNAL_DNSSEC_TA:
      return decodeTrustAnchor(value).digest.length > 0 ? undefined : "it has no digest";
    case CfgAttribute.ENCDNS_IP4:
      return resolverFault(decodeEncryptedDns(value, 4));
    case CfgAttribute.ENCDNS_IP6:
      return resolverFault(decodeEncryptedDns(value, 16));
    case CfgAttribute.ENCDNS_DIGEST_INFO: {
      const { hashes, digest } = decodeDigestInfo(value);
      if (hashes.length !== 1) return `it names ${hashes.length} hash algorithms, and not one`;
      return digest.length > 0 ? undefined : "it has no digest";
    }
    case CfgAttribute.TIMEOUT_PERIOD_FOR_LIVENESS_CHECK:
      return new Reader(value).u32() > 0 ? undefined : "it is 0";
    default:
      return undefined;
  }
}

/** What RFC 9464 §3.1 asks of an assigned resolver. */
function resolverFault({ priority, addresses, name, params }: EncryptedDns): string | undefined {
  if (priority === 0) return "its Service Priority is 0 (AliasMode)";
  if (addresses.length === 0) return "it has no address";
  if (name === "") return "it has no Authentication Domain Name";
  if (params.some(({ key }) => HINTS.includes(key))) return "it has ipv4hint or ipv6hint";
  return params.some(({ key }) => key === ALPN) ? undefined : "it lacks the SvcParam alpn";
}

/** A value of these attributes in words; undefined: it has no form of its own, or does not follow it. */
export function showFormed(attribute: number, value: Uint8Array): string | undefined {
  try {
    switch (attribute) {
      case CfgAttribute.INTERNAL_DNSSEC_TA: {
        const { keyTag, algorithm, digestType, digest } = decodeTrustAnchor(value);
        return `${keyTag} ${algorithm} ${digestType} ${toHex(digest)}`;
      }
      case CfgAttribute.ENCDNS_IP4:
        return showResolver(decodeEncryptedDns(value, 4));
      case CfgAttribute.ENCDNS_IP6:
        return showResolver(decodeEncryptedDns(value, 16));
      case CfgAttribute.ENCDNS_DIGEST_INFO: {
        const { name, hashes, digest } = decodeDigestInfo(value);
        return [name, hashes.map(nameOfHashAlgorithm).join(","), toHex(digest)].filter(Boolean)
          .join(" ");
      }
      case CfgAttribute.TIMEOUT_PERIOD_FOR_LIVENESS_CHECK:
        return `${new Reader(value).u32()} s`;
      default:
        return undefined;
    }
  } catch (e) {
    if (e instanceof WireError) return undefined;
    throw e;
  }
}

function showResolver({ priority, addresses, name, params }: EncryptedDns): string {
  const shown = params.map(({ key, value }) => `${PARAMS.get(key) ?? `key${key}`}=${toHex(value)}`);
  return [priority, addresses.map(showAddress).join(","), name, ...shown].join(" ");
}
