/**
 * Shows messages as text: in one line in the RFC's notation for ladders, or with all fields for a debug log.
 * Secrets are not shown: of AUTH, KE, nonces, EAP and ciphertext only the length is.
 * @module
 */
import { showAddress } from "@/base/address.ts";
import { WireError } from "@/base/errors.ts";
import { Reader, showSpi32, showSpi64, toHex } from "@/base/bytes.ts";
import { nameOfAuthMethod } from "@/iana/auth_method.ts";
import { nameOfCertEncoding } from "@/iana/cert_encoding.ts";
import { CfgAttribute, nameOfCfgAttribute } from "@/iana/cfg_attribute.ts";
import { nameOfCpType } from "@/iana/cp_type.ts";
import { EapCode, nameOfEapCode, nameOfEapType } from "@/iana/eap_type.ts";
import { nameOfEncr } from "@/iana/encr.ts";
import { nameOfEsn } from "@/iana/esn.ts";
import { nameOfExchange } from "@/iana/exchange_type.ts";
import { nameOfHashAlgorithm } from "@/iana/hash_algorithm.ts";
import { IdType, nameOfIdType } from "@/iana/id_type.ts";
import { nameOfInteg } from "@/iana/integ.ts";
import { nameOfIpProtocol } from "@/iana/ip_protocol.ts";
import { nameOfIpcompTransform } from "@/iana/ipcomp.ts";
import { nameOfKeGroup } from "@/iana/ke_group.ts";
import { nameOfNotify, NotifyType } from "@/iana/notify_type.ts";
import { nameOfPayload, PayloadType } from "@/iana/payload_type.ts";
import { nameOfPrf } from "@/iana/prf.ts";
import { nameOfProtocol } from "@/iana/protocol_id.ts";
import { nameOfTransformAttribute } from "@/iana/transform_attribute.ts";
import { nameOfTransformType, TransformType } from "@/iana/transform_type.ts";
import { nameOfTsType } from "@/iana/ts_type.ts";
import { decodeAnnouncements } from "@/wire/auth_announcements.ts";
import { showFormed } from "@/wire/cfg_values.ts";
import type { IkeHeader, KnownPayload, MessageHeader, Payload } from "@/wire/message.ts";
import type { ConfigurationAttribute } from "@/wire/payloads/configuration.ts";
import type { DeletePayload } from "@/wire/payloads/delete.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";
import type { RawAttribute, SaPayload, Transform } from "@/wire/payloads/security_association.ts";
import type { TrafficSelector } from "@/wire/payloads/traffic_selector.ts";

/** The most octets that are shown of fields without a known meaning. */
const HEX_OCTETS_MAX = 32;

/** A message in one line: `IKE_AUTH req 1 {IDi, AUTH, SA, TSi, TSr, N(INITIAL_CONTACT)}`. */
export function showBrief(header: MessageHeader, payloads: readonly Payload[]): string {
  const { exchange, response, messageId } = header;
  const inside = payloads.map((p) => briefly(p, header)).join(", ");
  return `${nameOfExchange(exchange)} ${response ? "resp" : "req"} ${messageId} {${inside}}`;
}

/** The header on one line, then each payload with its fields, indented; without a final line end. */
export function showMessage(
  header: MessageHeader | IkeHeader,
  payloads: readonly Payload[],
): string {
  const { spiI, spiR, exchange, messageId, response, initiator } = header;
  const flags = `${initiator ? "I" : ""}${response ? "R" : ""}${header.higherVersion ? "V" : ""}`;
  const length = "length" in header ? `, ${header.length} octets` : "";
  const version = `${header.majorVersion ?? 2}.${header.minorVersion ?? 0}`;
  const lines = [
    `${nameOfExchange(exchange)} ${response ? "response" : "request"} ${messageId}` +
    ` (SPIi ${showSpi64(spiI)}, SPIr ${showSpi64(spiR)}, version ${version}, flags ` +
    `${flags || "none"}${length})`,
  ];
  for (const payload of payloads) {
    const [first, ...more] = linesOf(payload);
    lines.push(`  ${first}${payload.critical ? " (critical)" : ""}`);
    for (const line of more) lines.push(`    ${line}`);
  }
  return lines.join("\n");
}

