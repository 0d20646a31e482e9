/**
 * The gateway: counts the tunnels that clients build to it. If an identity comes again after its earlier IKE
 * SA is gone, or ends that by INITIAL_CONTACT, it counts as the same tunnel.
 * @module
 */
import type { EffectHandlers } from "@/engine/run/part.ts";
import type { FailureFigures } from "@/engine/show/figure.ts";
import { compareAddresses, showEndpoint } from "@/base/address.ts";
import { showDuration } from "@/base/duration.ts";
import { nameOfCloseCode } from "@/engine/run/close_code.ts";
import { type FlapCounts, NO_FLAPS, type Role, type RunContext } from "@/engine/run/run_context.ts";
import type { GatewayPlan, RunPlan } from "@/engine/run/plan.ts";
import type { EventLevel } from "@/engine/show/event_hub.ts";

import type { TunnelCounts } from "@/engine/load/tunnel_counts.ts";
import { Strangers } from "@/engine/load/strangers.ts";
import { expectedTunnels } from "@/engine/show/run_words.ts";
import { showChildren, showInner, showKeyExchanges, showSa } from "@/engine/show/sa_view.ts";
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";
import { sameSelector } from "@/ike/negotiate/selectors.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import { identityKey, showIdentity } from "@/ike/negotiate/identity.ts";
import { isStranger } from "@/ike/records/ike_sa.ts";

/**
 * Close codes of ends that a client asked for, or that follow from what it did, so that the tunnel is not
 * lost.
 */
const ENDED_BY_CLIENT: ReadonlySet<number> = new Set([
  CloseCode.STOPPED,
  CloseCode.DELETED_BY_PEER,
  CloseCode.REKEYED,
  CloseCode.INITIAL_CONTACT,
  CloseCode.REAUTHENTICATED,
  CloseCode.REDIRECTED,
  CloseCode.RESUMED,
]);

/**
 * The clients of one identity. Several at a time count as several tunnels, as clients may share an identity.
 * One that comes while an earlier tunnel is down continues that tunnel.
 */
interface Peer {
  /** The key of its identity; undefined: it is not authenticated, so that it is nobody (RFC 7619). */
  readonly key: string | undefined;
  /** Number of its IKE SAs that are live. */
  live: number;
  /** Number of tunnels whose IKE SA is gone. */
  down: number;
  /** Number of tunnels that were continued before the end of their earlier IKE SA was reported. */
  continued: number;
  /** The IKE SA that was established last. */
  newest: IkeSa | undefined;
}

/** Whether a new IKE SA continues an earlier tunnel. */
function continuesEarlier(peer: Peer): boolean {
  if (peer.down > 0) {
    peer.down--;
    return true;
  }
  // INITIAL_CONTACT closes all earlier SAs of the identity (RFC 7296 §2.4), including the newest; this is
  // reported after the establishment of the new one.
  if (peer.newest?.phase !== "closed") return false;
  peer.continued++;
  return true;
}

/**
 * Whether `sa` is another authentication of the peer that has `before`, which was told to authenticate again
 * (RFC 4478): from the same address, for the same traffic, while the other IKE SA is still there.
 */
function renews(before: IkeSa, sa: IkeSa): boolean {
  const { config, phase, path } = before;
  if (!config.reauth?.lifetimeMs || phase !== "established") return false;
  const [child] = sa.children;
  const isSame = (a: ChildSa["ownTs"], b: ChildSa["ownTs"]) =>
    a.length === b.length && a.every((one, i) => sameSelector(one, b[i]!));
  return compareAddresses(path.peerAddress, sa.path.peerAddress) === 0 && child !== undefined &&
    before.children.some((one) =>
      isSame(one.ownTs, child.ownTs) && isSame(one.peerTs, child.peerTs)
    );
}

