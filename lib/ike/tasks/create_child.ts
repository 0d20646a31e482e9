/**
 * CREATE_CHILD_SA for a CHILD_SA, as initiator (RFC 7296 §1.3.1, §1.3.3):
 * HDR, SK {[N(REKEY_SA)], SA, Ni, [KEi], TSi, TSr} → ← HDR, SK {SA, Nr, [KEr], TSi, TSr}.
 *
 * Both ends may rekey the same CHILD_SA at once: both exchanges are answered, and of the two new
 * SAs the one with the lowest nonce goes, deleted by its creator; the other's creator deletes the old
 * one (§2.8.1).
 * @module
 */
import { ExchangeType } from "@/iana/exchange_type.ts";
import { nameOfNotify, NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { type ChildSa, isLiveChild, removeChild } from "@/ike/records/child_sa.ts";
import { spiOctets32 } from "@/ike/negotiate/child_spi.ts";
import type { Failure } from "@/ike/records/event.ts";
import { requestCompute, sendRequest } from "@/ike/window/exchange.ts";
import { refusedHere } from "@/ike/records/failure.ts";
import type { IkeSa, Turn } from "@/ike/records/ike_sa.ts";
import { compareOctets, lowerNonce, nonceFault } from "@/ike/negotiate/nonces.ts";
import { findError, groupData } from "@/ike/records/notify.ts";
import type { CreateChildTask, Received, TaskKind } from "@/ike/records/task.ts";
import { acceptChild, childRequest, newChild } from "@/ike/tasks/child_negotiation.ts";
import { NONCE_OCTETS } from "@/ike/tasks/ike_init_request.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

/** INVALID_KE_PAYLOAD in a row that are followed. */
const RESTARTS_MAX = 4;
const NOTHING = new Uint8Array(0);

/** One more CHILD_SA of an entry of the child list; `old`: the one it replaces. */
export function newCreateChild(sa: IkeSa, configIndex: number, old?: ChildSa): CreateChildTask {
  return {
    kind: "create_child",
    configIndex,
    old,
    stage: "generating",
    ticket: 0,
    group: sa.config.children[configIndex]!.pfsGroups[0] ?? 0,
    pair: undefined,
    nonce: NOTHING,
    peerNonce: NOTHING,
    restarts: 0,
    child: undefined,
    answer: undefined,
    rival: undefined,
  };
}

/** See {@linkcode TaskKind}. */
export const createChild: TaskKind<CreateChildTask> = {
  exchange: ExchangeType.CREATE_CHILD_SA,

  begin(turn, task) {
    const { sa } = turn, { old } = task;
    // The peer was faster: there is nothing left to rekey.
    if (old && !isLiveChild(old)) return void (sa.active = undefined);
    if (old) old.state = "rekeying";
    task.nonce = sa.env.random(NONCE_OCTETS);
    if (task.group === 0) return send(turn, task);
    task.stage = "generating";
    task.ticket = requestCompute(turn, { op: "ke_generate", group: task.group });
  },

  computed(turn, task, result) {
    if (result.op === "ke_generate") {
      task.pair = result.pair;
      send(turn, task);
    } else if (result.op === "ke_derive") {
      accept(turn, task, result.shared);
    } else if (result.op === "refused") {
      give(turn, task, refusedHere(`Cannot use the peer's public value: ${result.why}`));
    }
  },

  finish(turn, task, response) {
    const error = findError(response.payloads);
    if (error) return refused(turn, task, error);
    task.peerNonce = findPayload(response.payloads, PayloadType.NONCE)!.data;
    task.answer = response;
    const fault = nonceFault(task.peerNonce, turn.sa.suite!.prf);
    if (fault) return give(turn, task, refusedHere(`Peer answered with ${fault}`));
    const ke = findPayload(response.payloads, PayloadType.KE);
    if (task.group === 0) return accept(turn, task);
    if (!ke || ke.group !== task.group) {
      return give(turn, task, refusedHere("Peer answered without a public value of our group"));
    }
    task.stage = "deriving";
    const job = { op: "ke_derive", pair: task.pair!, peerPublic: ke.data } as const;
    task.ticket = requestCompute(turn, job);
  },
};

function send(turn: Turn, task: CreateChildTask): void {
  const { sa } = turn, { old, group } = task;
  task.stage = "sent";
  task.child ??= newChild(sa, task.configIndex, true);
  const { proposal, selectors } = childRequest(sa, task.child, { group, replaces: old });
  const payloads: Payload[] = [
    ...(old ? [rekeyNotify(old)] : []),
    ...proposal,
    { type: PayloadType.NONCE, data: task.nonce },
    ...(group ? [{ type: PayloadType.KE, group, data: task.pair!.publicValue } as const] : []),
    ...selectors,
  ];
  sendRequest(turn, ExchangeType.CREATE_CHILD_SA, payloads);
}

/** REKEY_SA names the SPI that its sender receives on (RFC 7296 §1.3.3). */
function rekeyNotify(old: ChildSa): NotifyPayload {
  const { protocol } = old.suite!, spi = spiOctets32(old.spiIn);
  return { type: PayloadType.NOTIFY, protocol, spi, notify: NotifyType.REKEY_SA, data: NOTHING };
}

function accept(turn: Turn, task: CreateChildTask, shared?: Uint8Array): void {
  const { sa, out } = turn, child = task.child!, { old, nonce, peerNonce, group } = task;
  const inputs = {
    nonceI: nonce,
    nonceR: peerNonce,
    group,
    ...(shared ? { shared } : {}),
    ...(old ? { replaces: old } : {}),
  };
  const failure = acceptChild(turn, child, { payloads: task.answer!.payloads, inputs });
  if (failure) return give(turn, task, failure);
  sa.active = undefined;
  out.push({ kind: "child_up", by: child, old }, sa);
  if (old) settle(turn, task, child);
}

/** Which of the SAs goes, and who says so (RFC 7296 §2.8.1). */
function settle(
  { sa, out }: Turn,
  { old, nonce, peerNonce, rival }: CreateChildTask,
  child: ChildSa,
): void {
  const ours = lowerNonce(nonce, peerNonce);
  const lost = rival !== undefined && compareOctets(ours, rival.lowest) < 0 &&
    !sa.env.broken.has("keep_both_children");
  const goes = lost ? child : old!;
  // The peer forgets what is redundant as soon as our Delete is there: packets leave by another.
  const other = old!.state !== "closed" ? old! : rival?.child;
  if (lost && other && other.state !== "closed" && !sa.env.broken.has("send_by_lost")) {
    out.push({ kind: "send_by", child: other }, sa);
  }
  if (!lost && rival && rival.child.state !== "closed") {
    // Ours sends, whatever becomes of the old one; the peer's is redundant, and the peer deletes it.
    rival.child.behind = undefined;
    rival.child.state = "rekeyed";
    rival.child.replaced = true;
  }
  // Whoever deletes it, the old one is replaced.
  old!.replaced = goes.replaced = true;
  if (old!.state !== "closed") old!.state = "rekeyed";
  if (goes.state === "closed") return;
  goes.state = "rekeyed";
  sa.queue.unshift({ kind: "delete_child", child: goes });
}

/** It came to nothing; the old CHILD_SA, if it still stands, is tried again later. */
function give(turn: Turn, task: CreateChildTask, failure: Failure): void {
  const { sa, out } = turn, { old, child, rival } = task;
  sa.active = undefined;
  if (child) withdraw(turn, child);
  if (old && rival) {
    // The peer's exchange went through: it rekeyed, we did not.
    if (old.state === "rekeying") old.state = "rekeyed";
    return;
  }
  out.push({ kind: "create_child_failed", old, failure }, sa);
  if (old?.state === "rekeying") old.state = "established";
}

/**
 * What the peer agreed to and we do not take is there at its end: it is deleted by us (RFC 7296
 * §1.3.1, of a declined transport mode).
 */
function withdraw({ sa, out }: Turn, child: ChildSa): void {
  const agreed = child.suite !== undefined && !sa.env.broken.has("keep_declined_child");
  if (agreed) sa.queue.unshift({ kind: "delete_child", child });
  else removeChild(sa, child, out);
}

function refused(turn: Turn, task: CreateChildTask, error: NotifyPayload): void {
  const { sa } = turn, { old } = task, name = nameOfNotify(error.notify);
  const failure = {
    cause: name,
    closeCode: error.notify,
    text: `Peer refused CREATE_CHILD_SA (${name})`,
  };
  switch (error.notify) {
    case NotifyType.INVALID_KE_PAYLOAD:
      if (otherGroup(turn, task, error)) return;
      return give(turn, task, failure);
    case NotifyType.TEMPORARY_FAILURE: {
      give(turn, task, failure);
      if (old?.state === "established") old.rekeyMs = soon(turn);
      else if (!old) retryLater(turn, task);
      return;
    }
    case NotifyType.CHILD_SA_NOT_FOUND:
      give(turn, task, failure);
      // §2.25: what the peer does not know is silently gone; what is still wanted is made anew.
      if (old && old.state === "established") {
        removeChild(sa, old, turn.out);
        sa.queue.push(newCreateChild(sa, task.configIndex));
      }
      return;
    default:
      return give(turn, task, failure);
  }
}

/** §2.25: not at once, the peer is busy with what made it refuse. */
function retryLater(turn: Turn, task: CreateChildTask): void {
  if (task.restarts++ >= RESTARTS_MAX) return;
  const postponed = { task: { ...task, child: undefined }, dueMs: soon(turn) };
  turn.sa.postponed = [...turn.sa.postponed, postponed];
}

/** A little later, not at the same time as the peer: drawn. */
function soon({ sa, nowMs }: Turn): number {
  return nowMs + 1_000 + sa.env.random(1)[0]! * 8;
}

function otherGroup(turn: Turn, task: CreateChildTask, { data }: NotifyPayload): boolean {
  const groups = turn.sa.config.children[task.configIndex]!.pfsGroups;
  const group = groups.find((g) => {
    const [high, low] = groupData(g);
    return data.length === 2 && high === data[0] && low === data[1];
  });
  if (!group || group === task.group || ++task.restarts > RESTARTS_MAX) return false;
  task.group = group;
  createChild.begin(turn, task);
  return true;
}

/** Which old CHILD_SA our rekey under way is about; for collisions. */
export function rekeyUnderWay(sa: IkeSa, old: ChildSa): CreateChildTask | undefined {
  return sa.active?.kind === "create_child" && sa.active.old === old ? sa.active : undefined;
}

/** The request that `received` answers is of this kind; type guard for the responder's side. */
export function rekeyTarget(sa: IkeSa, received: Received): ChildSa | "unknown" | undefined {
  for (const p of received.payloads) {
    if (p.type !== PayloadType.NOTIFY || "raw" in p) continue;
    const n = p as NotifyPayload;
    if (n.notify !== NotifyType.REKEY_SA) continue;
    const spi = n.spi.length === 4
      ? (n.spi[0]! << 24 | n.spi[1]! << 16 | n.spi[2]! << 8 | n.spi[3]!) >>> 0
      : 0;
    const named = sa.children.find((c) => c.spiOut === spi && c.suite?.protocol === n.protocol);
    return named ?? "unknown";
  }
  return undefined;
}
