/**
 * Many worlds, one seed each: how many established, failed at both ends, or ended half-way, by task;
 * and the first that broke an invariant, with its ladder.
 * @module
 */
import type { IkeSa } from "@/ike/records/sa.ts";
import type { FaultName } from "@/ike/records/fault.ts";
import { must } from "@/base/errors.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { WorldKeys } from "@/sim/keys.ts";
import type { Weather } from "@/sim/network.ts";
import { ALL_SCENARIOS } from "@/sim/all_scenarios.ts";
import type { Ending, Scenario } from "@/sim/scenarios.ts";
import { BrokenInvariant, type Host, World } from "@/sim/world.ts";

/** What to simulate. */
export interface SimulateOptions {
  /** First seed; each world takes the next. */
  readonly seed: number;
  readonly count: number;
  readonly crypto: CryptoBackend;
  /** Rules broken on purpose, by name (see `ike/records/fault.ts`). */
  readonly broken?: ReadonlySet<FaultName>;
  /** Of every world; without it each world draws its own, fair ones among them. */
  readonly weather?: Weather;
  /** Only this task; without it each world takes the next. */
  readonly task?: string;
  /** Hears of progress now and then. */
  readonly progress?: (worldsDone: number) => void;
}

/** How the worlds of one task ended. */
export interface TaskCount {
  worlds: number;
  /** Both ends hold the SA (or took it down together, where that is the play). */
  established: number;
  /** No end holds it, and both know. */
  failed: number;
  /** One end holds what the other does not. */
  halfway: number;
}

/** What a simulation found. */
export interface SimulateResult {
  readonly tasks: ReadonlyMap<string, TaskCount>;
  readonly worlds: number;
  /** The first broken invariant: the seed and what its world printed. */
  readonly broken:
    | { readonly seed: number; readonly task: string; readonly story: string }
    | undefined;
}

/** Runs the worlds; stops at the first broken invariant. */
export function simulate(options: SimulateOptions): SimulateResult {
  const scenarios = ALL_SCENARIOS.filter((s) => !options.task || s.name === options.task);
  must(scenarios.length > 0, "a task of that name exists");
  const tasks = new Map(scenarios.map((s) => [s.name, newCount()]));
  const keys = new WorldKeys(options.crypto);
  for (let i = 0; i < options.count; i++) {
    const seed = options.seed + i, scenario = scenarios[seed % scenarios.length]!;
    try {
      tally(tasks.get(scenario.name)!, runWorld(scenario, { ...options, seed }, keys).outcome);
    } catch (e) {
      if (!(e instanceof BrokenInvariant)) throw e;
      const broken = { seed, task: scenario.name, story: e.message };
      return { tasks, worlds: i + 1, broken };
    }
    if (i % 500 === 499) options.progress?.(i + 1);
  }
  return { tasks, worlds: options.count, broken: undefined };
}

/** How one world ended. */
export type Outcome = "established" | "failed" | "halfway";

/** One world to its end. @throws {BrokenInvariant} with the ladder. */
export function runWorld(
  scenario: Scenario,
  options: SimulateOptions,
  keys: WorldKeys,
): { readonly world: World; readonly outcome: Outcome } {
  const world = new World({
    seed: options.seed,
    crypto: options.crypto,
    keys,
    weather: options.weather ?? drawWeather(options.seed),
    computeMs: [0.05, 9],
    broken: options.broken ?? new Set(),
  });
  const ending = guarded(world, () => scenario.play(world));
  guarded(world, () => world.run());
  const cameUp = world.hosts.every((host) => host.established > 0);
  const fault = ending.check?.();
  if (fault) throw world.broken(fault);
  guarded(world, () => settle(world));
  const outcome = judge(world, ending, cameUp);
  const fair = world.weather.loss === 0 && world.weather.duplication === 0;
  if (fair && ending.stands && outcome !== "established") {
    throw world.broken("in fair weather the tunnel stands");
  }
  return { world, outcome };
}

/** A Bug in the core is a finding like a broken invariant: it needs its ladder too. */
function guarded<T>(world: World, step: () => T): T {
  try {
    return step();
  } catch (e) {
    if (e instanceof BrokenInvariant || !(e instanceof Error)) throw e;
    throw world.broken(`no error escapes the core: ${e.stack ?? e.message}`);
  }
}

/** Fair weather in one world of four; foul in the others, each in its own way. */
function drawWeather(seed: number): Weather {
  const kind = (Math.imul(seed, 2654435761) >>> 8) % 4;
  if (kind === 0) return { loss: 0, duplication: 0, delayMs: [10, 10] };
  const loss = 0.15 * (kind - 1);
  return { loss, duplication: 0.3, delayMs: [1, kind === 3 ? 900 : 200] };
}

/**
 * Lets each end ask after the other: whoever holds an SA alone finds out (RFC 7296 §2.4), as it
 * would in life. The weather stays as it is.
 */
function settle(world: World): void {
  // An end that gives up on a check leaves the other to find out by its next one.
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

/** Liveness checks that each end may still make once the play is over. */
const SETTLE_ROUNDS = 4;

/** Whether both ends hold the same SAs. */
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
