/**
 * The order of payloads in IKE_AUTH. It has no meaning (RFC 7296 §2.5), but peers expect that of
 * RFC 7296 appendix C.2 and C.3.
 * @module
 */
import { PayloadType } from "@/iana/payload_type.ts";
import type { Payload } from "@/wire/message.ts";

const ORDER: readonly number[] = [
  PayloadType.IDI,
  PayloadType.CERT,
  PayloadType.NOTIFY,
  PayloadType.CERTREQ,
  PayloadType.IDR,
  PayloadType.AUTH,
  PayloadType.EAP,
  PayloadType.CP,
];

/**
 * The payloads in the order of the RFC. Payloads of the same type keep their order, and other types
 * come last.
 */
export function inOrder(payloads: readonly Payload[]): Payload[] {
  return payloads.toSorted((a, b) => place(a) - place(b));
}

/** The payloads of a response in the order of the RFC, in which IDr comes first. */
export function inResponseOrder(payloads: readonly Payload[]): Payload[] {
  const names = payloads.filter(({ type }) => type === PayloadType.IDR);
  return [...names, ...inOrder(payloads.filter(({ type }) => type !== PayloadType.IDR))];
}

function place({ type }: Payload): number {
  const at = ORDER.indexOf(type);
  return at < 0 ? ORDER.length : at;
}
