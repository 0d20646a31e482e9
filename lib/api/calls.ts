/**
 * What the calls of every service have in common: requests that are no message are refused, and so
 * is what a handler throws as a {@linkcode Refusal}; anything else that is thrown is an internal error.
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

/** A call with one answer `A`, made from the request `R`. */
export function answering<R, A>(
  answer: (request: R, call: CallOrigin) => Promise<NoInfer<A>>,
): handleUnaryCall<R, A> {
  return async (call: ServerUnaryCall<R, A>, callback: sendUnaryData<A>) => {
    let message: A;
    try {
      message = await answer(checked(call.request), call as unknown as CallOrigin);
    } catch (error) {
      return callback(refused(error));
    }
    callback(null, message);
  };
}

/** A call that changes something, for callers whom `judge` trusts. */
export function changing<R, A>(
  method: string,
  judge: CallerJudge,
  answer: (request: R, caller: Caller, call: CallOrigin) => Promise<NoInfer<A>>,
): handleUnaryCall<R, A> {
  return answering<R, A>(async (request, call) => {
    const caller = await judge(call);
    if (caller.isTrusted) return await answer(request, caller, call);
    const { code, details } = notTrusted(caller, method);
    throw new Refusal(code, details);
  });
}

/** The request if it could be decoded. @throws {Refusal} INVALID_ARGUMENT with the decoder's message. */
export function checked<R>(request: R | Malformed): R {
  if (!(request instanceof Malformed)) return request;
  throw new Refusal(status.INVALID_ARGUMENT, `Cannot decode the request: ${request.why}`);
}

/** The status of a refusal. @throws {unknown} any other error, which is internal and never sent. */
export function refused(error: unknown): { code: status; details: string } {
  if (!(error instanceof Refusal)) throw error;
  return { code: error.code, details: error.details };
}

/** A rekey that did not take place, of the SA (`IKE SA`, `CHILD_SA`) with this SPI in words. */
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
