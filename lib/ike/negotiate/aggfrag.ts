/**
 * USE_AGGFRAG: both ends agree to aggregate and fragment packets in ESP, in each exchange that makes a CHILD_SA
 * (RFC 9347 §5.1). An end that requires congestion control information is declined, as this one sends none, and
 * so is one that sets a flag which is not known.
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

/** What the peer requires by its flags and this end does not have; undefined: nothing. */
function lacking(flags: number): string | undefined {
  if ((flags & AggfragFlag.CONGESTION_CONTROL) !== 0) {
    return "congestion control of IP-TFS, which this end does not have";
  }
  const unknown = flags & ~AggfragFlag.DONT_FRAGMENT;
  return unknown === 0
    ? undefined
    : `something of IP-TFS that this end does not know (flags 0x${unknown.toString(16)})`;
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
  const lacks = flags === undefined ? undefined : lacking(flags);
  if (flags !== undefined && !lacks) return agreedBy(flags);
  if (aggfrag.use === "allow") return undefined;
  const why = lacks ? `requires ${lacks}` : "did not ask for IP-TFS (USE_AGGFRAG)";
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
  const lacks = lacking(flags);
  return lacks && `requires ${lacks}`;
}

/** What an initiator has agreed by an answer without a fault. */
export function acceptedAggfrag(answer: readonly Payload[]): Aggfrag | undefined {
  const flags = flagsIn(answer);
  return flags === undefined ? undefined : agreedBy(flags);
}
