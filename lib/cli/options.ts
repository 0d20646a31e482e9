/**
 * Values of command-line options: switches that take a value or none, numbers, and the words for
 * what is wrong with them.
 * @module
 */
import { InvalidArgumentError } from "commander";

/** `--flush`, `--flush=false` and `--flush false` all work; other words are an error. */
export function parseSwitch(value: string): boolean {
  if (/^(true|yes|on|1)$/i.test(value)) return true;
  if (/^(false|no|off|0)$/i.test(value)) return false;
  throw new InvalidArgumentError("Expected true or false.");
}

/** `true`, `false`, or `force`. */
export function parseFlush(value: string): boolean | "force" {
  return value === "force" ? "force" : parseSwitch(value);
}

/** A whole number from `min` to `max`. */
export function wholeNumber(min: number, max: number): (value: string) => number {
  return (value) => {
    const n = Number(value);
    if (/^\d+$/.test(value) && n >= min && n <= max) return n;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };
}

/** A fraction from 0 to 1. */
export function fraction(value: string): number {
  const n = Number(value);
  if (value.trim() !== "" && n >= 0 && n <= 1) return n;
  throw new InvalidArgumentError("Expected a number from 0 to 1.");
}
