/**
 * What an extension of IKEv2 is to the exchanges that set an IKE SA up: it adds payloads of its own to
 * our messages, and reads those of the peer. Neither IKE_SA_INIT nor IKE_AUTH knows any by name.
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
   * What it adds to a message of ours: of IKE_AUTH to the first request, and to the response that makes
   * the CHILD_SA.
   */
  says?(turn: Turn, message: OwnMessage): readonly Payload[];
  /**
   * Reads what the peer said in the corresponding message; in IKE_AUTH only once both ends are
   * authenticated.
   * @throws {PeerError} where it refuses a request.
   */
  hears?(turn: Turn, message: Received): void;
}
