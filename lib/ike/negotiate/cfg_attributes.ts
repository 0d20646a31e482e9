/**
 * Attributes of the configuration payload other than addresses and DNS servers. A client asks for those that
 * its configuration names, and a gateway assigns those that its configuration has to clients that ask for them
 * (RFC 7296 §2.19; RFC 7651, RFC 8598, RFC 9464; 3GPP TS 24.302 §8.2.4.2).
 * @module
 */
import { stateCopy } from "@/base/octets.ts";
import { Reader } from "@/base/bytes.ts";
import { CfgAttribute, nameOfCfgAttribute } from "@/iana/cfg_attribute.ts";
import { CpType } from "@/iana/cp_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { Turn } from "@/ike/records/event.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { cfgValueFault, decodeDigestInfo } from "@/wire/cfg_values.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import type { ConfigurationAttribute, CpPayload } from "@/wire/payloads/configuration.ts";

const { INTERNAL_DNS_DOMAIN, INTERNAL_DNSSEC_TA, ENCDNS_DIGEST_INFO } = CfgAttribute;
const { TIMEOUT_PERIOD_FOR_LIVENESS_CHECK } = CfgAttribute;
/** The most attributes of one CFG_REPLY that are kept, and the most notes about ignored ones. */
const KEPT_MAX = 64;
const NOTES_MAX = 8;

/** The attributes that a responder assigns among those that a CFG_REQUEST asks for, in configured order. */
export function givenAttributes({ config, peer }: IkeSa, cp: CpPayload): ConfigurationAttribute[] {
  const given = (config.cfgAttributes ?? []).filter((one) =>
    cp.attributes.some((asked) => asked.attribute === one.attribute && isWanted(asked, one))
  );
  if (given.length > 0) peer.configured = given;
  return given;
}

/**
 * Whether a client that asks for an attribute can use this one. For ENCDNS_DIGEST_INFO the client lists the
 * hash algorithms that it supports (RFC 9464 §3.2); the value of any other requested attribute is ignored.
 */
function isWanted(asked: ConfigurationAttribute, { value }: ConfigurationAttribute): boolean {
  const { attribute } = asked;
  if (attribute !== ENCDNS_DIGEST_INFO || asked.value.length === 0) return true;
  if (cfgValueFault(attribute, value)) return true;
  try {
    const { hashes } = decodeDigestInfo(asked.value);
    return decodeDigestInfo(value).hashes.every((hash) => hashes.includes(hash));
  } catch {
    return false;
  }
}

/** Keeps the attributes of a CFG_REPLY that this end has asked for, and notes why faulty ones are ignored. */
export function takeConfigured(turn: Turn, payloads: readonly Payload[]): void {
  const { sa } = turn;
  const reply = findPayload(payloads, PayloadType.CP);
  const asked = sa.config.cfgAttributes ?? [];
  if (reply?.cpType !== CpType.CFG_REPLY || asked.length === 0) return;
  const kept: ConfigurationAttribute[] = [];
  const faults: string[] = [];
  for (const [i, one] of reply.attributes.entries()) {
    const { attribute, value } = one;
    const isAsked = asked.some((wish) => wish.attribute === attribute);
    if (!isAsked || value.length === 0 || kept.length === KEPT_MAX) continue;
    const fault = placeFault(sa, reply.attributes[i - 1], one) ?? cfgValueFault(attribute, value);
    if (fault) faults.push(`${nameOfCfgAttribute(attribute)}: ${fault}`);
    else kept.push({ attribute, value: stateCopy(value) });
  }
  sa.peer.configured = kept;
  const period = kept.find((one) => one.attribute === TIMEOUT_PERIOD_FOR_LIVENESS_CHECK);
  if (period && !sa.env.broken.has("keep_own_liveness")) {
    sa.peer.livenessMs = new Reader(period.value).u32() * 1_000;
  }
  for (const text of faults.slice(0, NOTES_MAX)) {
    turn.out.push(
      { kind: "note", level: 3, text: `An assigned attribute is ignored: ${text}` },
      sa,
    );
  }
}

/**
 * The fault of an attribute at its place. A DNSSEC trust anchor must directly follow its domain, or another
 * trust anchor of the same domain (RFC 8598 §4).
 */
function placeFault(
  { env }: IkeSa,
  before: ConfigurationAttribute | undefined,
  { attribute }: ConfigurationAttribute,
): string | undefined {
  if (attribute !== INTERNAL_DNSSEC_TA || env.broken.has("take_misplaced_anchor")) return undefined;
  const isRight = before?.attribute === INTERNAL_DNS_DOMAIN ||
    before?.attribute === INTERNAL_DNSSEC_TA;
  return isRight ? undefined : "no INTERNAL_DNS_DOMAIN is right before it";
}
