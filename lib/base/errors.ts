/**
 * The errors of this program, told apart by what is to blame: malformed octets, a peer that refuses, a
 * setup, the system, or this program itself. Peer-facing errors that carry a Notify live in `ike/`.
 * @module
 */

/** Octets from the peer do not follow the RFC; the message is lost (RFC 7296 §2.21). */
export class WireError extends SyntaxError {
  override name = "WireError";
}

/** Where a setup says something wrong: a position in its file, counted from 1. */
export interface SetupPosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A setup file or a command line that cannot be served. */
export class SetupError extends Error {
  override name = "SetupError";
  /** `message` without its position; `position` where there is a file. */
  constructor(readonly what: string, readonly position?: SetupPosition) {
    super(position ? `${position.file}:${position.line}:${position.column}: ${what}` : what);
  }
}

/** A system call that failed: its name, its errno name (`EACCES`), and what to do about it. */
export class SystemError extends Error {
  override name = "SystemError";
  constructor(message: string, readonly syscall: string, readonly errno: string) {
    super(message);
  }
}

/** The system's words of an error, without the call and the path that the runtime adds to them. */
export function systemWords(e: unknown): string {
  return (e instanceof Error ? e.message : String(e)).replace(/ \(os error \d+\).*$/s, "");
}

/** Our own code broke a promise. Never caught to go on, never sent to a peer. */
export class Bug extends Error {
  override name = "Bug";
}

/** States an invariant; a false one is a {@linkcode Bug}, in production too. */
export function must(holds: boolean, invariant: string): asserts holds {
  if (!holds) throw new Bug(`Invariant broken: ${invariant}`);
}

/** Closes a `switch` over a union: reached only when a member was forgotten. */
export function unreachable(value: never): never {
  throw new Bug(`Invariant broken: unexpected ${JSON.stringify(value)}`);
}
