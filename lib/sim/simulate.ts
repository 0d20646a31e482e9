/**
 * Runs many worlds with one seed each: counts by task how many were established, failed at both
 * ends, or at one end only; and reports the first that broke an invariant, with its ladder.
 * @module
 */
import type { IkeSa } from "@/ike/records/sa.ts";
import type { FaultName } from "@/ike/records/fault.ts";
import { must } from "@/base/errors.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { WorldKeys } from "@/sim/keys.ts";
import type { NetworkConditions } from "@/sim/network.ts";
import { ALL_SCENARIOS } from "@/sim/all_scenarios.ts";
import type { Ending, Scenario } from "@/sim/scenarios.ts";
import { BrokenInvariant, type Host, World } from "@/sim/world.ts";

/** The options of a simulation. */
export interface SimulateOptions {
  /** The first seed; each world takes the next. */
  readonly seed: number;
  readonly count: number;
  readonly crypto: CryptoBackend;
  /** Names of rules that are broken on purpose (see `ike/records/fault.ts`). */
  readonly broken?: ReadonlySet<FaultName>;
  /** The network conditions of every world; absent: each world draws its own. */
  readonly conditions?: NetworkConditions;
  /** The name of the only scenario that is run; absent: each world takes the next. */
  readonly task?: string;
  /** Is called at intervals with the progress. */
  readonly progress?: (worldsDone: number) => void;
}

/** The outcomes of the worlds of one scenario. */
export interface TaskCount {
  worlds: number;
  /** Both ends have the SA (or have closed it together, if that is the scenario). */
  established: number;
  /** Neither end has it. */
  failed: number;
  /** One end has an SA that the other does not have. */
  halfway: number;
}

/** The result of a simulation. */
export interface SimulateResult {
  readonly tasks: ReadonlyMap<string, TaskCount>;
  readonly worlds: number;
  /** The first broken invariant: the seed, and the output of its world. */
  readonly broken:
    | { readonly seed: number; readonly task: string; readonly transcript: string }
    | undefined;
}

/** Runs the worlds; stops at the first broken invariant. */
export function simulate(options: SimulateOptions): SimulateResult {
  const scenarios = ALL_SCENARIOS.filter((s) => !options.task || s.name === options.task);
  must(scenarios.length > 0, "a task of that name exists");
  const tasks = new Map(scenarios.map((s) => [s.name, newCount()]));
  const keys = new WorldKeys(options.crypto);
  for (let i = 0; i < options.count; i++) {
    const seed = options.seed + i;
    const scenario = scenarios[seed % scenarios.length]!;
    try {
      tally(tasks.get(scenario.name)!, runWorld(scenario, { ...options, seed }, keys).outcome);
    } catch (e) {
      if (!(e instanceof BrokenInvariant)) throw e;
      const broken = { seed, task: scenario.name, transcript: e.message };
      return { tasks, worlds: i + 1, broken };
    }
    if (i % 500 === 499) options.progress?.(i + 1);
  }
  return { tasks, worlds: options.count, broken: undefined };
}

/** The outcome of a world. */
export type Outcome = "established" | "failed" | "halfway";

/** Runs a world to its end. @throws {BrokenInvariant} with the ladder. */
export function runWorld(
  scenario: Scenario,
  options: SimulateOptions,
  keys: WorldKeys,
): { readonly world: World; readonly outcome: Outcome } {
  const world = new World({
    seed: options.seed,
    crypto: options.crypto,
    keys,
    conditions: options.conditions ?? drawConditions(options.seed),
    computeMs: [0.05, 9],
    broken: options.broken ?? new Set(),
  });
  const ending = guarded(world, () => scenario.start(world));
  guarded(world, () => world.run());
  const cameUp = world.hosts.every((host) => host.established > 0);
  const fault = ending.check?.();
  if (fault) throw world.broken(fault);
  guarded(world, () => settle(world));
  const outcome = judge(world, ending, cameUp);
  const fair = world.conditions.loss === 0 && world.conditions.duplication === 0;
  if (fair && ending.stands && outcome !== "established") {
    throw world.broken("in a perfect network the tunnel is established");
  }
  return { world, outcome };
}

/** Runs a step; a Bug of the core is reported with the ladder, like a broken invariant. */
function guarded<T>(world: World, step: () => T): T {
  try {
    return step();
  } catch (e) {
    if (e instanceof BrokenInvariant || !(e instanceof Error)) throw e;
    throw world.broken(`no error escapes the core: ${e.stack ?? e.message}`);
  }
}

/**
 * The network conditions of a world: perfect in one of four, and bad in different ways in the
 * others.
 */
function drawConditions(seed: number): NetworkConditions {
  const kind = (Math.imul(seed, 2654435761) >>> 8) % 4;
  if (kind === 0) return { loss: 0, duplication: 0, delayMs: [10, 10] };
  const loss = 0.15 * (kind - 1);
  return { loss, duplication: 0.3, delayMs: [1, kind === 3 ? 900 : 200] };
}

/**
 * Lets each end make liveness checks, so that an end which has an SA alone finds out (RFC 7296
 * §2.4). The network conditions stay.
 */
function settle(world: World): void {
  // If an end gives up during a check, the other finds out by its next one.
  for (let round = 0; round < SETTLE_ROUNDS; round++) {
    for (const host of world.hosts) {
      for (const sa of [...host.endpoint.bySpi.values()]) {
        if (sa.phase === "established") world.tell(host, sa, { kind: "liveness_check" });
      }
    }
    world.run();
    if (sameLive(world)) return;
  }
}

/** Number of liveness checks that each end may make after the scenario. */
const SETTLE_ROUNDS = 4;

/** Whether both ends have the same SAs. */
function sameLive(world: World): boolean {
  const [a, b] = world.hosts.map(liveNames);
  return a!.length === b!.length && a!.every((name) => b!.includes(name));
}

function liveNames(host: Host): string[] {
  return [...host.endpoint.bySpi.values()].filter((sa) => sa.phase === "established").map(pairName);
}

function judge(world: World, ending: Ending, cameUp: boolean): Outcome {
  const ofA = liveNames(world.hosts[0]!);
  if (!sameLive(world)) return "halfway";
  if (ending.stands) return ofA.length > 0 ? "established" : "failed";
  if (ofA.length > 0) return "established";
  return cameUp ? "established" : "failed";
}

function pairName(sa: IkeSa): string {
  return `${sa.spiI} ${sa.spiR}`;
}

function newCount(): TaskCount {
  return { worlds: 0, established: 0, failed: 0, halfway: 0 };
}

function tally(count: TaskCount, outcome: Outcome): void {
  count.worlds++;
  count[outcome]++;
}
