/**
 * What two ends settle about a CHILD_SA by notifies, beside its proposals and selectors: transport
 * mode (RFC 7296 §1.3.1), whether TFC padding is taken (§1.3.1, RFC 4303 §2.7), IPComp (§2.22).
 * NON_FIRST_FRAGMENTS_ALSO is passed over, which declines it.
 * @module
 */
import { IpcompTransform, nameOfIpcompTransform } from "@/iana/ipcomp.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";
import type { Ipcomp } from "@/ike/records/child_suite.ts";
import type { ChildConfig } from "@/ike/records/config.ts";
import { findNotify, notifies, notify } from "@/ike/records/notify.ts";
import type { Payload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

/** CPIs below are well-known or reserved, above for private use (RFC 3173 §3.3). */
const CPI_MIN = 256, CPI_MAX = 61_439;

/** What a request of ours says. */
export function asked(child: ChildSa, config: ChildConfig): NotifyPayload[] {
  return [
    ...(config.tunnelMode ? [] : [notify(NotifyType.USE_TRANSPORT_MODE)]),
    ...ipcompNotify(config.ipcomp ? child.cpiIn : 0),
    ...tfcNotify(config),
  ];
}

/** What an answer of ours says; `child` is what was settled. */
export function answered(child: ChildSa, config: ChildConfig): NotifyPayload[] {
  return [
    ...(child.tunnelMode ? [] : [notify(NotifyType.USE_TRANSPORT_MODE)]),
    ...ipcompNotify(child.ipcomp ? child.cpiIn : 0),
    ...tfcNotify(config),
  ];
}

function tfcNotify({ tfc, protocol }: ChildConfig): NotifyPayload[] {
  return tfc || protocol !== ProtocolId.ESP
    ? []
    : [notify(NotifyType.ESP_TFC_PADDING_NOT_SUPPORTED)];
}

/** CPI (uint16) and transform. */
function ipcompNotify(cpi: number): NotifyPayload[] {
  if (cpi === 0) return [];
  const data = Uint8Array.of(cpi >> 8, cpi & 0xff, IpcompTransform.IPCOMP_DEFLATE);
  return [notify(NotifyType.IPCOMP_SUPPORTED, data)];
}

/** A CPI of ours. All of them mean DEFLATE without a state, so that it does no harm to meet again. */
export function drawCpi({ env }: IkeSa): number {
  const [high, low] = env.random(2);
  return CPI_MIN + (high! << 8 | low!) % (CPI_MAX - CPI_MIN + 1);
}

/** Whether the message asks for, or agrees to, transport mode. */
export function wantsTransport(payloads: readonly Payload[]): boolean {
  return findNotify(payloads, NotifyType.USE_TRANSPORT_MODE) !== undefined;
}

/** Whether its sender takes TFC padding. */
export function takesTfc(payloads: readonly Payload[]): boolean {
  return findNotify(payloads, NotifyType.ESP_TFC_PADDING_NOT_SUPPORTED) === undefined;
}

/** The peer's offers of IPComp, in its order. */
function ipcompOffers(payloads: readonly Payload[]): Ipcomp[] {
  return notifies(payloads).filter((n) => n.notify === NotifyType.IPCOMP_SUPPORTED)
    .map(({ data }) => ({ cpiOut: data[0]! << 8 | data[1]!, transform: data[2]! }));
}

/** A responder's choice of the peer's offers; undefined: none, which is no fault (§2.22). */
export function chooseIpcomp(
  payloads: readonly Payload[],
  config: ChildConfig,
): Ipcomp | undefined {
  if (!config.ipcomp) return undefined;
  return ipcompOffers(payloads).find(isDeflate);
}

function isDeflate({ transform, cpiOut }: Ipcomp): boolean {
  return transform === IpcompTransform.IPCOMP_DEFLATE && cpiOut >= CPI_MIN;
}

/** What a responder may not answer; undefined: it may, and `acceptNotifies` takes it. */
export function answerFault(
  payloads: readonly Payload[],
  config: ChildConfig,
): string | undefined {
  const transport = wantsTransport(payloads);
  if (!config.tunnelMode && !transport) {
    return "declined transport mode (no USE_TRANSPORT_MODE in its response), tunnelmode: false " +
      "asks for it";
  }
  if (config.tunnelMode && transport) {
    return "answered with transport mode, which we did not ask for";
  }
  const offers = ipcompOffers(payloads);
  // RFC 7296 §2.22: an answer has one of those that were offered, or none.
  if (offers.length > 1) return `answered with ${offers.length} IPCOMP_SUPPORTED instead of one`;
  const [offer] = offers;
  if (!offer || config.ipcomp && isDeflate(offer)) return undefined;
  const name = `${nameOfIpcompTransform(offer.transform)} with CPI ${offer.cpiOut}`;
  return `answered with ${name}, which we did not offer`;
}

/** The initiator's half of what an answer without fault settles. */
export function acceptNotifies(child: ChildSa, payloads: readonly Payload[]): void {
  child.tunnelMode = !wantsTransport(payloads);
  child.peerTakesTfc = takesTfc(payloads);
  child.ipcomp = ipcompOffers(payloads)[0];
}
