/**
 * The command `benchmark`, as the command line declares it.
 * @module
 */
import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDuration } from "@/base/duration.ts";
import { BENCHMARK_METRICS } from "@/cli/benchmark_metrics.ts";
import { parseFlush, parseSwitch, wholeNumber } from "@/cli/options.ts";

/** Adds the command; `exit` receives its exit status. */
export function addBenchmark(program: Command, exit: (status: number) => void): void {
  program.command("benchmark")
    .description(
      "measure a gateway by the setup of a client: tunnels that it holds, highest rates, times, cookies",
    )
    .argument(
      "<setup>",
      "the setup file of a client (YAML); thresholds and pingconf of it are used",
    )
    .option(
      "--only <list>",
      `metrics, separated by commas: ${BENCHMARK_METRICS.join(", ")}`,
      metrics,
    )
    .option(
      "--tunnels <n>",
      "the most tunnels at a time (default: numberoftunnels)",
      wholeNumber(1, 1_000_000),
    )
    .option(
      "--max-rate <n>",
      "the highest rate that is tried, tunnels a second",
      wholeNumber(1, 1_000_000),
      10_000,
    )
    .option("--trial <duration>", "length of a trial of one rate", milliseconds, 5_000)
    .option("--time <duration>", "time after which no further trial begins", milliseconds, 600_000)
    .option(
      "--restart <command>",
      "shell command that restarts the gateway, for the time to recover",
    )
    .addOption(
      new Option(
        "--flush [bool]",
        "flush and re-add the addresses of bindifname and lo first, as test does; force: even if unsafe",
      ).choices(["true", "false", "force"]).argParser(parseFlush).default(true),
    )
    .option("-j, --json [bool]", "print the result as one line of JSON", parseSwitch)
    .addHelpText(
      "after",
      `
Examples:
  myikev2 benchmark client.yaml
  myikev2 benchmark client.yaml --only rate,rekey --trial 10s --json
  myikev2 benchmark client.yaml --only recovery --restart "ssh gw systemctl restart strongswan"

Exit status: 0 all metrics were measured, or left out for want of an option; 1 one failed; 2 bad setup
or usage.`,
    )
    .action(async (setup: string, options) => {
      const { runBenchmark } = await import("@/cli/benchmark.ts");
      exit(await runBenchmark(setup, options));
    });
}

function metrics(text: string): readonly string[] {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !BENCHMARK_METRICS.some((one) => one === name));
  if (unknown === undefined) return names;
  throw new InvalidArgumentError(`Expected some of ${BENCHMARK_METRICS.join(", ")}.`);
}

function milliseconds(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms > 0) return ms;
  throw new InvalidArgumentError("Expected a duration such as 5s or 10m.");
}