/** A payload in the notation of RFC 7296 §1.2, with the side (i or r) of the message. */
function briefly(payload: Payload, { response }: MessageHeader): string {
  const side = response ? "r" : "i";
  if (isRaw(payload)) return nameOfPayload(payload.type);
  switch (payload.type) {
    case PayloadType.SA:
    case PayloadType.KE:
      return `${nameOfPayload(payload.type)}${side}`;
    case PayloadType.NONCE:
      return `N${side}`;
    case PayloadType.NOTIFY:
      return `N(${nameOfNotify(payload.notify)})`;
    case PayloadType.DELETE:
      return `D(${nameOfProtocol(payload.protocol)}${countOf(payload)})`;
    case PayloadType.CP:
      return `CP(${nameOfCpType(payload.cpType)})`;
    case PayloadType.EAP:
      return showEap(payload.data);
    case PayloadType.SKF:
      return `SKF(${payload.fragment}/${payload.total})`;
    default:
      return nameOfPayload(payload.type);
  }
}

function countOf({ spis, rawSpis }: DeletePayload): string {
  const count = rawSpis?.length ?? spis.length;
  return count > 0 ? ` ${count}` : "";
}

function isRaw(payload: Payload): payload is Exclude<Payload, KnownPayload> {
  return "raw" in payload;
}

/** The first line of a payload, then its parts. */
function linesOf(payload: Payload): string[] {
  const name = nameOfPayload(payload.type);
  if (isRaw(payload)) return [`${name} ${hex(payload.raw)}`];
  switch (payload.type) {
    case PayloadType.SA:
      return [name, ...proposalLines(payload)];
    case PayloadType.KE:
      return [`${name} ${nameOfKeGroup(payload.group)}, ${payload.data.length} octets`];
    case PayloadType.IDI:
    case PayloadType.IDR:
      return [`${name} ${showIdentity(payload.idType, payload.data)}`];
    case PayloadType.CERT:
      return [`${name} ${nameOfCertEncoding(payload.encoding)}, ${payload.data.length} octets`];
    case PayloadType.CERTREQ:
      return [`${name} ${nameOfCertEncoding(payload.encoding)} ${hex(payload.data)}`];
    case PayloadType.AUTH:
      return [`${name} ${nameOfAuthMethod(payload.method)}, ${payload.data.length} octets`];
    case PayloadType.NONCE:
      return [`${name} ${payload.data.length} octets`];
    case PayloadType.NOTIFY:
      return [`${name} ${showNotify(payload)}`];
    case PayloadType.DELETE:
      return [`${name} ${showDelete(payload)}`];
    case PayloadType.VENDOR:
      return [`${name} ${hex(payload.data)}`];
    case PayloadType.TSI:
    case PayloadType.TSR:
      return [name, ...payload.selectors.map(showSelector)];
    case PayloadType.CP:
      return [`${name} ${nameOfCpType(payload.cpType)}`, ...payload.attributes.map(showAttribute)];
    case PayloadType.EAP:
      return [`${showEap(payload.data)}, ${payload.data.length} octets`];
    case PayloadType.SK:
      return [`${name} ${payload.body.length} octets`];
    case PayloadType.PS:
      return [`${name} ${payload.data.length} octets`];
    case PayloadType.SKF:
      return [`${name} ${payload.fragment}/${payload.total}, ${payload.body.length} octets`];
  }
}

function proposalLines({ proposals }: SaPayload): string[] {
  return proposals.map(({ number, protocol, spi, transforms }) => {
    const about = `proposal ${number} ${nameOfProtocol(protocol)}${showSpi(spi)}`;
    return `${about}: ${transforms.map(showTransform).join(", ") || "no transforms"}`;
  });
}

function showSpi(spi: Uint8Array): string {
  return spi.length > 0 ? ` SPI ${toHex(spi).toUpperCase()}` : "";
}

function showTransform(transform: Transform): string {
  const { keyBits, attributes } = transform;
  const key = keyBits === undefined ? "" : `-${keyBits}`;
  return `${nameOfTransform(transform)}${key}${(attributes ?? []).map(showRawAttribute).join("")}`;
}

