/**
 * A message as it is handed to tasks and responders.
 * @module
 */
import type { Path } from "@/base/address.ts";
import type { WireError } from "@/base/errors.ts";
import type { PeerError } from "@/ike/records/notify.ts";
import type { IkeHeader, Payload } from "@/wire/message.ts";

/** A message that arrived for an SA: decoded, decrypted, verified. */
export interface Received {
  readonly header: IkeHeader;
  readonly payloads: readonly Payload[];
  /** As it was on the wire; of a message in fragments, the one that came last. */
  readonly octets: Uint8Array;
  /** Of an IKE_INTERMEDIATE message, what AUTH will prove of it; see `clearForm()`. */
  readonly clear?: Uint8Array | undefined;
  readonly path: Path;
  /** `messageHash` of the message; of one in fragments, of fragment number 1. */
  readonly hash: string;
  /** How many fragments it came in; 1: it was whole. */
  readonly fragments: number;
  /** Authentic, but its payloads are not as they must be; `payloads` is empty then. */
  readonly fault: WireError | PeerError | undefined;
}
