/**
 * The error by which a method ends a conversation.
 * @module
 */

/** The causes by which failed conversations are counted. */
export type EapCause =
  /** A packet, an attribute or a length does not follow the RFC of the method. */
  | "malformed"
  /** The other end could not prove its identity. */
  | "wrong credentials"
  /** The other end says that our credentials are wrong, or refuses for another reason. */
  | "refused by the other end"
  /** The ends have no method in common. */
  | "no common method"
  /** There is no user of that name, or no credential for it. */
  | "no credentials"
  /** The message is well-formed, but not expected at this point of the conversation. */
  | "out of order"
  /** The conversation had more messages than are allowed. */
  | "too long"
  /** TLS failed; the message has its alert. */
  | "tls"
  /** This program lacks something, such as the C shim. */
  | "not available"
  /** The other end asks for something that this program refuses on purpose. */
  | "not supported"
  /** A server, a process or a file that a relay uses has failed. */
  | "relay";

/**
 * Thrown inside a method. The conversation catches it, and puts the name of the method before the
 * message.
 */
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
