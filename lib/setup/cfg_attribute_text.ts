/**
 * How a setup writes an attribute of the configuration payload: `NUMBER`, or its name, and for an answer or
 * a wish `=VALUE` in the form of that attribute. `0x…` is hex and `text:…` a text for any attribute.
 * @module
 */
import { parseAddress } from "@/base/address.ts";
import { concat, fromHex, Writer } from "@/base/bytes.ts";
import { CfgAttribute } from "@/iana/cfg_attribute.ts";
import { INVALID, type Kind } from "@/setup/kinds.ts";

/** An attribute as it is asked for or given. */
export interface CfgAttributeConf {
  /** Attribute type, 15 bits. */
  readonly attribute: number;
  /** Empty: it is asked for without a wish. */
  readonly value: Uint8Array;
}

/** The highest attribute type. */
const ATTRIBUTE_MAX = 0x7fff;
/** Octets of one value. */
const VALUE_MAX = 1_000;
/** What `ratunnel` asks for, and `poolconf` gives. */
const OF_POOLS: readonly number[] = [
  CfgAttribute.INTERNAL_IP4_ADDRESS,
  CfgAttribute.INTERNAL_IP4_NETMASK,
  CfgAttribute.INTERNAL_IP4_DNS,
  CfgAttribute.INTERNAL_IP6_ADDRESS,
  CfgAttribute.INTERNAL_IP6_DNS,
];
/** SvcParamKeys by their names (RFC 9460 §14.3.2, RFC 9461). */
const PARAMS: Readonly<Record<string, number>> = { alpn: 1, port: 3, dohpath: 7 };

/** An attribute with its value. */
export const cfgAttribute: Kind<CfgAttributeConf> = {
  expects: "a number or a name of IANA's IKEv2 Configuration Payload Attribute Types, and =VALUE " +
    "for what is given (P_CSCF_IP4_ADDRESS=192.0.2.5, 24=30, 16384=0xc0ffee, 16385=text:hello)",
  parse(text) {
    const at = text.indexOf("=");
    const attribute = numberOf(at < 0 ? text : text.slice(0, at));
    if (attribute === undefined) return INVALID;
    if (at < 0) return { attribute, value: new Uint8Array(0) };
    const value = valueOf(attribute, text.slice(at + 1));
    return value && value.length <= VALUE_MAX ? { attribute, value } : INVALID;
  },
  hint(text) {
    const [name] = text.split("=") as [string];
    return OF_POOLS.includes(plainNumber(name) ?? -1)
      ? "addresses, netmasks and DNS servers are those of ratunnel and poolconf"
      : undefined;
  },
};

function numberOf(name: string): number | undefined {
  const number = plainNumber(name);
  return number === undefined || OF_POOLS.includes(number) ? undefined : number;
}

function plainNumber(name: string): number | undefined {
  const known = (CfgAttribute as Readonly<Record<string, number>>)[name];
  if (known !== undefined) return known;
  const number = Number(name);
  return /^\d{1,5}$/.test(name) && number > 0 && number <= ATTRIBUTE_MAX ? number : undefined;
}

