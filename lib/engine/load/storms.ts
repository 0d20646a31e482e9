/**
 * Storms: at a given time all tunnels, or some of them, do the same at once: they rekey, or they are taken down
 * and set up again. Each storm has figures of its own: how many SAs it was about, how many were done, and how
 * long that took from when it was due.
 * @module
 */
import { showDuration } from "@/base/duration.ts";
import type { EffectHandlers, RunPart } from "@/engine/run/part.ts";
import type { StormPlan } from "@/engine/run/plan.ts";
import { onceAt, type ReconnectedTunnels, type RunContext } from "@/engine/run/run_context.ts";
import { Histogram } from "@/engine/show/histogram.ts";
import { isLive } from "@/engine/show/sa_view.ts";
import type { StormFigures } from "@/engine/show/storm_figures.ts";
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";

/** The most tunnels that begin before sockets are read, as in a turn of the loop. */
const TUNNELS_MAX = 256;

/** What storms need of the run. */
export interface StormOptions {
  readonly plans: readonly StormPlan[];
  /** Whether a live IKE SA is a tunnel of the test. */
  readonly isTunnel: (sa: IkeSa) => boolean;
  /** Takes tunnels down; undefined: a gateway, which dials nobody. */
  readonly reconnects: ReconnectedTunnels | undefined;
}

/** One storm, which happens once. */
class Storm {
  tunnels = 0;
  done = 0;
  failed = 0;
  /** When it was due, and how long after the start of the run; undefined: it has not come. */
  dueMs: number | undefined;
  readonly latencyMs = new Histogram();
  /** SAs that have begun and are not done, with the time when each was due. */
  readonly pending = new Map<IkeSa | ChildSa | number, number>();

  constructor(readonly plan: StormPlan) {}

  begin(key: IkeSa | ChildSa | number, dueMs: number): void {
    this.tunnels++;
    this.pending.set(key, dueMs);
  }

  /** Ends the wait for an SA, with success at a time or without; returns whether it was one of this storm. */
  end(key: IkeSa | ChildSa | number, doneMs: number | undefined): boolean {
    const dueMs = this.pending.get(key);
    if (dueMs === undefined) return false;
    this.pending.delete(key);
    if (doneMs === undefined) this.failed++;
    else {
      this.done++;
      this.latencyMs.add(doneMs - dueMs);
    }
    return true;
  }
}

/** The storms of a run. */
export class Storms implements RunPart {
  readonly #context: RunContext;
  readonly #options: StormOptions;
  readonly #storms: readonly Storm[];
  #startMs = 0;

