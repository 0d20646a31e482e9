/**
 * The gateway: counts the tunnels that clients build to it. An identity that comes again when its
 * earlier IKE SA is gone, or ends it by INITIAL_CONTACT, is the same tunnel.
 * @module
 */
import type { Hearing } from "@/engine/run/part.ts";
import type { FailureFigures } from "@/engine/show/figure.ts";
import { showEndpoint } from "@/base/address.ts";
import { showDuration } from "@/base/duration.ts";
import { nameOfCloseCode } from "@/engine/run/close_code.ts";
import { type FlapCounts, type Floor, NO_FLAPS, type Role } from "@/engine/run/run_context.ts";
import type { GatewayPlan, RunPlan } from "@/engine/run/plan.ts";
import type { EventLevel } from "@/engine/show/event_hub.ts";

import { Strangers } from "@/engine/load/strangers.ts";
import { showChildren, showInner, showSa } from "@/engine/show/sa_view.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { identityKey, showIdentity } from "@/ike/negotiate/identity.ts";
import { isStranger } from "@/ike/records/ike_sa.ts";

/** Ends that a client asked for, or that follow from what it did: no loss. */
const ASKED_FOR: ReadonlySet<number> = new Set([
  CloseCode.STOPPED,
  CloseCode.DELETED_BY_PEER,
  CloseCode.REKEYED,
  CloseCode.INITIAL_CONTACT,
  CloseCode.REAUTHENTICATED,
  CloseCode.REDIRECTED,
]);

/**
 * Whoever comes under one identity. Several at once are as many tunnels: clients may share an
 * identity. One that comes when an earlier tunnel is down takes that up again.
 */
interface Peer {
  /** Tunnels whose IKE SA is gone. */
  down: number;
  /** Tunnels that were taken up before we heard that their earlier IKE SA is gone. */
  takenUp: number;
  /** The IKE SA that was established last. */
  newest: IkeSa | undefined;
}

/** Whether a new IKE SA takes up a tunnel that was there before. */
function takesUpEarlier(peer: Peer): boolean {
  if (peer.down > 0) {
    peer.down--;
    return true;
  }
  // INITIAL_CONTACT ends all earlier SAs of the identity (RFC 7296 §2.4), the newest of them too, and
  // we hear of that right after this.
  if (peer.newest?.phase !== "closed") return false;
  peer.takenUp++;
  return true;
}

/** See {@linkcode Role}. */
export class Gateway implements Role {
  readonly #floor: Floor;
  readonly #plan: GatewayPlan & RunPlan;
  /** By {@linkcode identityKey}; a peer stays when its last tunnel has gone. */
  readonly #peers = new Map<string, Peer>();
  /** The peer of each tunnel's IKE SA. */
  readonly #live = new Map<IkeSa, Peer>();
  readonly #strangers: Strangers;
  /** IKE SAs whose peers authenticated, those of tunnels that came again included. */
  #begun = 0;
  #lost = 0;

  constructor(floor: Floor, plan: GatewayPlan & RunPlan) {
    this.#floor = floor;
    this.#plan = plan;
    this.#strangers = new Strangers(floor.events);
  }

  readonly hears: Hearing = {
    established: (_, sa, nowMs) => this.#established(sa, nowMs),
    child_failed: ({ failure }, sa) =>
      this.#floor.tunnelFailed(failure, `No CHILD_SA: ${failure.text}, ${showSa(sa)}`),
    replaced: ({ by }, sa) => this.#replaced(sa, by),
    closed: (_, sa, nowMs) => this.#closed(sa, nowMs),
  };

  get halfOpen(): number {
    return this.#floor.loop.endpoint.halfOpen;
  }

  get created(): number {
    return this.#begun;
  }

  isTunnel(sa: IkeSa): boolean {
    return this.#live.has(sa);
  }

  firstOnItsWayMs(): number | undefined {
    // One without keys may still be refused in IKE_SA_INIT.
    for (const { keys, startedMs } of this.#floor.loop.endpoint.newcomers.halfOpen.keys()) {
      if (keys) return startedMs;
    }
  }