/** The tunnels of a gateway; see {@linkcode Role}. */
export class Gateway implements Role {
  readonly #context: RunContext;
  readonly #plan: GatewayPlan & RunPlan;
  readonly #shared: TunnelCounts | undefined;
  /** Clients by {@linkcode identityKey}; an entry stays after its last tunnel has gone. */
  readonly #peers = new Map<string, Peer>();
  /** The client of each tunnel's IKE SA. */
  readonly #live = new Map<IkeSa, Peer>();
  readonly #strangers: Strangers;
  /** Number of IKE SAs whose peers authenticated, including those that continue a tunnel. */
  #begun = 0;
  #lost = 0;
  /**
   * IKE SAs whose peer has another one, by which it has authenticated again: their tunnel belongs to that
   * one.
   */
  readonly #superseded = new WeakSet<IkeSa>();

  /** `shared`: what several workers count together; absent: there is one. */
  constructor(context: RunContext, plan: GatewayPlan & RunPlan, shared?: TunnelCounts) {
    this.#context = context;
    this.#plan = plan;
    this.#shared = shared;
    this.#strangers = new Strangers(context.events);
  }

  readonly handlers: EffectHandlers = {
    established: (_, sa, nowMs) => this.#established(sa, nowMs),
    child_failed: ({ failure }, sa) =>
      this.#context.tunnelFailed(failure, `No CHILD_SA: ${failure.text}, ${showSa(sa)}`),
    replaced: ({ by }, sa) => this.#replaced(sa, by),
    closed: (_, sa, nowMs) => this.#closed(sa, nowMs),
    initial_contact: (_, sa) => this.#introduced(sa),
  };

  get halfOpen(): number {
    return this.#context.loop.endpoint.halfOpen;
  }

  /** A gateway dials nobody. */
  get isPressed(): boolean {
    return false;
  }

  get created(): number {
    return this.#begun;
  }

  isTunnel(sa: IkeSa): boolean {
    return this.#live.has(sa);
  }

  firstOnItsWayMs(): number | undefined {
    // An IKE SA without keys may still be refused in IKE_SA_INIT.
    for (const { keys, startedMs } of this.#context.loop.endpoint.newcomers.halfOpen.keys()) {
      if (keys) return startedMs;
    }
  }

  trouble(): undefined {}

  /** A gateway has none: it sees a flapping tunnel as deleted by its client and established again. */
  get flapping(): FlapCounts {
    return NO_FLAPS;
  }

  get reconnects(): undefined {
    return undefined;
  }

  get strangers(): readonly FailureFigures[] {
    return this.#strangers.figures();
  }

  strangerSaid(level: EventLevel, text: string, nowMs: number): void {
    this.#strangers.say(level, text, nowMs);
  }

  begin(): void {
    const { tunnels, ownAddress, ownPort, shard } = this.#plan;
    if (shard && shard.number > 0) return;
    const at = showEndpoint(ownAddress, ownPort);
    this.#context.events.publish(4, `Gateway ready at ${at}, ${tunnels} tunnels expected`);
  }

