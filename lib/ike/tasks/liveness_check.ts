/**
 * The liveness check: an empty INFORMATIONAL request asks whether the peer still responds (RFC 7296 §2.4).
 * With MOBIKE it also asks whether the mapping of the NAT before this end has changed (RFC 4555 §3.8).
 * @module
 */
import { sameOctets } from "@/base/bytes.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { IkeSa, LivenessTask } from "@/ike/records/sa.ts";
import { findNotify } from "@/ike/records/notify.ts";
import type { TaskKind } from "@/ike/records/task.ts";
import { natDetection } from "@/ike/path/nat_detection.ts";
import { askUpdate } from "@/ike/tasks/move.ts";
import { sendRequest } from "@/ike/window/exchange.ts";

/** An empty request, or one with NAT detection; silence ends the SA. */
export const livenessCheck: TaskKind<LivenessTask> = {
  exchange: ExchangeType.INFORMATIONAL,

  begin(turn) {
    const { sa } = turn;
    sa.lastLivenessMs = turn.nowMs;
    const payloads = asksForMapping(sa) ? natDetection(sa, sa.path, sa.spiR) : [];
    sendRequest(turn, ExchangeType.INFORMATIONAL, payloads);
  },

  finish({ sa, out }, _task, { payloads }) {
    const { mobility } = sa.peer;
    const hash = findNotify(payloads, NotifyType.NAT_DETECTION_DESTINATION_IP)?.data;
    if (!mobility || !hash || !asksForMapping(sa)) return;
    const { seenAs } = mobility;
    mobility.seenAs = { hash, spiI: sa.spiI };
    // The hash covers the SPIs, so that the hash of another IKE SA cannot be compared.
    if (!seenAs || seenAs.spiI !== sa.spiI || sameOctets(seenAs.hash, hash)) return;
    const text = "The NAT before this end maps it elsewhere now: the peer is told to follow";
    out.push({ kind: "note", level: 4, text }, sa);
    askUpdate(sa);
  },
};

/** Whether this end moves the tunnel and is behind a NAT. */
function asksForMapping({ dialled, peer: { mobility, natOwn }, config: { natt } }: IkeSa): boolean {
  return dialled && mobility !== undefined && natOwn && natt !== undefined;
}
