/**
 * The extensions there are, in the order in which a message carries them. To add one is to write its
 * file and to name it here.
 * @module
 */
import type { Received } from "@/ike/records/received.ts";
import type { Turn } from "@/ike/records/event.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { authPuzzle } from "@/ike/extensions/auth_puzzle.ts";
import { authLifetimeGiven } from "@/ike/extensions/auth_lifetime.ts";
import { childless } from "@/ike/extensions/childless.ts";
import { certificateRequested } from "@/ike/extensions/certificate_request.ts";
import { configuration } from "@/ike/extensions/configuration.ts";
import { crashDetection } from "@/ike/extensions/crash_detection.ts";
import { fragmentation } from "@/ike/extensions/fragmentation.ts";
import { fullTranscript } from "@/ike/extensions/full_transcript.ts";
import { initialContact } from "@/ike/extensions/initial_contact.ts";
import { intermediateSupported } from "@/ike/extensions/intermediate_supported.ts";
import { multipleAuthAnnounced, multipleAuthTaken } from "@/ike/extensions/multiple_auth.ts";
import { mobike } from "@/ike/extensions/mobike.ts";
import { natDetected } from "@/ike/extensions/nat_detected.ts";
import { noNats } from "@/ike/extensions/no_nats.ts";
import { redirectLater, redirectSupported } from "@/ike/extensions/redirect.ts";
import { tickets } from "@/ike/extensions/tickets.ts";
import { signatureHashes } from "@/ike/extensions/signature_hashes.ts";
import {
  authMethodsOfInitiator,
  authMethodsOfResponder,
} from "@/ike/extensions/supported_auth_methods.ts";
import { vendorIdsInAuth, vendorIdsInInit } from "@/ike/extensions/vendor_ids.ts";
import { usePpk } from "@/ike/extensions/use_ppk.ts";
import type { Extension, OwnMessage } from "@/ike/records/extension.ts";
import type { Payload } from "@/wire/message.ts";

const EXTENSIONS: readonly Extension[] = [
  natDetected,
  fragmentation,
  usePpk,
  intermediateSupported,
  signatureHashes,
  fullTranscript,
  authPuzzle,
  authMethodsOfResponder,
  authMethodsOfInitiator,
  multipleAuthAnnounced,
  multipleAuthTaken,
  certificateRequested,
  childless,
  redirectSupported,
  redirectLater,
  // A ticket has the time of the authentication.
  authLifetimeGiven,
  tickets,
  crashDetection,
  initialContact,
  noNats,
  mobike,
  configuration,
  vendorIdsInInit,
  vendorIdsInAuth,
];

/** What all extensions add to a message of ours. */
export function sayAll(turn: Turn, exchange: number, message: OwnMessage): Payload[] {
  return partsOf(exchange).flatMap((extension) => extension.says?.(turn, message) ?? []);
}

/**
 * Lets all extensions read a message of the peer.
 * @throws {PeerError} where one refuses a request.
 */
export function hearAll(turn: Turn, message: Received): void {
  for (const extension of partsOf(message.header.exchange)) extension.hears?.(turn, message);
}

const BY_EXCHANGE: ReadonlyMap<number, readonly Extension[]> = new Map([
  ...Map.groupBy(EXTENSIONS, ({ exchange }) => exchange),
  [ExchangeType.IKE_SESSION_RESUME, EXTENSIONS.filter(({ inResumption }) => inResumption)],
]);

function partsOf(exchange: number): readonly Extension[] {
  return BY_EXCHANGE.get(exchange) ?? [];
}
