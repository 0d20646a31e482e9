/**
 * Adds to a failure for lack of an answer what the system or ICMP has reported about the path to the peer.
 * @module
 */
import type { IkeSa } from "@/ike/records/sa.ts";
import type { Failure } from "@/ike/records/failure.ts";
import type { IkeEffect } from "@/ike/records/event.ts";
import type { SendErrors } from "@/transport/send_errors.ts";

/** Causes of failures that mean that no answer came. */
const NO_ANSWERS: ReadonlySet<string> = new Set([
  "NO_ANSWER",
  "LIVENESS_FAILED",
  "HALF_OPEN_TIMEOUT",
]);

/**
 * The effect with a more precise failure if no answer came and the path had an error since the peer was last
 * heard; otherwise the effect itself. The SA then has the same failure.
 */
export function explained(
  effect: IkeEffect,
  sa: IkeSa | undefined,
  sendErrors: SendErrors | undefined,
): IkeEffect {
  if (effect.kind !== "failed" || !sa || !sendErrors) return effect;
  if (!NO_ANSWERS.has(effect.failure.cause)) return effect;
  const trouble = sendErrors.lastOf(sa.path);
  if (!trouble) return effect;
  const { cause, text } = effect.failure;
  const own = trouble.isIcmp ? "UNREACHABLE" : "NOT_SENT";
  const failure: Failure = {
    ...effect.failure,
    cause: cause === "NO_ANSWER" ? own : cause,
    text: `${trouble.words}; ${text}`,
  };
  sa.failure = failure;
  return { ...effect, failure };
}
