/**
 * The errors of this program, told apart by what is to blame: malformed octets, a peer that refuses, a
 * setup, the system, or this program itself. Peer-facing errors that carry a Notify live in `ike/`.
 * @module
 */

/** Octets of the peer break the RFC; the message is dropped (RFC 7296 §2.21). */
export class WireError extends SyntaxError {
  override name = "WireError";
}

/** A position in a setup file, counted from 1. */
export interface SetupPosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A setup file or a command line that cannot be carried out. */
export class SetupError extends Error {
  override name = "SetupError";
  /** `what` is the message without the position; there is a `position` only in a file. */
  constructor(readonly what: string, readonly position?: SetupPosition) {
    super(position ? `${position.file}:${position.line}:${position.column}: ${what}` : what);
  }
}

/** A system call that failed: its name, the name of its errno (`EACCES`), and what to do about it. */
export class SystemError extends Error {
  override name = "SystemError";
  constructor(message: string, readonly syscall: string, readonly errno: string) {
    super(message);
  }
}

/** The text of an error of the system, without the call and the path that the runtime adds. */
export function systemWords(e: unknown): string {
  return (e instanceof Error ? e.message : String(e)).replace(/ \(os error \d+\).*$/s, "");
}

/** A violated invariant of this program. It is never caught to continue, and never sent to a peer. */
export class Bug extends Error {
  override name = "Bug";
}

/** Asserts an invariant, in production too. @throws {Bug} if it does not hold. */
export function must(holds: boolean, invariant: string): asserts holds {
  if (!holds) throw new Bug(`Invariant broken: ${invariant}`);
}

/** Closes a `switch` over a union; it is only reached if a member was forgotten. */
export function unreachable(value: never): never {
  throw new Bug(`Invariant broken: unexpected ${JSON.stringify(value)}`);
}
