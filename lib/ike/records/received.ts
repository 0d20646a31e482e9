/**
 * A received message as tasks and responders get it.
 * @module
 */
import type { Path } from "@/base/address.ts";
import type { WireError } from "@/base/errors.ts";
import type { PeerError } from "@/ike/records/notify.ts";
import type { IkeHeader, Payload } from "@/wire/message.ts";

/** A message for an SA, decoded, decrypted and verified. */
export interface Received {
  readonly header: IkeHeader;
  readonly payloads: readonly Payload[];
  /** Its octets on the wire; for a fragmented message those of the last fragment. */
  readonly octets: Uint8Array;
  /** The part of an IKE_INTERMEDIATE message that AUTH will authenticate; see `clearForm()`. */
  readonly clear?: Uint8Array | undefined;
  readonly path: Path;
  /** The `messageHash` of the message; for a fragmented one that of fragment number 1. */
  readonly hash: string;
  /** Number of fragments; 1 means that it was not fragmented. */
  readonly fragments: number;
  /** The error of an authentic message whose payloads are wrong; then `payloads` is empty. */
  readonly fault: WireError | PeerError | undefined;
}