  trouble(): undefined {}

  /** To a gateway a tunnel that flaps is deleted by its client, and comes again. */
  get flapping(): FlapCounts {
    return NO_FLAPS;
  }

  get strangers(): readonly FailureFigures[] {
    return this.#strangers.figures();
  }

  strangerSaid(level: EventLevel, text: string, nowMs: number): void {
    this.#strangers.say(level, text, nowMs);
  }

  begin(): void {
    const { tunnels, ownAddress, ownPort } = this.#plan;
    const at = showEndpoint(ownAddress, ownPort);
    this.#floor.events.publish(4, `Gateway ready at ${at}, ${tunnels} tunnels expected`);
  }

  #established(sa: IkeSa, nowMs: number): void {
    const { tally, events } = this.#floor;
    const setupMs = nowMs - sa.startedMs, peer = this.#peerOf(sa);
    this.#begun++;
    this.#floor.creationStarted(sa.startedMs);
    if (!takesUpEarlier(peer)) tally.countEstablished(setupMs, nowMs);
    peer.newest = sa;
    this.#live.set(sa, peer);
    events.publish(4, () =>
      `Tunnel of ${showIdentity(sa.peer.id!)} established: ${showSa(sa)}, ` +
      `${showChildren(sa.children)}${showInner(sa)}, ${
        showDuration(Math.round(setupMs * 10) / 10)
      }`);
    if (tally.established >= this.#plan.tunnels) this.#floor.creationFinished(nowMs);
  }

  #replaced(sa: IkeSa, by: IkeSa): void {
    const peer = this.#live.get(sa);
    if (!peer) return;
    this.#live.delete(sa);
    this.#live.set(by, peer);
    if (peer.newest === sa) peer.newest = by;
  }

  #closed(sa: IkeSa, nowMs: number): void {
    const peer = this.#live.get(sa);
    if (!peer) return this.#neverUp(sa, nowMs);
    this.#live.delete(sa);
    if (peer.takenUp > 0 && sa.closeCode === CloseCode.INITIAL_CONTACT) peer.takenUp--;
    else peer.down++;
    if (peer.newest === sa) peer.newest = undefined;
    const who = showIdentity(sa.peer.id!);
    if (this.#floor.ending || ASKED_FOR.has(sa.closeCode)) {
      this.#floor.events.publish(
        4,
        () => `Tunnel of ${who} closed (${nameOfCloseCode(sa.closeCode)}): ${showSa(sa)}`,
      );
      return;
    }
    this.#lost++;
    this.#floor.tally.lost++;
    const cause = nameOfCloseCode(sa.closeCode);
    const failure = sa.failure ??
      { cause, closeCode: sa.closeCode, text: `Its IKE SA was closed (${cause})` };
    this.#floor.tunnelFailed(failure, `Tunnel of ${who} lost: ${failure.text}; ${showSa(sa)}`);
  }

  ended(): void {}

  shortfall(): string | undefined {
    const { tunnels } = this.#plan, { established } = this.#floor.tally;
    if (established < tunnels) {
      return `${established} of ${tunnels} expected tunnels established` +
        this.#strangers.commonest();
    }
    return this.#lost > 0 ? `${this.#lost} tunnels lost` : undefined;
  }

  #peerOf(sa: IkeSa): Peer {
    const key = identityKey(sa.peer.id!), known = this.#peers.get(key);
    if (known) return known;
    const peer: Peer = { down: 0, takenUp: 0, newest: undefined };
    this.#peers.set(key, peer);
    return peer;
  }

  /** A peer that did not get through. It is a tunnel of the test only if it has authenticated. */
  #neverUp(sa: IkeSa, nowMs: number): void {
    const { failure } = sa;
    if (!failure || this.#floor.ending) return;
    const { peerAddress, peerPort } = sa.path;
    const from = showEndpoint(peerAddress, peerPort);
    if (isStranger(sa)) {
      return this.#strangers.failed(failure.cause, `${from}: ${failure.text}`, nowMs);
    }
    this.#floor.tunnelFailed(failure, `Tunnel from ${from} failed: ${failure.text}`);
  }
}
