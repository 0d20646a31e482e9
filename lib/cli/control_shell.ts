/**
 * `myikev2 control cli`: a shell over all daemons of a controller file.
 * @module
 */
import { SetupError } from "@/base/errors.ts";
import type { ControlOptions } from "@/cli/control.ts";

/** Reads commands until the end of input; returns the exit status. */
export function runControlShell(_options: ControlOptions): Promise<number> {
  throw new SetupError("control cli: the shell is not there yet");
}
