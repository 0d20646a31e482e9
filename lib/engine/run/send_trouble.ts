/**
 * Why nobody answered, where the system or ICMP has said so: the core knows only that no answer came.
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
 * The effect itself, or a failure for want of an answer with what was the matter with the way to the
 * peer since it was heard last. The SA then has the same failure.
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
  const { cause, text } = effect.failure, own = trouble.isIcmp ? "UNREACHABLE" : "NOT_SENT";
  const failure: Failure = {
    ...effect.failure,
    cause: cause === "NO_ANSWER" ? own : cause,
    text: `${trouble.words}; ${text}`,
  };
  sa.failure = failure;
  return { ...effect, failure };
}
