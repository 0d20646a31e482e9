/**
 * The options of `test`, `exec` and `demo` that say which files a run writes at its end.
 * @module
 */
import { type Command, InvalidArgumentError } from "commander";
import { parseAddress, showAddress } from "@/base/address.ts";
import { parseDuration } from "@/base/duration.ts";
import { parseSwitch } from "@/cli/options.ts";

/**
 * Milliseconds of a step of the timeline if a file needs a timeline and `--timeline` is not given.
 */
export const DEFAULT_STEP_MS = 1_000;
const STEP_MIN_MS = 100;
const STEP_MAX_MS = 3_600_000;

/** These options as commander gives them. */
export interface OutputFlags {
  /** Milliseconds of a step. */
  readonly timeline?: number;
  readonly csv?: string;
  readonly junit?: string;
  readonly hdrlog?: string;
  readonly report?: string;
  readonly maskIdentities?: boolean;
  readonly web?: WebAddress;
}

/** Where `--web` listens. */
export interface WebAddress {
  readonly address: string;
  /** 0: a free one, which is told. */
  readonly port: number;
}

/** Adds the options. */
export function withOutputOptions(command: Command): Command {
  return command
    .option(
      "--timeline <duration>",
      "add a timeline to the JSON result, with figures for each step of this length (100ms to 1h)",
      parseStep,
    )
    .option("--csv <file>", "write a table with a row for each tunnel")
    .option("--junit <file>", "write the result as JUnit XML, for CI systems")
    .option("--hdrlog <file>", "write latencies as a HdrHistogram log, with a line for each step")
    .option("--report <file>", "write a report as one HTML file, with plots over time")
    .option(
      "--mask-identities [bool]",
      "leave identities, and sentences that may contain one, out of the files of --csv, --junit and " +
        "--report, and of the page of --web",
      parseSwitch,
    )
    .option(
      "--web <address:port>",
      "show the report while the test runs, and /metrics for Prometheus, to everybody who reaches this " +
        "address; a port alone is one of 127.0.0.1. TLS is that of the API (apitlscert, …)",
      parseWeb,
    );
}

function parseStep(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= STEP_MIN_MS && ms <= STEP_MAX_MS) return Math.round(ms);
  throw new InvalidArgumentError("Expected a duration from 100ms to 1h, such as 1s.");
}

/** An address and port, or a port of 127.0.0.1. @throws {InvalidArgumentError} */
export function parseWeb(text: string): WebAddress {
  const [, bracketed, plain, digits] = /^(?:(?:\[([^\]]*)\]|([^:]*)):)?(\d{1,5})$/.exec(text) ?? [];
  const address = parseAddress(bracketed ?? plain ?? "127.0.0.1");
  const port = Number(digits);
  if (address && port <= 65_535) return { address: showAddress(address), port };
  throw new InvalidArgumentError("Expected a port, or address:port such as [::1]:8080.");
}
