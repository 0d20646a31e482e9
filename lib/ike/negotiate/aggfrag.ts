/**
 * USE_AGGFRAG: both ends agree to aggregate and fragment packets in ESP, in each exchange that makes a CHILD_SA
 * (RFC 9347 §5.1). An end that requires congestion control information is declined, as this one sends none.
 * @module
 */
import { NotifyType } from "@/iana/notify_type.ts";
import { type Aggfrag, type AggfragConfig, AggfragFlag } from "@/ike/records/aggfrag.ts";
import type { ChildConfig } from "@/ike/records/config.ts";
import { findNotify, notify, PeerError } from "@/ike/records/notify.ts";
import type { Payload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

const { NO_PROPOSAL_CHOSEN, USE_AGGFRAG } = NotifyType;

/** Our notify; empty: there is none. */
export function aggfragNotify(config: AggfragConfig | undefined): NotifyPayload[] {
  if (!config) return [];
  const flags = config.takesFragments ? 0 : AggfragFlag.DONT_FRAGMENT;
  return [notify(USE_AGGFRAG, Uint8Array.of(flags))];
}

/** The flags of the peer's notify; libreswan 5 sends the notify without them, which means none. */
function flagsIn(payloads: readonly Payload[]): number | undefined {
  const said = findNotify(payloads, USE_AGGFRAG);
  return said && (said.data[0] ?? 0);
}

function agreedBy(flags: number): Aggfrag {
  return { peerTakesFragments: (flags & AggfragFlag.DONT_FRAGMENT) === 0 };
}

/**
 * What a responder agrees to; undefined: nothing, so that packets are sent one by one.
 * @throws {PeerError} NO_PROPOSAL_CHOSEN if it is not to be without.
 */
export function chooseAggfrag(
  request: readonly Payload[],
  { aggfrag }: ChildConfig,
): Aggfrag | undefined {
  if (!aggfrag) return undefined;
  const flags = flagsIn(request);
  const wantsControl = flags !== undefined && (flags & AggfragFlag.CONGESTION_CONTROL) !== 0;
  if (flags !== undefined && !wantsControl) return agreedBy(flags);
  if (aggfrag.use === "allow") return undefined;
  const why = wantsControl
    ? "asked for IP-TFS with congestion control, which this end does not have"
    : "did not ask for IP-TFS (USE_AGGFRAG)";
  throw new PeerError(NO_PROPOSAL_CHOSEN, `Peer ${why}, and iptfs is force`);
}

/** What is wrong with a responder's answer; undefined: nothing. */
export function aggfragFault(
  answer: readonly Payload[],
  { aggfrag }: ChildConfig,
): string | undefined {
  const flags = flagsIn(answer);
  if (flags === undefined) {
    return aggfrag?.use === "force"
      ? "declined IP-TFS (no USE_AGGFRAG in its response), iptfs: force asks for it"
      : undefined;
  }
  if (!aggfrag) return "answered with IP-TFS (USE_AGGFRAG), which we did not ask for";
  return (flags & AggfragFlag.CONGESTION_CONTROL) !== 0
    ? "requires congestion control of IP-TFS, which this end does not have"
    : undefined;
}

/** What an initiator has agreed by an answer without a fault. */
export function acceptedAggfrag(answer: readonly Payload[]): Aggfrag | undefined {
  const flags = flagsIn(answer);
  return flags === undefined ? undefined : agreedBy(flags);
}
