/**
 * Octets that a setup writes as text.
 * @module
 */

/** The octets of a text of pairs of hex digits; undefined for any other text. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) return undefined;
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** The octets of a text in base64 with padding (RFC 4648 §4); undefined for any other text. */
export function fromBase64(text: string): Uint8Array | undefined {
  const whole = /^(?:[a-z0-9+/]{4})*(?:[a-z0-9+/]{2}==|[a-z0-9+/]{3}=)?$/i;
  if (!whole.test(text)) return undefined;
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