  constructor(context: RunContext, options: StormOptions) {
    this.#context = context;
    this.#options = options;
    this.#storms = options.plans.flatMap((plan) =>
      Array.from({ length: plan.count }, () => new Storm(plan))
    );
  }

  readonly handlers: EffectHandlers = {
    child_up: ({ old }, _, nowMs) => this.#ended(old, nowMs),
    create_child_failed: ({ old }) => this.#ended(old, undefined),
    // A CHILD_SA that was replaced is not waited for any more.
    uninstall: ({ child }) => this.#ended(child, undefined),
    replaced: (_, sa, nowMs) => this.#ended(sa, nowMs),
    rekey_ike_failed: (_, sa) => this.#ended(sa, undefined),
    closed: (_, sa) => this.#ended(sa, undefined),
  };

  /** Records the start of the run. */
  begin(nowMs: number): void {
    this.#startMs = nowMs;
  }

  /** Sets the times of all storms, when all tunnels are set up or given up. */
  creationFinished(nowMs: number): void {
    let at = 0;
    for (const { afterMs, everyMs, count } of this.#options.plans) {
      for (let n = 0; n < count; n++) {
        const storm = this.#storms[at++]!;
        const dueMs = nowMs + afterMs + n * everyMs;
        this.#context.loop.arm(onceAt(dueMs, () => this.#begin(storm, dueMs)));
      }
    }
  }

  /** The storms in the order of the setup, also those that have not come. */
  figures(): StormFigures[] {
    return this.#storms.map(({ plan, tunnels, done, failed, dueMs, latencyMs }) => ({
      kind: plan.kind,
      atMs: dueMs === undefined ? undefined : dueMs - this.#startMs,
      tunnels,
      done,
      failed,
      latencyMs: latencyMs.figures(),
    }));
  }

  /** Reports storms that the end of the test has cut off. */
  over(): void {
    const { events } = this.#context;
    const late = this.#storms.filter(({ dueMs }) => dueMs === undefined);
    if (late.length > 0) {
      const kinds = [...new Set(late.map(({ plan }) => plan.kind))].join(", ");
      events.publish(3, `The test ended before ${late.length} of its storms began (${kinds})`);
    }
    for (const { plan, pending } of this.#storms) {
      if (pending.size === 0) continue;
      events.publish(
        3,
        `The test ended before ${pending.size} SAs of a storm (${plan.kind}) were done`,
      );
    }
  }

  #begin(storm: Storm, nowMs: number): void {
    if (this.#context.ending) return;
    storm.dueMs = nowMs;
    const { kind, tunnels, spreadMs } = storm.plan;
    const all = this.#tunnels(tunnels);
    const over = spreadMs > 0 ? ` over ${showDuration(spreadMs)}` : "";
    this.#context.events.milestone(`A storm begins: ${kind} of ${all.length} tunnels${over}`);
    this.#goOn(storm, all, 0);
  }

  /** The tunnels that are up: the first ones of a client, the earliest ones of a gateway. */
  #tunnels(tunnels: number): IkeSa[] {
    const { loop } = this.#context;
    const { isTunnel, reconnects } = this.#options;
    const live = [...loop.endpoint.bySpi.values()].filter((sa) => isLive(sa) && isTunnel(sa));
    return reconnects ? live.filter(({ index }) => index < tunnels) : live.slice(0, tunnels);
  }

  /** Begins with the tunnels that are due, from number `from` on, and goes on later with the others. */
  #goOn(storm: Storm, all: readonly IkeSa[], from: number): void {
    const { loop } = this.#context;
    const { spreadMs } = storm.plan;
    const dueMs = (at: number) => storm.dueMs! + spreadMs * at / all.length;
    loop.turn((nowMs) => {
      if (this.#context.ending) return;
      let at = from;
      const end = Math.min(all.length, from + TUNNELS_MAX);
      while (at < end && dueMs(at) <= nowMs) this.#do(storm, all[at]!, dueMs(at++));
      if (at === all.length) return;
      if (dueMs(at) <= nowMs) return loop.soon(() => this.#goOn(storm, all, at));
      loop.arm(onceAt(dueMs(at), () => this.#goOn(storm, all, at)));
    });
  }

  #do(storm: Storm, sa: IkeSa, dueMs: number): void {
    const { loop } = this.#context;
    const { kind } = storm.plan;
    if (!isLive(sa)) return;
    if (kind === "rekey-ike") {
      if (this.#isAwaited(sa)) return;
      storm.begin(sa, dueMs);
      return loop.command(sa, { kind: "rekey_ike" });
    }
    if (kind === "rekey-child") {
      for (const child of sa.children) {
        if (child.state !== "established" || this.#isAwaited(child)) continue;
        storm.begin(child, dueMs);
        loop.command(sa, { kind: "rekey_child", child });
      }
      return;
    }
    storm.begin(sa.index, dueMs);
    this.#options.reconnects!.begin(sa, kind === "drop", {
      up: (nowMs) => void storm.end(sa.index, nowMs),
      failed: () => void storm.end(sa.index, undefined),
    });
  }

  #isAwaited(key: IkeSa | ChildSa): boolean {
    return this.#storms.some(({ pending }) => pending.has(key));
  }

  #ended(key: IkeSa | ChildSa | undefined, doneMs: number | undefined): void {
    if (key === undefined) return;
    for (const storm of this.#storms) if (storm.end(key, doneMs)) return;
  }
}
