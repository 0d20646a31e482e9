/**
 * Which payloads an exchange requires, and which may occur only once (RFC 7296 §1.2–§1.4, Appendix C; RFC
 * 5723, RFC 7383, RFC 9242, RFC 9370). The order of payloads is free (RFC 7296 §2.5), and payloads without a
 * meaning in an exchange are ignored, so that the table only has requirements.
 * @module
 */
import { WireError } from "@/base/errors.ts";
import { ExchangeType, nameOfExchange } from "@/iana/exchange_type.ts";
import { isErrorNotify, NotifyType } from "@/iana/notify_type.ts";
import { nameOfPayload, PayloadType } from "@/iana/payload_type.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import { findPayload, type Payload } from "@/wire/message.ts";

/** The payloads of a message of one exchange and direction. */
export interface ExchangeRule {
  /** All of these are required, unless a response refuses. */
  readonly required: readonly number[];
  /** At least one of these is required, unless a response refuses; empty: none is. */
  readonly oneOf: readonly number[];
  /** These are allowed too; others have no meaning in the exchange and are ignored. */
  readonly optional: readonly number[];
}

/** Payload types that occur at most once in a message of any exchange. */
export const SINGLE_PAYLOADS: ReadonlySet<number> = new Set([
  PayloadType.SA,
  PayloadType.KE,
  PayloadType.IDI,
  PayloadType.IDR,
  PayloadType.AUTH,
  PayloadType.NONCE,
  PayloadType.TSI,
  PayloadType.TSR,
  PayloadType.CP,
  PayloadType.EAP,
  PayloadType.SK,
  PayloadType.SKF,
  PayloadType.PS,
]);

const P = PayloadType;
/** Payload types that every message may have. */
const ANYWHERE: readonly number[] = [P.NOTIFY, P.VENDOR];
const NOTHING: readonly number[] = [];

interface ExchangeRules {
  readonly request: ExchangeRule;
  readonly response: ExchangeRule;
}

const RULES: ReadonlyMap<number, ExchangeRules> = new Map([
  [ExchangeType.IKE_SA_INIT, {
    request: { required: [P.SA, P.KE, P.NONCE], oneOf: NOTHING, optional: [P.PS] },
    response: { required: [P.SA, P.KE, P.NONCE], oneOf: NOTHING, optional: [P.CERTREQ] },
  }],
  [ExchangeType.IKE_AUTH, {
    request: {
      required: NOTHING,
      // The first request identifies the initiator; later ones continue EAP or end it with AUTH (RFC 7296
      // §2.16). One that waits for a second authentication of the responder has no payload (RFC 4739).
      oneOf: NOTHING,
      optional: [
        ...[P.IDI, P.EAP, P.AUTH, P.GSPM],
        ...[P.IDR, P.CERT, P.CERTREQ, P.CP, P.SA, P.TSI, P.TSR, P.PS],
      ],
    },
    response: {
      required: NOTHING,
      // Behind a second authentication of the initiator the CHILD_SA alone is left to say (RFC 4739).
      oneOf: [P.IDR, P.EAP, P.AUTH, P.GSPM, P.SA],
      optional: [P.CERT, P.CP, P.TSI, P.TSR],
    },
  }],
  [ExchangeType.CREATE_CHILD_SA, {
    request: {
      required: [P.SA, P.NONCE],
      oneOf: NOTHING,
      optional: [P.KE, P.TSI, P.TSR, P.CP],
    },
    response: {
      required: [P.SA, P.NONCE],
      oneOf: NOTHING,
      optional: [P.KE, P.TSI, P.TSR, P.CP],
    },
  }],
  [ExchangeType.INFORMATIONAL, {
    request: { required: NOTHING, oneOf: NOTHING, optional: [P.DELETE, P.CP] },
    response: { required: NOTHING, oneOf: NOTHING, optional: [P.DELETE, P.CP] },
  }],
  [ExchangeType.IKE_SESSION_RESUME, { // RFC 5723 §4.3
    request: { required: [P.NONCE, P.NOTIFY], oneOf: NOTHING, optional: NOTHING },
    response: { required: [P.NONCE], oneOf: NOTHING, optional: NOTHING },
  }],
  [ExchangeType.IKE_INTERMEDIATE, { // RFC 9242 §3.2, RFC 9370 §2.2.2
    request: { required: NOTHING, oneOf: NOTHING, optional: [P.KE] },
    response: { required: NOTHING, oneOf: NOTHING, optional: [P.KE] },
  }],
  [ExchangeType.IKE_FOLLOWUP_KE, { // RFC 9370 §2.2.4
    request: { required: [P.KE, P.NOTIFY], oneOf: NOTHING, optional: NOTHING },
    response: { required: [P.KE], oneOf: NOTHING, optional: NOTHING },
  }],
]);

/**
 * Whether the messages of an exchange are not encrypted, as there are no keys yet (RFC 7296 §1.2, RFC 5723 §4.3). All others
 * are encrypted in SK.
 */
export function isInClear(exchange: number): boolean {
  return exchange === ExchangeType.IKE_SA_INIT || exchange === ExchangeType.IKE_SESSION_RESUME;
}

