/**
 * IANA LDAP Object Identifier Descriptors: the attribute types of distinguished names that have a short
 * name here (RFC 4514 §3, RFC 5280 appendix A).
 * @module
 */

/** Short names by dotted OID. */
export const ATTRIBUTE_NAMES: ReadonlyMap<string, string> = new Map([
  ["2.5.4.3", "CN"],
  ["2.5.4.4", "SN"],
  ["2.5.4.5", "serialNumber"],
  ["2.5.4.6", "C"],
  ["2.5.4.7", "L"],
  ["2.5.4.8", "ST"],
  ["2.5.4.9", "street"],
  ["2.5.4.10", "O"],
  ["2.5.4.11", "OU"],
  ["2.5.4.12", "title"],
  ["2.5.4.42", "GN"],
  ["2.5.4.43", "initials"],
  ["2.5.4.44", "generationQualifier"],
  ["2.5.4.46", "dnQualifier"],
  ["2.5.4.65", "pseudonym"],
  ["0.9.2342.19200300.100.1.1", "UID"],
  ["0.9.2342.19200300.100.1.25", "DC"],
  ["1.2.840.113549.1.9.1", "E"],
]);

/** Other names that texts have for some of them. */
const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ["emailaddress", "1.2.840.113549.1.9.1"],
  ["s", "2.5.4.8"],
  ["surname", "2.5.4.4"],
  ["givenname", "2.5.4.42"],
]);

/** The dotted OID of an attribute by its name, in any case, or by the OID itself; `undefined`: unknown. */
export function attributeOid(name: string): string | undefined {
  if (/^\d+(\.\d+)+$/.test(name)) return name;
  const wanted = name.toLowerCase();
  for (const [oid, short] of ATTRIBUTE_NAMES) {
    if (short.toLowerCase() === wanted) return oid;
  }
  return OTHER_NAMES.get(wanted);
}
