/**
 * What the checks of a setup are given, to say what is wrong and what is worth a warning.
 * @module
 */

/** The listener of a check. */
export interface Check {
  /** Whether an option's own value was refused already. */
  isBroken(path: string): boolean;
  /** Takes an error; `path` is the option it is about. */
  fail(what: string, path: string): void;
  /** The interface behind the `%` of an address (RFC 4007 §11); undefined: none is named. */
  zoneOf(path: string): string | undefined;
  /** Takes what may be meant, but probably is not. */
  warn(what: string, path: string): void;
}

/** An error about `path` that only holds when neither it nor the `others` were refused before. */
export type Rule = (what: string, path: string, ...others: readonly string[]) => void;
