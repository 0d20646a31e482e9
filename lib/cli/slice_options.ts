/**
 * The options of `test` and `exec` by which several processes share the tunnels of one setup.
 * @module
 */
import { type Command, InvalidArgumentError } from "commander";
import { parseDuration } from "@/base/duration.ts";
import type { Slice } from "@/base/slice.ts";

/** The most slices that are accepted, which is more than the number of hosts of any user. */
const SLICES_MAX = 10_000;
/** The longest time until a start, in milliseconds; a start that is later is probably a mistake. */
const WAIT_MAX_MS = 24 * 3_600_000;

/** The values of these options as commander returns them. */
export interface SliceFlags {
  readonly slice?: Slice;
  /** The time at which the run begins, in milliseconds since 1970. */
  readonly startAt?: number;
}

/** Reads a variable of the environment; undefined if it is not set. */
export type ReadEnv = (name: string) => string | undefined;

/** Adds these options to a command. */
export function withSliceOptions(command: Command): Command {
  return command
    .option(
      "--slice <i/n>",
      "make the tunnels of one of n processes, so that all n together make those of one: 1/4 to 4/4; " +
        "auto: by SLURM_PROCID and SLURM_NTASKS; auto/n: by JOB_COMPLETION_INDEX. myikev2 merge " +
        "makes one result of theirs",
      (text: string) => parseSlice(text, (name) => Deno.env.get(name)),
    )
    .option(
      "--start-at <time>",
      "begin when it is this time, to begin together with others: 2026-01-31T12:00:00Z, seconds " +
        "since 1970, or a duration from now",
      (text: string) => parseStart(text, Date.now()),
    );
}

/**
 * Reads the value of `--slice`. @throws {InvalidArgumentError} if it is not a slice, or a variable that it needs
 * is not set.
 */
export function parseSlice(text: string, env: ReadEnv): Slice {
  const [, word, count] = /^(auto|\d{1,5})(?:\/(\d{1,5}))?$/.exec(text) ?? [];
  if (word === undefined || word !== "auto" && count === undefined) {
    throw new InvalidArgumentError("Expected i/n such as 2/4, auto, or auto/n.");
  }
  if (word !== "auto") return checked(Number(word), Number(count));
  const [rank, total] = [env("SLURM_PROCID"), env("SLURM_NTASKS")];
  if (count === undefined) {
    if (rank !== undefined && total !== undefined) return checked(Number(rank) + 1, Number(total));
    throw new InvalidArgumentError(
      "auto needs SLURM_PROCID and SLURM_NTASKS, which are not set; set them, or say i/n.",
    );
  }
  const index = env("JOB_COMPLETION_INDEX") ?? rank;
  if (index === undefined) {
    throw new InvalidArgumentError(
      "auto/n needs JOB_COMPLETION_INDEX, which is not set; set it, or say i/n.",
    );
  }
  return checked(Number(index) + 1, Number(count));
}

function checked(number: number, of: number): Slice {
  const isWhole = Number.isInteger(number) && Number.isInteger(of);
  if (isWhole && of >= 1 && of <= SLICES_MAX && number >= 1 && number <= of) return { number, of };
  throw new InvalidArgumentError(
    `Slice ${number} of ${of} is none: the first is 1, the last is n, and n is ${SLICES_MAX} at most.`,
  );
}

/**
 * Reads the value of `--start-at`, and returns milliseconds since 1970. @throws {InvalidArgumentError} if it is
 * not a time, or more than a day before or after `nowMs`.
 */
export function parseStart(text: string, nowMs: number): number {
  const duration = parseDuration(text);
  const isSeconds = /^\d{9,11}(\.\d+)?$/.test(text);
  const isDate = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text);
  const atMs = isSeconds
    ? Number(text) * 1_000
    : isDate
    ? Date.parse(text)
    : duration === undefined
    ? NaN
    : nowMs + duration;
  if (Number.isNaN(atMs)) {
    throw new InvalidArgumentError(
      "Expected a time with its zone such as 2026-01-31T12:00:00Z, seconds since 1970, or a duration.",
    );
  }
  if (Math.abs(atMs - nowMs) > WAIT_MAX_MS) {
    throw new InvalidArgumentError(
      `${new Date(atMs).toISOString()} is more than a day away from now.`,
    );
  }
  return atMs;
}