  #established(sa: IkeSa, nowMs: number): void {
    const { tally, events } = this.#context;
    const setupMs = nowMs - sa.startedMs;
    const peer = this.#peerOf(sa);
    this.#begun++;
    this.#context.creationStarted(sa.startedMs);
    const { newest } = peer;
    if (newest && renews(newest, sa)) this.#superseded.add(newest);
    else if (!continuesEarlier(peer) && !this.#isDownElsewhere(peer)) {
      tally.countEstablished(setupMs, nowMs);
    }
    peer.newest = sa;
    this.#live.set(sa, peer);
    this.#changeLive(peer, 1);
    events.publish(4, () =>
      `Tunnel of ${showIdentity(sa.peer.id!)} established: ${showSa(sa)}, ` +
      `${showChildren(sa.children)}${showKeyExchanges(sa)}${showInner(sa)}, ${
        showDuration(Math.round(setupMs * 10) / 10)
      }`);
    // The tunnels of all workers are counted where the workers are.
    const { tunnels, shard } = this.#plan;
    if (tally.established >= tunnels && !shard) this.#context.creationFinished(nowMs);
  }

  #replaced(sa: IkeSa, by: IkeSa): void {
    const peer = this.#live.get(sa);
    if (!peer) return;
    this.#live.delete(sa);
    this.#live.set(by, peer);
    if (peer.newest === sa) peer.newest = by;
    if (this.#superseded.has(sa)) this.#superseded.add(by);
  }

  #closed(sa: IkeSa, nowMs: number): void {
    const peer = this.#live.get(sa);
    if (!peer) return this.#neverUp(sa, nowMs);
    this.#live.delete(sa);
    const wasAnnounced = peer.continued > 0 && sa.closeCode === CloseCode.INITIAL_CONTACT;
    if (wasAnnounced) peer.continued--;
    else if (!this.#superseded.has(sa)) this.#isDown(peer, sa);
    this.#changeLive(peer, -1);
    if (peer.newest === sa) peer.newest = undefined;
    const who = () => showIdentity(sa.peer.id!);
    if (this.#context.ending || ENDED_BY_CLIENT.has(sa.closeCode)) {
      this.#context.events.publish(
        4,
        () => `Tunnel of ${who()} closed (${nameOfCloseCode(sa.closeCode)}): ${showSa(sa)}`,
      );
      return;
    }
    this.#lost++;
    this.#context.tally.lost++;
    const cause = nameOfCloseCode(sa.closeCode);
    const failure = sa.failure ??
      { cause, closeCode: sa.closeCode, text: `Its IKE SA was closed (${cause})` };
    this.#context.tunnelFailed(failure, `Tunnel of ${who()} lost: ${failure.text}; ${showSa(sa)}`);
  }

  /** Whether a tunnel of a client is down that it had at another worker. */
  #isDownElsewhere({ key }: Peer): boolean {
    return key !== undefined && (this.#shared?.takeDown(key) ?? false);
  }

  #changeLive(peer: Peer, change: 1 | -1): void {
    peer.live += change;
    if (peer.key !== undefined) this.#shared?.live(peer.key, change);
  }

  /** Records that the tunnel of a client is down. */
  #isDown(peer: Peer, { closeCode }: IkeSa): void {
    const { key } = peer;
    if (!this.#shared || key === undefined) return void peer.down++;
    const isDisplaced = closeCode === CloseCode.INITIAL_CONTACT && this.#shared.takeDisplaced(key);
    if (!isDisplaced && !this.#shared.addDown(key)) peer.down++;
  }

  /** Handles INITIAL_CONTACT, which ends the peer's IKE SAs at other workers too. */
  #introduced(sa: IkeSa): void {
    if (!this.#shared) return;
    const { key, live } = this.#peerOf(sa);
    if (key !== undefined) this.#shared.displace(key, live);
  }

  ended(): void {}

  shortfall(): string | undefined {
    const { tunnels, shard } = this.#plan;
    const { established } = this.#context.tally;
    if (established < tunnels && !shard) {
      return expectedTunnels(established, tunnels, this.strangers);
    }
    return this.#lost > 0 ? `${this.#lost} tunnels lost` : undefined;
  }

  #peerOf(sa: IkeSa): Peer {
    const isNobody = sa.peer.auth === AuthMethod.NULL_AUTHENTICATION;
    const key = identityKey(sa.peer.id!);
    const known = isNobody ? undefined : this.#peers.get(key);
    if (known) return known;
    const peer: Peer = {
      key: isNobody ? undefined : key,
      live: 0,
      down: 0,
      continued: 0,
      newest: undefined,
    };
    // RFC 7619: a peer that is not authenticated cannot be recognized as an earlier one.
    if (!isNobody) this.#peers.set(key, peer);
    return peer;
  }

  /**
   * Handles an IKE SA that was not established. It is a tunnel of the test only if its peer has
   * authenticated.
   */
  #neverUp(sa: IkeSa, nowMs: number): void {
    const { failure } = sa;
    if (!failure || this.#context.ending) return;
    const { peerAddress, peerPort } = sa.path;
    const from = showEndpoint(peerAddress, peerPort);
    if (isStranger(sa)) {
      return this.#strangers.failed(failure.cause, `${from}: ${failure.text}`, nowMs);
    }
    this.#context.tunnelFailed(failure, `Tunnel from ${from} failed: ${failure.text}`);
  }
}
