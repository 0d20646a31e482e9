/**
 * What the handlers of all services have in common: a request that cannot be decoded is refused,
 * a {@linkcode Refusal} that a handler throws becomes the status of the call, and any other error
 * is an internal error.
 * @module
 */
import {
  type handleUnaryCall,
  type sendUnaryData,
  type ServerUnaryCall,
  status,
} from "@grpc/grpc-js";
import { type Caller, type CallerJudge, type CallOrigin, notTrusted } from "@/api/caller.ts";
import { Malformed } from "@/api/definitions.ts";
import { Refusal } from "@/api/refusal.ts";
import type { RefusedRekey } from "@/engine/show/view.ts";

/** The handler of a call that only reads: it answers the request `R` with one message `A`. */
export function queryHandler<R, A>(
  answer: (request: R, call: CallOrigin) => Promise<NoInfer<A>>,
): handleUnaryCall<R, A> {
  return async (call: ServerUnaryCall<R, A>, callback: sendUnaryData<A>) => {
    let message: A;
    try {
      message = await answer(decodedRequest(call.request), call as unknown as CallOrigin);
    } catch (error) {
      return callback(statusOfRefusal(error));
    }
    callback(null, message);
  };
}

/** The handler of a call that changes something: it refuses callers whom `judge` does not trust. */
export function changeHandler<R, A>(
  method: string,
  judge: CallerJudge,
  answer: (request: R, caller: Caller, call: CallOrigin) => Promise<NoInfer<A>>,
): handleUnaryCall<R, A> {
  return queryHandler<R, A>(async (request, call) => {
    const caller = await judge(call);
    if (caller.isTrusted) return await answer(request, caller, call);
    const { code, details } = notTrusted(caller, method);
    throw new Refusal(code, details);
  });
}

/**
 * Returns a request that could be decoded. @throws {Refusal} INVALID_ARGUMENT with the decoder's
 * message.
 */
export function decodedRequest<R>(request: R | Malformed): R {
  if (!(request instanceof Malformed)) return request;
  throw new Refusal(status.INVALID_ARGUMENT, `Cannot decode the request: ${request.why}`);
}

/**
 * The status of a refusal. @throws {unknown} any other error, as internal errors are not sent to
 * the caller.
 */
export function statusOfRefusal(error: unknown): { code: status; details: string } {
  if (!(error instanceof Refusal)) throw error;
  return { code: error.code, details: error.details };
}

/**
 * The refusal of a rekey that did not take place; `sa` is `IKE SA` or `CHILD_SA`, `spi` its SPI as
 * text.
 */
export function notRekeyed(
  outcome: RefusedRekey | { readonly kind: "not_established" | "unknown" },
  sa: string,
  spi: string,
): Refusal {
  switch (outcome.kind) {
    case "refused":
      return new Refusal(status.ABORTED, `${outcome.cause}: ${outcome.text}`);
    case "not_established":
      return new Refusal(status.FAILED_PRECONDITION, `${sa} ${spi} is not established`);
    case "unknown":
      return new Refusal(status.NOT_FOUND, `No ${sa} has our SPI ${spi}`);
  }
}
