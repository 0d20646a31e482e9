/**
 * Makes and finds Notify payloads, and describes errors of the peer (RFC 7296 §3.10).
 * @module
 */
import { clipped } from "@/base/text.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { Payload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";

/** The highest error type; types above it are status types (RFC 7296 §3.10.1). */
const ERROR_TYPE_MAX = 16383;
/** The most characters of a refusal's text, as it may quote what a peer sent, and is kept. */
const WORDS_MAX = 1_000;
const NOTHING = new Uint8Array(0);

/** A notify without protocol and SPI, which concerns the IKE SA or the message. */
export function notify(type: number, data: Uint8Array = NOTHING): NotifyPayload {
  return { type: PayloadType.NOTIFY, protocol: 0, spi: NOTHING, notify: type, data };
}

/** The first notify of a type. */
export function findNotify(payloads: readonly Payload[], type: number): NotifyPayload | undefined {
  for (const payload of payloads) if (isNotify(payload) && payload.notify === type) return payload;
  return undefined;
}

/** The first error notify. */
export function findError(payloads: readonly Payload[]): NotifyPayload | undefined {
  for (const payload of payloads) {
    if (isNotify(payload) && payload.notify <= ERROR_TYPE_MAX) return payload;
  }
  return undefined;
}

/** All notifies, in order. */
export function notifies(payloads: readonly Payload[]): NotifyPayload[] {
  return payloads.filter(isNotify);
}

function isNotify(payload: Payload): payload is NotifyPayload {
  return payload.type === PayloadType.NOTIFY && !("raw" in payload);
}

/** The data of INVALID_KE_PAYLOAD: the group in two octets. */
export function groupData(group: number): Uint8Array {
  return Uint8Array.of(group >> 8, group & 0xff);
}

/**
 * Refuses a well-formed message of the peer with a notify. What it costs the peer is decided where it is
 * thrown.
 */
export class PeerError extends Error {
  override name = "PeerError";
  constructor(
    readonly notify: number,
    message: string,
    readonly data: Uint8Array = NOTHING,
    /** The CHILD_SA that it concerns, as the peer named it. */
    readonly about: Pick<NotifyPayload, "protocol" | "spi"> | undefined = undefined,
  ) {
    super(clipped(message, WORDS_MAX));
  }
}

/** The notify of a refusal. */
export function notifyOf({ notify: type, data, about }: PeerError): NotifyPayload {
  return { ...notify(type, data), ...about };
}

/** Whether an error in IKE_AUTH leaves no IKE SA behind (RFC 7296 §2.21.2). */
export function isFatalInAuth(type: number): boolean {
  return type === NotifyType.AUTHENTICATION_FAILED || type === NotifyType.INVALID_SYNTAX ||
    type === NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD;
}
