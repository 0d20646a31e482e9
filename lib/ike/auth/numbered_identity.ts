/**
 * Identities that differ by one number, as tables write them: `&d` in the text of the identity stands
 * for the number, in decimal digits without leading zeros.
 * @module
 */
import { toHex } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import { identityKey, identityOfText } from "@/ike/negotiate/identity.ts";
import type { Identity, WrittenIdentity } from "@/ike/records/config.ts";
import { latinText } from "@/pki/name.ts";

/** The most digits of a number. */
const DIGITS_MAX = 10;
/** Octets of identification data above which no number is sought. */
const OCTETS_MAX = 2048;
/** The most sequences of digits in an identity that are tried as the number. */
const SEQUENCES_MAX = 16;

/**
 * The number for which the text gives this identity; undefined if there is none. Names are compared
 * as RFC 5280 §7.1 says, so the number is sought in the octets, and confirmed by making the identity.
 */
export function numberIn(written: WrittenIdentity, identity: Identity): string | undefined {
  if (written.idType !== identity.idType || identity.data.length > OCTETS_MAX) return undefined;
  const [before = "", after = ""] = written.text.split("&d");
  const isHex = written.form === "hex";
  const text = isHex ? toHex(identity.data) : latinText(identity.data);
  // Most entries are told apart here; in the other forms the text is not what the octets hold.
  if (written.form === "text" && !text.startsWith(latin(before))) return undefined;
  const leading = /[\d: ]*$/.exec(before)![0].replaceAll(/[: ]/g, "");
  const trailing = /^[\d: ]*/.exec(after)![0].replaceAll(/[: ]/g, "");
  let tried = 0;
  for (const [digits] of text.matchAll(/\d+/g)) {
    if (++tried > SEQUENCES_MAX) return undefined;
    if (!digits.startsWith(leading) || !digits.endsWith(trailing)) continue;
    const number = digits.slice(leading.length, digits.length - trailing.length);
    if (number.length > DIGITS_MAX || !/^(0|[1-9]\d*)$/.test(number)) continue;
    if (gives(written, number, identity)) return number;
  }
  return undefined;
}

/** A text with one character for each octet of its UTF-8, as {@linkcode latinText} reads octets. */
function latin(text: string): string {
  return latinText(new TextEncoder().encode(text));
}

function gives(written: WrittenIdentity, number: string, identity: Identity): boolean {
  const text = written.text.replaceAll("&d", number);
  try {
    return identityKey(identityOfText({ idType: written.idType, form: written.form, text })) ===
      identityKey(identity);
  } catch (e) {
    if (e instanceof WireError) return false;
    throw e;
  }
}
