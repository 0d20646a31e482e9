/**
 * How a method says that it cannot go on.
 * @module
 */

/** The causes by which failed conversations are counted. */
export type EapCause =
  /** A packet, an attribute or a length is not as the method's RFC says. */
  | "malformed"
  /** The other end does not prove what it must. */
  | "wrong credentials"
  /** The other end says that ours are wrong, or refuses for a reason of its own. */
  | "refused by the other end"
  /** No method that both ends have. */
  | "no common method"
  /** Nobody of that name, or nothing to prove oneself with. */
  | "no credentials"
  /** Well-formed, but not at this point of the conversation. */
  | "out of order"
  /** The other end never comes to an end. */
  | "too long"
  /** TLS says no; the sentence has its alert. */
  | "tls"
  /** This program lacks something, such as the C shim. */
  | "not available"
  /** The other end asks for something that is refused here on purpose. */
  | "not supported"
  /** A server, a process or a file behind a relay fails. */
  | "relay";

/** Thrown inside a method; caught where the conversation is, which puts the method's name before it. */
export class EapRefusal extends Error {
  override name = "EapRefusal";
  /** `message` is a sentence without the method's name and without a full stop. */
  constructor(readonly kind: EapCause, message: string) {
    super(message);
  }
}

/** Ends the conversation. @throws {EapRefusal} always. */
export function refuse(cause: EapCause, why: string): never {
  throw new EapRefusal(cause, why);
}
