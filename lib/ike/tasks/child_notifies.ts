/**
 * The notifies by which both ends negotiate a CHILD_SA in addition to proposals and selectors: transport mode
 * (RFC 7296 §1.3.1), whether TFC padding is accepted (§1.3.1, RFC 4303 §2.7), IPComp (§2.22), and IP-TFS (RFC 9347 §5.1).
 * NON_FIRST_FRAGMENTS_ALSO is ignored, which declines it.
 * @module
 */
import { IpcompTransform, nameOfIpcompTransform } from "@/iana/ipcomp.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import { acceptedAggfrag, aggfragFault, aggfragNotify } from "@/ike/negotiate/aggfrag.ts";
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";
import type { Ipcomp } from "@/ike/records/child_suite.ts";
import type { ChildConfig } from "@/ike/records/config.ts";
import { findNotify, notifies, notify } from "@/ike/records/notify.ts";
import type { Payload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

/**
 * The range of CPIs that are drawn: lower ones are well-known or reserved, higher ones for private use (RFC
 * 3173 §3.3).
 */
const CPI_MIN = 256;
const CPI_MAX = 61_439;

/** The notifies of our request. */
export function asked(
  child: ChildSa,
  config: ChildConfig,
  replaces: ChildSa | undefined,
): NotifyPayload[] {
  const forgets = replaces && child.parent.env.broken.has("forget_iptfs_in_rekey");
  return [
    ...(config.tunnelMode ? [] : [notify(NotifyType.USE_TRANSPORT_MODE)]),
    ...ipcompNotify(config.ipcomp ? child.cpiIn : 0),
    ...tfcNotify(config),
    ...aggfragNotify(forgets ? undefined : config.aggfrag),
  ];
}

/** The notifies of our response; `child` is what was negotiated. */
export function answered(child: ChildSa, config: ChildConfig): NotifyPayload[] {
  return [
    ...(child.tunnelMode ? [] : [notify(NotifyType.USE_TRANSPORT_MODE)]),
    ...ipcompNotify(child.ipcomp ? child.cpiIn : 0),
    ...tfcNotify(config),
    ...aggfragNotify(child.aggfrag && config.aggfrag),
  ];
}

function tfcNotify({ tfc, protocol }: ChildConfig): NotifyPayload[] {
  return tfc || protocol !== ProtocolId.ESP
    ? []
    : [notify(NotifyType.ESP_TFC_PADDING_NOT_SUPPORTED)];
}

/** The notify with CPI (uint16) and transform. */
function ipcompNotify(cpi: number): NotifyPayload[] {
  if (cpi === 0) return [];
  const data = Uint8Array.of(cpi >> 8, cpi & 0xff, IpcompTransform.IPCOMP_DEFLATE);
  return [notify(NotifyType.IPCOMP_SUPPORTED, data)];
}

/** Draws a CPI. All CPIs mean DEFLATE without a state, so that one may be drawn twice. */
export function drawCpi({ env }: IkeSa): number {
  const [high, low] = env.random(2);
  return CPI_MIN + (high! << 8 | low!) % (CPI_MAX - CPI_MIN + 1);
}

/** Whether the message asks for, or agrees to, transport mode. */
export function wantsTransport(payloads: readonly Payload[]): boolean {
  return findNotify(payloads, NotifyType.USE_TRANSPORT_MODE) !== undefined;
}

/** Whether the sender of the message accepts TFC padding. */
export function takesTfc(payloads: readonly Payload[]): boolean {
  return findNotify(payloads, NotifyType.ESP_TFC_PADDING_NOT_SUPPORTED) === undefined;
}

/** The peer's offers of IPComp, in its order. */
function ipcompOffers(payloads: readonly Payload[]): Ipcomp[] {
  return notifies(payloads).filter((n) => n.notify === NotifyType.IPCOMP_SUPPORTED)
    .map(({ data }) => ({ cpiOut: data[0]! << 8 | data[1]!, transform: data[2]! }));
}

/** A responder's choice among the peer's offers; undefined: none, which is no error (§2.22). */
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

/** What is wrong with a responder's notifies; undefined: nothing, and `acceptNotifies` takes them. */
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
  const aggfrag = aggfragFault(payloads, config);
  if (aggfrag) return aggfrag;
  const offers = ipcompOffers(payloads);
  // An answer has at most one of the offers (RFC 7296 §2.22).
  if (offers.length > 1) return `answered with ${offers.length} IPCOMP_SUPPORTED instead of one`;
  const [offer] = offers;
  if (!offer || config.ipcomp && isDeflate(offer)) return undefined;
  const name = `${nameOfIpcompTransform(offer.transform)} with CPI ${offer.cpiOut}`;
  return `answered with ${name}, which we did not offer`;
}

/** Records at the initiator what the notifies of a valid answer mean. */
export function acceptNotifies(
  child: ChildSa,
  payloads: readonly Payload[],
  config: ChildConfig,
): void {
  child.tunnelMode = !wantsTransport(payloads);
  child.peerTakesTfc = takesTfc(payloads);
  child.ipcomp = ipcompOffers(payloads)[0];
  child.aggfrag = acceptedAggfrag(payloads);
  const { broken } = child.parent.env;
  if (broken.has("assume_iptfs") && config.aggfrag) child.aggfrag ??= { peerTakesFragments: true };
}
