/**
 * The functions by which the checks of a setup report errors and warnings.
 * @module
 */

/** Receives the errors and warnings of checks. */
export interface Check {
  /** Whether the value of an option has been refused already. */
  isBroken(path: string): boolean;
  /** Reports an error about the option `path`. */
  fail(what: string, path: string): void;
  /** The interface after the `%` of an address (RFC 4007 §11); undefined if there is none. */
  zoneOf(path: string): string | undefined;
  /** Reports a value that is valid, but probably not intended. */
  warn(what: string, path: string): void;
}

/** Reports an error about `path`, unless it or one of the `others` was refused before. */
export type Rule = (what: string, path: string, ...others: readonly string[]) => void;
