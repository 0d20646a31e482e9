/**
 * An extension of IKEv2, as the exchanges that set up an IKE SA see it: it adds payloads of its own to our
 * messages, and reads those of the peer. IKE_SA_INIT and IKE_AUTH do not depend on any extension.
 * @module
 */
import type { Received } from "@/ike/records/received.ts";
import type { Turn } from "@/ike/records/event.ts";
import type { Path } from "@/base/address.ts";
import type { Payload } from "@/wire/message.ts";

/** A message of ours that is about to be sent. */
export interface OwnMessage {
  readonly response: boolean;
  readonly path: Path;
}

/** One extension's part in one exchange. */
export interface Extension {
  /** IANA Exchange Type: IKE_SA_INIT or IKE_AUTH. */
  readonly exchange: number;
  /** Whether what it says in IKE_SA_INIT belongs into IKE_SESSION_RESUME too (RFC 5723 §5, Table 1). */
  readonly inResumption?: true;
  /**
   * The payloads that it adds to a message of ours: in IKE_AUTH to the first request, and to the response
   * that makes the CHILD_SA.
   */
  says?(turn: Turn, message: OwnMessage): readonly Payload[];
  /**
   * Reads the payloads of the peer's corresponding message; in IKE_AUTH only after both ends are
   * authenticated. @throws {PeerError} if it refuses a request.
   */
  hears?(turn: Turn, message: Received): void;
}
