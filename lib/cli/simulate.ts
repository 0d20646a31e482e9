/**
 * Runs `myikev2 simulate`: simulated worlds one after the other, and reports their outcome.
 * @module
 */
import { printLine, tellLine } from "@/files/terminal.ts";
import { SetupError } from "@/base/errors.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { FAULTS, isFaultName } from "@/ike/records/fault.ts";
import { ALL_SCENARIOS } from "@/sim/all_scenarios.ts";
import { simulate, type SimulateResult } from "@/sim/simulate.ts";

/** Options of `simulate`. */
export interface SimulationOptions {
  readonly seed: number;
  readonly count: number;
  readonly task?: string;
  readonly loss?: number;
  readonly duplication?: number;
  readonly break?: string;
  readonly json?: boolean;
}

/**
 * Runs the worlds; returns 0 if no invariant was broken, otherwise 1 after printing the ladder of the world.
 */
export function runSimulation(options: SimulationOptions): number {
  const rule = options.break;
  if (rule === "list") {
    for (const [name, does] of Object.entries(FAULTS)) printLine(`${name.padEnd(24)} ${does}`);
    return 0;
  }
  if (rule !== undefined && !isFaultName(rule)) {
    throw new SetupError(`Cannot break ${rule}: rules are ${Object.keys(FAULTS).join(", ")}`);
  }
  const { task } = options;
  if (task !== undefined && !ALL_SCENARIOS.some((s) => s.name === task)) {
    throw new SetupError(
      `Cannot simulate ${task}: tasks are ${ALL_SCENARIOS.map((s) => s.name).join(", ")}`,
    );
  }
  const { loss, duplication } = options;
  const drawn = loss === undefined && duplication === undefined;
  const result = simulate({
    seed: options.seed,
    count: options.count,
    crypto: portableBackend(),
    broken: new Set(rule ? [rule] : []),
    ...(task ? { task } : {}),
    ...(drawn
      ? {}
      : { conditions: { loss: loss ?? 0, duplication: duplication ?? 0, delayMs: [1, 200] } }),
    progress(done) {
      if (Deno.stderr.isTerminal()) {
        Deno.stderr.writeSync(new TextEncoder().encode(`\r${done} of ${options.count} worlds`));
      }
    },
  });
  if (Deno.stderr.isTerminal()) tellLine("");
  if (options.json) printJson(result);
  else print(result);
  return result.broken ? 1 : 0;
}

function print({ tasks, worlds, broken }: SimulateResult): void {
  printLine("task                      worlds established failed halfway");
  const total = { worlds: 0, established: 0, failed: 0, halfway: 0 };
  for (const [name, count] of tasks) {
    printLine(row(name, count));
    for (const key of ["worlds", "established", "failed", "halfway"] as const) {
      total[key] += count[key];
    }
  }
  printLine(row("all", total));
  if (!broken) return printLine(`${worlds} worlds, no broken invariant`);
  printLine(`\nWorld ${broken.seed} (${broken.task}) of ${worlds} breaks an invariant`);
  printLine(broken.transcript);
  printLine(
    `\nAgain: myikev2 simulate --seed ${broken.seed} --count 1 (with the same other options)`,
  );
}

function row(
  name: string,
  { worlds, established, failed, halfway }: {
    worlds: number;
    established: number;
    failed: number;
    halfway: number;
  },
): string {
  const column = (n: number, width: number) => String(n).padStart(width);
  return `${name.padEnd(24)} ${column(worlds, 7)} ${column(established, 11)} ${
    column(failed, 6)
  } ` +
    column(halfway, 7);
}

function printJson({ tasks, worlds, broken }: SimulateResult): void {
  const shown = broken && { seed: broken.seed, task: broken.task, story: broken.transcript };
  printLine(
    JSON.stringify({ worlds, tasks: Object.fromEntries(tasks), broken: shown ?? null }),
  );
}
