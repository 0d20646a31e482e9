import assert from "node:assert/strict";
import { CIPHERS, GROUPS, INTEGRITIES, PRFS } from "@/crypto/algorithms.ts";
import { ATTRIBUTE_NAMES, attributeOid } from "@/iana/attribute_type.ts";
import { AuthMethod, nameOfAuthMethod } from "@/iana/auth_method.ts";
import { Encr, nameOfEncr } from "@/iana/encr.ts";
import { ExchangeType, nameOfExchange } from "@/iana/exchange_type.ts";
import { Integ, nameOfInteg } from "@/iana/integ.ts";
import { KeGroup, nameOfKeGroup } from "@/iana/ke_group.ts";
import { isErrorNotify, nameOfNotify, NotifyType } from "@/iana/notify_type.ts";
import { nameOfPayload, PayloadType } from "@/iana/payload_type.ts";
import { nameOfPrf, Prf } from "@/iana/prf.ts";

/** Every module of numbers; the entries of attribute_type.ts are object identifiers. */
const MODULES = [...Deno.readDirSync(new URL("../../../lib/iana", import.meta.url))]
  .map((entry) => entry.name).filter((name) => !["registry.ts", "attribute_type.ts"].includes(name))
  .sort();

Deno.test("in every registry each number is named, once, and others are unknown", async () => {
  assert.equal(MODULES.length, 26);
  for (const file of MODULES) {
    const module: Record<string, unknown> = await import(`@/iana/${file}`);
    const tables = Object.values(module).filter((v) => typeof v === "object") as Table[];
    const lookups = Object.entries(module).filter(([name]) => name.startsWith("nameOf"));
    assert.ok(lookups.length > 0, file);
    for (const [name, lookup] of lookups) {
      checkLookup(`${name} in ${file}`, lookup as Lookup, tables);
    }
  }
});

type Table = Readonly<Record<string, number>>;
type Lookup = (value: number) => string;

/** A lookup names every number of one of the tables of its file, each by a name of its own. */
function checkLookup(which: string, nameOf: Lookup, tables: readonly Table[]): void {
  const isNamed = (value: number) => !nameOf(value).startsWith("unknown");
  const table = tables.find((one) => Object.values(one).every(isNamed));
  assert.ok(table, which);
  const values = Object.values(table);
  const names = values.map(nameOf);
  assert.equal(new Set(values).size, values.length, `${which}: a number is there twice`);
  assert.equal(new Set(names).size, names.length, `${which}: a name is given twice`);
  assert.equal(nameOf(65000), "unknown(65000)", which);
}

Deno.test("attribute types are found by their names in any case, and by their identifiers", () => {
  const names = [...ATTRIBUTE_NAMES.values()].map((name) => name.toLowerCase());
  assert.equal(new Set(names).size, ATTRIBUTE_NAMES.size, "a name is given twice");
  for (const [oid, name] of ATTRIBUTE_NAMES) {
    for (const asked of [name, name.toUpperCase(), oid]) assert.equal(attributeOid(asked), oid);
  }
  assert.equal(attributeOid("emailAddress"), "1.2.840.113549.1.9.1");
  assert.equal(attributeOid("none of them"), undefined);
});

Deno.test("numbers that the RFCs print are those of the tables", () => {
  // RFC 7296 §3.1, §3.2, §3.10.1; RFC 7383; RFC 9242; RFC 9370; RFC 9593.
  assert.equal(ExchangeType.IKE_SA_INIT, 34);
  assert.equal(nameOfExchange(43), "IKE_INTERMEDIATE");
  assert.equal(nameOfExchange(44), "IKE_FOLLOWUP_KE");
  assert.equal(PayloadType.EAP, 48);
  assert.equal(nameOfPayload(53), "SKF");
  assert.equal(NotifyType.CHILD_SA_NOT_FOUND, 44);
  assert.equal(NotifyType.NON_FIRST_FRAGMENTS_ALSO, 16395);
  assert.equal(NotifyType.IKEV2_FRAGMENTATION_SUPPORTED, 16430);
  assert.equal(NotifyType.SIGNATURE_HASH_ALGORITHMS, 16431);
  assert.equal(NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED, 16438);
  assert.equal(NotifyType.ADDITIONAL_KEY_EXCHANGE, 16441);
  assert.equal(NotifyType.SUPPORTED_AUTH_METHODS, 16443);
  assert.equal(nameOfNotify(14), "NO_PROPOSAL_CHOSEN");
  assert.equal(nameOfAuthMethod(AuthMethod.SHARED_KEY_MIC), "Shared Key Message Integrity Code");
  assert.equal(KeGroup.CURVE25519, 31);
});

Deno.test("status types lie without a gap from 16384 to 16447, errors below", () => {
  const values = Object.values(NotifyType);
  const status = values.filter((v) => !isErrorNotify(v)).sort((a, b) => a - b);
  assert.deepEqual(status, Array.from({ length: 64 }, (_, i) => 16384 + i));
  assert.equal(values.length - status.length, 25);
});

Deno.test("the algorithms of crypto/ go by the same numbers and names", () => {
  for (const { id, name } of CIPHERS) assert.equal(nameOfEncr(id), name);
  for (const { id, name } of PRFS) assert.equal(nameOfPrf(id), name);
  for (const { id, name } of INTEGRITIES) assert.equal(nameOfInteg(id), name);
  for (const { group, name } of GROUPS) assert.equal(nameOfKeGroup(group), name);
  assert.equal(Encr.ENCR_AES_GCM_16 + Integ.AUTH_HMAC_SHA2_256_128 + Prf.PRF_HMAC_SHA2_256, 37);
});
