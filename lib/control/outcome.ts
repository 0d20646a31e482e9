/**
 * The outcome of a recipe: of its commands, of each instance, and as a whole.
 * @module
 */
import type { Summary } from "@/control/daemon_client.ts";
import type { PreparedInstance } from "@/control/definition.ts";

/**
 * The result of one instance. `running` is the result of another program, which has none of its own;
 * `stopped` was ended by request while nothing had failed; `unknown`: its daemon stopped answering.
 */
export type InstanceResult =
  | "passed"
  | "stopped"
  | "running"
  | "failed"
  | "could not start"
  | "died"
  | "refused"
  | "timed out"
  | "unknown"
  | "not started";

/** The outcome of one instance. */
export interface InstanceOutcome {
  readonly instance: PreparedInstance;
  result: InstanceResult;
  /** The reason of a bad result; empty otherwise. */
  reason: string;
  /** The last summary that was received; undefined: none. */
  summary: Summary | undefined;
  ping: { readonly sent: number; readonly received: number } | undefined;
  /** Seconds from its definition to its end; undefined: it was never defined. */
  durationSec: number | undefined;
}

/** The outcome of the commands of one host, before or after the instances. */
export interface CommandOutcome {
  readonly when: "setup" | "clean";
  readonly daemonName: string;
  readonly commands: string;
  /** The reason why they failed; empty if they did not. */
  readonly reason: string;
  readonly output: string;
  readonly durationSec: number;
}

/** The outcome of a whole recipe. */
export interface RecipeOutcome {
  readonly recipe: string;
  readonly file: string;
  readonly commands: readonly CommandOutcome[];
  readonly instances: readonly InstanceOutcome[];
  /**
   * Errors that belong to no command and no instance result, such as an instance that could not be destroyed.
   */
  readonly errors: readonly string[];
  readonly startEpochMs: number;
  readonly durationSec: number;
}

const GOOD: readonly InstanceResult[] = ["passed", "stopped", "running"];

/** Whether the result of an instance is no failure. */
export function isGood({ result }: Pick<InstanceOutcome, "result">): boolean {
  return GOOD.includes(result);
}

/** Whether the recipe as a whole has passed, which decides the exit status. */
export function hasPassed({ instances, commands, errors }: RecipeOutcome): boolean {
  return instances.every(isGood) && commands.every((c) => c.reason === "") && errors.length === 0;
}

/** The first error; undefined if there is none. */
export function firstError({ instances, commands, errors }: RecipeOutcome): string | undefined {
  const setup = commands.find((c) => c.when === "setup" && c.reason !== "");
  if (setup) return failureOfCommands(setup);
  // Instances that were not started are the consequence of an error, so errors of others come first.
  const bad = instances.filter((i) => !isGood(i));
  const first = bad.find((i) => i.result !== "not started") ?? bad[0];
  if (first) return `${first.instance.name}: ${first.result}${first.reason && `: ${first.reason}`}`;
  const clean = commands.find((c) => c.reason !== "");
  return clean ? failureOfCommands(clean) : errors[0];
}

/** Describes a failure of commands, with the host on which they ran. */
export function failureOfCommands({ when, daemonName, reason }: CommandOutcome): string {
  return `${when}cmds on ${daemonName}: ${reason}`;
}

/** The outcome as `--json` prints it (docs/control.md). */
export function outcomeJson(outcome: RecipeOutcome): Record<string, unknown> {
  return {
    result: hasPassed(outcome) ? "passed" : "failed",
    error: firstError(outcome) ?? null,
    errors: outcome.errors,
    recipe: outcome.recipe,
    file: outcome.file,
    startTime: new Date(outcome.startEpochMs).toISOString(),
    durationSec: rounded(outcome.durationSec),
    commands: outcome.commands.map((c) => ({
      when: c.when,
      daemon: c.daemonName,
      commands: c.commands,
      result: c.reason === "" ? "passed" : "failed",
      error: c.reason || null,
      output: c.output,
      durationSec: rounded(c.durationSec),
    })),
    instances: outcome.instances.map((
      { instance, result, reason, summary, ping, durationSec },
    ) => ({
      id: instance.id,
      name: instance.name,
      daemon: instance.daemonName,
      type: instance.what.kind,
      role: instance.setup?.role ?? null,
      result,
      error: reason || null,
      tunnels: summary
        ? {
          configured: Number(summary.Configured_count),
          established: summary.NumOfCreatedTunnel,
          live: Number(summary.Live_count),
        }
        : null,
      setupRate: summary ? rounded(summary.SetupRate) : null,
      ping: ping ?? null,
      durationSec: durationSec === undefined ? null : rounded(durationSec),
    })),
  };
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