function nameOfTransform({ type, id }: Transform): string {
  switch (type) {
    case TransformType.ENCR:
      return nameOfEncr(id);
    case TransformType.PRF:
      return nameOfPrf(id);
    case TransformType.INTEG:
      return id === 0 ? "INTEG NONE" : nameOfInteg(id);
    case TransformType.KE:
      return nameOfKeGroup(id);
    case TransformType.ESN:
      return nameOfEsn(id);
    default:
      if (type > TransformType.ESN && type <= TransformType.ADDKE7) {
        return `${nameOfTransformType(type)} ${nameOfKeGroup(id)}`;
      }
      return `${nameOfTransformType(type)} ${id}`;
  }
}

function showRawAttribute({ attribute, value }: RawAttribute): string {
  const shown = typeof value === "number" ? value : hex(value);
  return ` [${nameOfTransformAttribute(attribute)} ${shown}]`;
}

function showIdentity(idType: number, data: Uint8Array): string {
  const name = nameOfIdType(idType);
  switch (idType) {
    case IdType.ID_IPV4_ADDR:
    case IdType.ID_IPV6_ADDR:
      return `${name} ${showAddressOctets(data)}`;
    case IdType.ID_FQDN:
    case IdType.ID_RFC822_ADDR:
      return `${name} ${text(data)}`;
    case IdType.ID_NULL:
      return name;
    default:
      return `${name} ${hex(data)}`;
  }
}

function showNotify({ protocol, spi, notify, data }: NotifyPayload): string {
  const about = spi.length > 0 ? ` ${nameOfProtocol(protocol)}${showSpi(spi)}` : "";
  return `${nameOfNotify(notify)}${about}${
    data.length > 0 ? ` ${showNotifyData(notify, data)}` : ""
  }`;
}

function showNotifyData(notify: number, data: Uint8Array): string {
  switch (notify) {
    case NotifyType.INVALID_KE_PAYLOAD:
      return nameOfKeGroup(data[0]! << 8 | data[1]!);
    case NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD:
      return nameOfPayload(data[0]!);
    case NotifyType.SIGNATURE_HASH_ALGORITHMS:
      return uint16s(data).map(nameOfHashAlgorithm).join(", ");
    case NotifyType.ADDITIONAL_IP4_ADDRESS:
    case NotifyType.ADDITIONAL_IP6_ADDRESS:
      return showAddressOctets(data);
    case NotifyType.AUTH_LIFETIME:
      return data.length === 4 ? `${new Reader(data).u32()} s` : hex(data);
    case NotifyType.SUPPORTED_AUTH_METHODS:
      return showAnnouncements(data);
    case NotifyType.PUZZLE:
      return `${nameOfPrf(data[0]! << 8 | data[1]!)}, ${data[2]} zero bits`;
    case NotifyType.USE_AGGFRAG:
      return showAggfrag(data[0]!);
    case NotifyType.NO_PPK_AUTH:
      return `${data.length} octets`;
    case NotifyType.IPCOMP_SUPPORTED:
      return `CPI ${toHex(data.subarray(0, 2)).toUpperCase()} ${nameOfIpcompTransform(data[2]!)}`;
    default:
      return hex(data);
  }
}

/** The flags of USE_AGGFRAG (RFC 9347 §6.1.4). */
function showAggfrag(flags: number): string {
  const control = flags & 2 ? "congestion control" : "no congestion control";
  return `${control}, ${flags & 1 ? "no fragments" : "fragments"}`;
}

/** Announced methods, which a record made by a test may have wrong. */
function showAnnouncements(data: Uint8Array): string {
  try {
    return decodeAnnouncements(data).map(({ method, link, algorithm }) =>
      nameOfAuthMethod(method) + (algorithm ? ` ${hex(algorithm)}` : "") +
      (link === 0 ? "" : ` (CA ${link})`)
    ).join(", ");
  } catch (e) {
    if (e instanceof WireError) return hex(data);
    throw e;
  }
}

function uint16s(data: Uint8Array): number[] {
  const values: number[] = [];
  for (let at = 0; at + 1 < data.length; at += 2) values.push(data[at]! << 8 | data[at + 1]!);
  return values;
}

function showDelete({ protocol, spis, rawSpis }: DeletePayload): string {
  const shown = rawSpis ? rawSpis.map((spi) => toHex(spi).toUpperCase()) : spis.map(showSpi32);
  return [nameOfProtocol(protocol), ...shown].join(" ");
}