/** The rule of an exchange and direction; undefined for exchanges without one. */
export function ruleOf(exchange: number, response: boolean): ExchangeRule | undefined {
  const rules = RULES.get(exchange);
  return response ? rules?.response : rules?.request;
}

/**
 * Checks the decrypted payloads of a message. Rules about their contents are checked by tasks.
 * @throws {WireError} if a required payload is missing, or a single one occurs twice: the peer is sent
 * INVALID_SYNTAX (RFC 7296 §3.10.1).
 */
export function checkExchange(
  exchange: number,
  response: boolean,
  payloads: readonly Payload[],
): void {
  const present = checkSingle(exchange, payloads);
  const rule = ruleOf(exchange, response);
  if (!rule || response && isRefusal(exchange, payloads)) return;
  for (const type of rule.required) {
    if (!present.has(type)) throw lacks(exchange, response, nameOfPayload(type));
  }
  if (rule.oneOf.length > 0 && !rule.oneOf.some((type) => present.has(type))) {
    throw lacks(exchange, response, rule.oneOf.map(nameOfPayload).join(" or "));
  }
  if (exchange === ExchangeType.IKE_SA_INIT) checkNoSpi(payloads);
  checkSelectors(exchange, response, payloads, present);
}

/** Checks that proposals of IKE_SA_INIT have no SPI, as the header has the SPIs (RFC 7296 §3.3.1). */
function checkNoSpi(payloads: readonly Payload[]): void {
  const { proposals } = findPayload(payloads, P.SA) ?? { proposals: [] };
  const named = proposals.find((p) => p.protocol === ProtocolId.IKE && p.spi.length > 0);
  if (named) throw new WireError(`Cannot accept an SPI in proposal ${named.number} of IKE_SA_INIT`);
}

/** Types of payloads that have no meaning in this exchange and direction; they are ignored. */
export function strayPayloads(
  exchange: number,
  response: boolean,
  payloads: readonly Payload[],
): number[] {
  const rule = ruleOf(exchange, response);
  if (!rule) return [];
  const { required, oneOf, optional } = rule;
  const known = [...required, ...oneOf, ...optional, ...ANYWHERE];
  return payloads.map((p) => p.type).filter((type) => !known.includes(type));
}

function checkSingle(exchange: number, payloads: readonly Payload[]): ReadonlySet<number> {
  const present = new Set<number>();
  for (const { type } of payloads) {
    if (present.has(type) && SINGLE_PAYLOADS.has(type)) {
      throw new WireError(
        `Cannot accept a second ${nameOfPayload(type)} in ${nameOfExchange(exchange)}`,
      );
    }
    present.add(type);
  }
  return present;
}

/** Status notifies that a response may have in place of everything else, by exchange. */
const INSTEAD: ReadonlyMap<number, readonly number[]> = new Map([
  [ExchangeType.IKE_SA_INIT, [NotifyType.COOKIE, NotifyType.REDIRECT]], // RFC 7296 §2.6, RFC 5685 §3
  [ExchangeType.IKE_AUTH, [NotifyType.REDIRECT]], // RFC 5685 §6
  [ExchangeType.IKE_SESSION_RESUME, [ // RFC 5723 §4.3
    NotifyType.COOKIE,
    NotifyType.REDIRECT,
    NotifyType.TICKET_NACK,
  ]],
]);

/** Whether a response refuses: by an error, a cookie, a redirection, or no ticket. */
function isRefusal(exchange: number, payloads: readonly Payload[]): boolean {
  for (const payload of payloads) {
    if (payload.type !== P.NOTIFY || "raw" in payload) continue;
    const { notify } = payload as Extract<Payload, { type: typeof P.NOTIFY; notify: number }>;
    if (isErrorNotify(notify) || INSTEAD.get(exchange)?.includes(notify)) return true;
  }
  return false;
}

/** Checks that TSi and TSr occur together, with each SA payload of a CHILD_SA and with none of an IKE SA. */
function checkSelectors(
  exchange: number,
  response: boolean,
  payloads: readonly Payload[],
  present: ReadonlySet<number>,
): void {
  const negotiates = exchange === ExchangeType.IKE_AUTH ||
    exchange === ExchangeType.CREATE_CHILD_SA;
  if (!negotiates) return;
  const tsI = present.has(P.TSI);
  const tsR = present.has(P.TSR);
  if (tsI !== tsR) throw lacks(exchange, response, nameOfPayload(tsI ? P.TSR : P.TSI));
  const sa = findPayload(payloads, P.SA);
  if (!sa) {
    if (tsI) throw lacks(exchange, response, nameOfPayload(P.SA));
    return;
  }
  // The rekey of an IKE SA has a key exchange and no selectors (RFC 7296 §1.3.2).
  const rekeysIke = sa.proposals[0]?.protocol === ProtocolId.IKE;
  if (rekeysIke && !present.has(P.KE)) throw lacks(exchange, response, nameOfPayload(P.KE));
  if (!rekeysIke && !tsI) throw lacks(exchange, response, "TSi and TSr");
}

function lacks(exchange: number, response: boolean, what: string): WireError {
  const direction = response ? "response" : "request";
  return new WireError(`Cannot accept ${nameOfExchange(exchange)} ${direction} without ${what}`);
}
