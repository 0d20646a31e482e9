/**
 * The text of a distinguished name taken apart (RFC 4514 §3): `C=CH, O=Lab, CN=gw`. The order stays that
 * of the text, which is that of the encoding here, as other IKE programs write names too.
 * @module
 */

/** Attributes of one name at most. */
const ATTRIBUTES_MAX = 32;

/**
 * Pairs of an attribute's name and its value, escapes (`\,` or `\2c`) undone; `undefined` where the text
 * is no name: without any pair, or with a value that is empty. A relative name of several attributes (`+`)
 * is none here.
 */
export function splitNameText(text: string): [key: string, value: string][] | undefined {
  const pairs: [string, string][] = [];
  let rest = text.trim();
  while (rest !== "") {
    const match = ATTRIBUTE.exec(rest);
    if (!match || pairs.length >= ATTRIBUTES_MAX) return undefined;
    const [whole, key, raw] = match as unknown as [string, string, string];
    const value = unescaped(raw.trim());
    if (value === undefined || value === "") return undefined;
    pairs.push([key, value]);
    rest = rest.slice(whole.length).trimStart();
    if (whole.endsWith(",") && rest === "") return undefined;
  }
  return pairs.length > 0 ? pairs : undefined;
}

/** A name, =, and a value up to the next comma that is not escaped. */
const ATTRIBUTE = /^([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)\s*=\s*((?:\\[\s\S]|[^\\,+"<>;])*)(?:,|$)/;

/** RFC 4514 §2.4: a backslash stands before a special character, or two hex digits of an octet. */
function unescaped(text: string): string | undefined {
  const octets: number[] = [];
  for (let at = 0; at < text.length;) {
    const hex = /^\\([0-9a-f]{2})/i.exec(text.slice(at, at + 3))?.[1];
    if (hex) {
      octets.push(parseInt(hex, 16));
      at += 3;
      continue;
    }
    if (text[at] === "\\") at++;
    const point = text.codePointAt(at);
    if (point === undefined) return undefined;
    const character = String.fromCodePoint(point);
    octets.push(...new TextEncoder().encode(character));
    at += character.length;
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(octets));
  } catch {
    return undefined;
  }
}