/** A selector as `10.0.0.0-10.0.0.255 UDP ports 53-53`, without parts that match everything. */
function showSelector(ts: TrafficSelector): string {
  const protocol = ts.protocol === 0 ? "" : ` ${nameOfIpProtocol(ts.protocol)}`;
  if (ts.raw) return `${nameOfTsType(ts.tsType)}${protocol} ${hex(ts.raw)}`;
  const start = showAddressOctets(ts.startAddress);
  const end = showAddressOctets(ts.endAddress);
  const range = `${start === end ? start : `${start}-${end}`}${protocol}`;
  if (ts.startPort === 0xffff && ts.endPort === 0) return `${range} ports opaque`;
  const anyPort = ts.startPort === 0 && ts.endPort === 0xffff;
  return anyPort ? range : `${range} ports ${ts.startPort}-${ts.endPort}`;
}

/** An attribute of the configuration payload with its value. */
export function showAttribute({ attribute, value }: ConfigurationAttribute): string {
  const name = nameOfCfgAttribute(attribute);
  if (value.length === 0) return name;
  return `${name} ${showCfgValue(attribute, value)}`;
}

function showCfgValue(attribute: number, value: Uint8Array): string {
  switch (attribute) {
    case CfgAttribute.INTERNAL_IP6_ADDRESS:
    case CfgAttribute.INTERNAL_IP6_SUBNET:
      if (value.length !== 17) return hex(value);
      return `${showAddressOctets(value.subarray(0, 16))}/${value[16]}`;
    case CfgAttribute.INTERNAL_IP4_SUBNET:
      if (value.length !== 8) return hex(value);
      return `${showAddressOctets(value.subarray(0, 4))}/${showAddressOctets(value.subarray(4))}`;
    case CfgAttribute.SUPPORTED_ATTRIBUTES:
      return uint16s(value).map((v) => nameOfCfgAttribute(v & 0x7fff)).join(", ");
    case CfgAttribute.APPLICATION_VERSION:
    case CfgAttribute.INTERNAL_DNS_DOMAIN:
      return text(value);
    case CfgAttribute.INTERNAL_IP4_ADDRESS:
    case CfgAttribute.INTERNAL_IP4_NETMASK:
    case CfgAttribute.INTERNAL_IP4_DNS:
    case CfgAttribute.INTERNAL_IP4_NBNS:
    case CfgAttribute.INTERNAL_IP4_DHCP:
    case CfgAttribute.INTERNAL_IP6_DNS:
    case CfgAttribute.INTERNAL_IP6_DHCP:
    case CfgAttribute.P_CSCF_IP4_ADDRESS:
    case CfgAttribute.P_CSCF_IP6_ADDRESS:
      return showAddressOctets(value);
    default:
      return showFormed(attribute, value) ?? hex(value);
  }
}

/** An EAP packet as `EAP(REQUEST Identity)`; a part that a record made by a test lacks is left out. */
function showEap(data: Uint8Array): string {
  const code = data[0] ?? 0;
  const method = data[4];
  const typed = code === EapCode.REQUEST || code === EapCode.RESPONSE;
  const type = typed && method !== undefined ? ` ${nameOfEapType(method)}` : "";
  return `EAP(${nameOfEapCode(code)}${type})`;
}

/** An address, if the octets are one, which they need not be in a record made by a test. */
function showAddressOctets(octets: Uint8Array): string {
  return octets.length === 4 || octets.length === 16 ? showAddress(octets) : hex(octets);
}

/** Text of a peer, with invisible characters and quotation marks escaped. */
function text(octets: Uint8Array): string {
  let shown = "";
  for (const octet of octets.subarray(0, 4 * HEX_OCTETS_MAX)) {
    const prints = octet >= 0x20 && octet < 0x7f && octet !== 0x22 && octet !== 0x5c;
    shown += prints ? String.fromCharCode(octet) : `\\x${octet.toString(16).padStart(2, "0")}`;
  }
  return octets.length > 4 * HEX_OCTETS_MAX
    ? `"${shown}"… (${octets.length} octets)`
    : `"${shown}"`;
}

function hex(octets: Uint8Array): string {
  if (octets.length === 0) return "(empty)";
  const shown = toHex(octets.subarray(0, HEX_OCTETS_MAX));
  return octets.length > HEX_OCTETS_MAX ? `${shown}… (${octets.length} octets)` : shown;
}
