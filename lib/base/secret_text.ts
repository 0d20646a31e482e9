/**
 * Secrets as setup files write them: as text, or as octets in hex or base64.
 * @module
 */

/** How the octets of a secret are written. */
export type SecretEncoding = "text" | "hex" | "base64";

/**
 * The octets of a secret: text in UTF-8; pairs of hex digits, with `0x` before them or not; base64, with
 * `0s` before it or not. `undefined` where the text is none of its encoding, or is empty.
 */
export function secretOctets(text: string, encoding: SecretEncoding): Uint8Array | undefined {
  if (text === "") return undefined;
  try {
    switch (encoding) {
      case "text":
        return new TextEncoder().encode(text);
      case "hex":
        return nonEmpty(Uint8Array.fromHex(text.replace(/^0x/i, "")));
      case "base64":
        return nonEmpty(Uint8Array.fromBase64(text.replace(/^0s/, "")));
    }
  } catch (e) {
    if (e instanceof SyntaxError) return undefined;
    throw e;
  }
}

function nonEmpty(octets: Uint8Array): Uint8Array | undefined {
  return octets.length > 0 ? octets : undefined;
}

/** Numbers of one to four digits. */
const NUMBERS = ["7", "10", "100", "1000"];

/** Whether a secret is one of its encoding, whatever number stands for each `&d` in it. */
export function isSecretText(text: string, encoding: SecretEncoding): boolean {
  const numbers = text.includes("&d") ? NUMBERS : [""];
  return numbers.every((number) =>
    secretOctets(text.replaceAll("&d", number), encoding) !== undefined
  );
}
