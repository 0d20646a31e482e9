/**
 * An answer that is not OK, at both ends: a handler throws it, and a client's call throws it again.
 * @module
 */
import type { status } from "@grpc/grpc-js";

/** An answer that is not OK: status code and a sentence. */
export class Refusal extends Error {
  override name = "Refusal";

  /** `code`: the number of the gRPC status; `details` is what the caller reads. */
  constructor(readonly code: status, readonly details: string) {
    super(details);
  }
}
