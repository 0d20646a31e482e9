/**
 * The gateway: counts the tunnels that clients build to it. A client that comes again from the same
 * address under the same identity (it retried, or flapped) is the same tunnel.
 * @module
 */
import { showEndpoint } from "@/base/address.ts";
import { showDuration } from "@/base/duration.ts";
import { nameOfCloseCode } from "@/engine/run/close_code.ts";
import { type FlapCounts, type Floor, NO_FLAPS, type Role } from "@/engine/run/run_context.ts";
import type { GatewayPlan, RunPlan } from "@/engine/run/plan.ts";
import type { EventLevel } from "@/engine/show/event_hub.ts";
import type { FailureFigures } from "@/engine/show/view.ts";
import { Strangers } from "@/engine/load/strangers.ts";
import { showChildren, showInner, showSa } from "@/engine/show/sa_view.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { identityKey, showIdentity } from "@/ike/negotiate/identity.ts";
import { type IkeSa, isStranger } from "@/ike/records/ike_sa.ts";

/** Ends that a client asked for, or that follow from what it did: no loss. */
const ASKED_FOR: ReadonlySet<number> = new Set([
  CloseCode.STOPPED,
  CloseCode.DELETED_BY_PEER,
  CloseCode.REKEYED,
  CloseCode.INITIAL_CONTACT,
  CloseCode.REAUTHENTICATED,
  CloseCode.REDIRECTED,
]);

/** See {@linkcode Role}. */
export class Gateway implements Role {
  readonly #floor: Floor;
  readonly #plan: GatewayPlan & RunPlan;
  /** Live SAs by tunnel; a tunnel stays when its last SA has gone. */
  readonly #tunnels = new Map<string, number>();
  /** The tunnel of each live SA: its address may change, its tunnel does not. */
  readonly #live = new Map<IkeSa, string>();
  readonly #strangers: Strangers;
  /** IKE SAs whose peers authenticated, those of tunnels that came again included. */
  #begun = 0;
  #createdLive = 0;
  #lost = 0;

  constructor(floor: Floor, plan: GatewayPlan & RunPlan) {
    this.#floor = floor;
    this.#plan = plan;
    this.#strangers = new Strangers(floor.events);
  }

  get halfOpen(): number {
    return this.#floor.loop.endpoint.halfOpen;
  }

  get created(): number {
    return this.#begun;
  }

  get createdLive(): number {
    return this.#createdLive;
  }

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

  established(sa: IkeSa, nowMs: number): void {
    const { tally, events } = this.#floor;
    const tunnel = `${identityKey(sa.peer.id!)}@${
      showEndpoint(sa.path.peerAddress, sa.path.peerPort)
    }`;
    const before = this.#tunnels.get(tunnel);
    this.#begun++;
    const setupMs = nowMs - sa.startedMs;
    if (before === undefined) tally.countEstablished(setupMs, nowMs);
    if (!before) this.#createdLive++;
    this.#tunnels.set(tunnel, (before ?? 0) + 1);
    this.#live.set(sa, tunnel);
    events.publish(4, () =>
      `Tunnel of ${showIdentity(sa.peer.id!)} established: ${showSa(sa)}, ` +
      `${showChildren(sa.children)}${showInner(sa)}, ${
        showDuration(Math.round(setupMs * 10) / 10)
      }`);
    if (tally.established >= this.#plan.tunnels) this.#floor.creationFinished(nowMs);
  }

  replaced(sa: IkeSa, by: IkeSa): void {
    const tunnel = this.#live.get(sa);
    if (tunnel === undefined) return;
    this.#live.delete(sa);
    this.#live.set(by, tunnel);
  }

  closed(sa: IkeSa, nowMs: number): void {
    const tunnel = this.#live.get(sa);
    if (tunnel === undefined) return this.#neverUp(sa, nowMs);
    this.#live.delete(sa);
    const left = this.#tunnels.get(tunnel)! - 1;
    this.#tunnels.set(tunnel, left);
    if (left === 0) this.#createdLive--;
    const who = sa.peer.id ? showIdentity(sa.peer.id) : tunnel;
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
