/**
 * Makes distinguished names of texts such as `C=CH, O=Lab, CN=gw`.
 * @module
 */
import { splitNameText } from "@/base/name_text.ts";
import { WireError } from "@/base/errors.ts";
import { attributeOid } from "@/iana/attribute_type.ts";
import { encodeName } from "@/pki/name.ts";

/** The DER of a name, in the order of the text. @throws {WireError} if the text is not a name. */
export function encodeNameText(text: string): Uint8Array {
  const pairs = splitNameText(text);
  if (!pairs) throw new WireError("Cannot use a text as a distinguished name, it is none");
  return encodeName(pairs.map(([key, value]) => {
    const oid = attributeOid(key);
    if (oid === undefined) throw new WireError(`Cannot use the attribute ${key} of a name`);
    return [oid, value] as const;
  }));
}