function valueOf(attribute: number, text: string): Uint8Array | undefined {
  if (/^0x/i.test(text)) return fromHex(text.slice(2));
  if (text.startsWith("text:")) return utf8(text.slice(5));
  switch (attribute) {
    case CfgAttribute.P_CSCF_IP4_ADDRESS:
    case CfgAttribute.INTERNAL_IP4_NBNS:
    case CfgAttribute.INTERNAL_IP4_DHCP:
      return addressOf(text, 4);
    case CfgAttribute.P_CSCF_IP6_ADDRESS:
    case CfgAttribute.INTERNAL_IP6_DHCP:
      return addressOf(text, 16);
    case CfgAttribute.TIMEOUT_PERIOD_FOR_LIVENESS_CHECK:
      return /^\d{1,9}$/.test(text) ? new Writer(4).u32(Number(text)).done() : undefined;
    case CfgAttribute.INTERNAL_DNSSEC_TA:
      return trustAnchor(text);
    case CfgAttribute.ENCDNS_IP4:
      return resolver(text, 4);
    case CfgAttribute.ENCDNS_IP6:
      return resolver(text, 16);
    case CfgAttribute.ENCDNS_DIGEST_INFO:
      return digestInfo(text);
    case CfgAttribute.INTERNAL_DNS_DOMAIN:
    case CfgAttribute.APPLICATION_VERSION:
      return utf8(text);
    default:
      // An attribute without a form that is known here is written in hex, or with text: in front.
      return undefined;
  }
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function addressOf(text: string, octets: 4 | 16): Uint8Array | undefined {
  const address = parseAddress(text);
  return address?.length === octets ? address : undefined;
}

/** `KEYTAG ALGORITHM DIGESTTYPE HEX`, as in a DS record. */
function trustAnchor(text: string): Uint8Array | undefined {
  const [tag, algorithm, type, digest, ...more] = text.split(/\s+/);
  const octets = digest === undefined ? undefined : fromHex(digest);
  const numbers = [tag, algorithm, type].map(Number);
  const isRight = numbers.every((n, i) => Number.isInteger(n) && n >= 0 && n <= (i ? 255 : 65_535));
  if (!octets || octets.length === 0 || more.length > 0 || !isRight) return undefined;
  const [keyTag, alg, digestType] = numbers as [number, number, number];
  return new Writer(64).u16(keyTag).u8(alg).u8(digestType).put(octets).done();
}

/** `PRIORITY ADDRESS[,ADDRESS…] NAME alpn=h2,dot [port=853] [dohpath=/dns-query{?dns}]`. */
function resolver(text: string, octets: 4 | 16): Uint8Array | undefined {
  const [priority, list, name, ...params] = text.split(/\s+/);
  if (!/^\d{1,5}$/.test(priority ?? "") || Number(priority) > 65_535 || !name) return undefined;
  const addresses = list!.split(",").map((one) => addressOf(one, octets));
  const encoded = params.map(param);
  if (addresses.includes(undefined) || encoded.includes(undefined) || name.length > 253) {
    return undefined;
  }
  // RFC 9460 §2.2: in ascending order of their keys, each once.
  const sorted = (encoded as { key: number; octets: Uint8Array }[]).toSorted((a, b) =>
    a.key - b.key
  );
  if (new Set(sorted.map(({ key }) => key)).size < sorted.length) return undefined;
  const adn = utf8(name);
  const head = new Writer(4).u16(Number(priority)).u8(addresses.length).u8(adn.length).done();
  return concat(head, ...addresses as Uint8Array[], adn, ...sorted.map((one) => one.octets));
}

function param(text: string): { key: number; octets: Uint8Array } | undefined {
  const at = text.indexOf("=");
  const key = PARAMS[text.slice(0, at)];
  const value = at < 0 || key === undefined ? undefined : paramValue(key, text.slice(at + 1));
  if (key === undefined || !value) return undefined;
  return { key, octets: concat(new Writer(4).u16(key).u16(value.length).done(), value) };
}

function paramValue(key: number, text: string): Uint8Array | undefined {
  if (key === PARAMS.alpn) {
    const names = text.split(",").map(utf8);
    if (names.some(({ length }) => length === 0 || length > 255)) return undefined;
    return concat(...names.map((name) => concat(Uint8Array.of(name.length), name)));
  }
  if (key !== PARAMS.port) return utf8(text);
  const port = Number(text);
  return /^\d{1,5}$/.test(text) && port > 0 && port < 65_536
    ? Uint8Array.of(port >> 8, port & 0xff)
    : undefined;
}

/** `NAME HASH HEX` as it is given, or the numbers of hashes that are asked for: `2,3`. */
function digestInfo(text: string): Uint8Array | undefined {
  const asked = /^\d{1,5}(,\d{1,5})*$/.test(text) ? text.split(",").map(Number) : undefined;
  if (asked) return hashList("", asked);
  const [name, hash, digest, ...more] = text.split(/\s+/);
  const octets = digest === undefined ? undefined : fromHex(digest);
  if (!octets || octets.length === 0 || more.length > 0 || !/^\d{1,5}$/.test(hash!)) {
    return undefined;
  }
  return name!.length > 253 ? undefined : concat(hashList(name!, [Number(hash)]), octets);
}

function hashList(name: string, hashes: readonly number[]): Uint8Array {
  const adn = utf8(name);
  const list = new Writer(2 * hashes.length + 2);
  for (const hash of hashes) list.u16(hash & 0xffff);
  return concat(Uint8Array.of(hashes.length, adn.length), adn, list.done());
}
