/**
 * The error for an answer that is not OK. The handler of a server throws it, and so does the call
 * of the client.
 * @module
 */
import type { status } from "@grpc/grpc-js";

/** An answer that is not OK: its status code and a sentence for people. */
export class Refusal extends Error {
  override name = "Refusal";

  /** `code` is the number of the gRPC status, `details` the sentence that the caller reads. */
  constructor(readonly code: status, readonly details: string) {
    super(details);
  }
}
