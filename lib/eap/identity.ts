/**
 * Identities and other texts of the other end (RFC 3748 §5.1, RFC 7542).
 * @module
 */
import { refuse } from "@/eap/failure.ts";

/** RFC 7542 §2.3: usernames that RADIUS carries have at most 253 octets. */
export const IDENTITY_OCTETS_MAX = 253;

/**
 * The identity in an Identity response. @throws {EapRefusal} if it is not UTF-8, or too long for
 * RADIUS.
 */
export function identityText(data: Uint8Array): string {
  if (data.length > IDENTITY_OCTETS_MAX) {
    refuse("malformed", `the peer's identity has ${data.length} octets`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(data);
  } catch {
    return refuse("malformed", "the peer's identity is no UTF-8");
  }
}

/** `user` of `user@realm`, or the whole identity if it has no realm. */
export function usernameOf(identity: string): string {
  const at = identity.lastIndexOf("@");
  return at < 0 ? identity : identity.slice(0, at);
}

/** A text of the other end, with control characters replaced. */
export function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replaceAll(/[\x00-\x1f\x7f-\x9f]/g, "·");
}
