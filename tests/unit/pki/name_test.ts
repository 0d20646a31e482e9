import assert from "node:assert/strict";
import { der, derOid, derSequenceOf, Tag } from "@/base/der.ts";
import { WireError } from "@/base/errors.ts";
import {
  commonNameOf,
  encodeName,
  isWithin,
  type Name,
  parseName,
  sameName,
  showName,
} from "@/pki/name.ts";

const COUNTRY = "2.5.4.6";
const ORGANIZATION = "2.5.4.10";
const COMMON_NAME = "2.5.4.3";

function name(...attributes: [string, string][]): Name {
  return parseName(encodeName(attributes), "a name");
}

/** A name whose common name has the given ASN.1 string type. */
function typed(tag: number, octets: Uint8Array): Name {
  const attribute = derSequenceOf(derOid(COMMON_NAME), der(tag, octets));
  return parseName(derSequenceOf(der(Tag.SET, attribute)), "a name");
}

Deno.test("RFC 5280 §7.1: case, white space and string type make no difference", () => {
  const plain = name([COMMON_NAME, "Good CA"]);
  assert.ok(sameName(plain, name([COMMON_NAME, "  gOOD   ca "])));
  assert.ok(sameName(plain, typed(Tag.PRINTABLE_STRING, new TextEncoder().encode("Good CA"))));
  const bmp = Uint8Array.from([..."Good CA"].flatMap((c) => [0, c.charCodeAt(0)]));
  assert.ok(sameName(plain, typed(Tag.BMP_STRING, bmp)));
  const universal = Uint8Array.from([..."Good CA"].flatMap((c) => [0, 0, 0, c.charCodeAt(0)]));
  assert.ok(sameName(plain, typed(Tag.UNIVERSAL_STRING, universal)));
  assert.ok(sameName(name([COMMON_NAME, "Ströme"]), name([COMMON_NAME, "STRO\u0308ME"])));
  assert.ok(!sameName(plain, name([COMMON_NAME, "GoodCA"])));
  assert.ok(!sameName(plain, name([ORGANIZATION, "Good CA"])));
});

Deno.test("a value that contains the text of an attribute does not count as a second one", () => {
  const two = name([ORGANIZATION, "a"], [COMMON_NAME, "b"]);
  assert.ok(!sameName(two, name([ORGANIZATION, `a/${COMMON_NAME}=1:b`])));
  assert.ok(!sameName(two, name([COMMON_NAME, "b"], [ORGANIZATION, "a"])));
});

Deno.test("the order of attributes in a relative distinguished name makes no difference", () => {
  const attribute = (type: string, text: string) =>
    derSequenceOf(derOid(type), der(Tag.UTF8_STRING, new TextEncoder().encode(text)));
  const one = attribute(COMMON_NAME, "x");
  const other = attribute(ORGANIZATION, "y");
  const a = parseName(derSequenceOf(der(Tag.SET, one, other)), "a");
  const b = parseName(derSequenceOf(der(Tag.SET, other, one)), "b");
  assert.ok(sameName(a, b));
  assert.equal(showName(a), "CN=x+O=y");
});

Deno.test("a name is compared with a subtree, is shown, and gives its common name", () => {
  const base = name([COUNTRY, "US"], [ORGANIZATION, "Test"]);
  const below = name([COUNTRY, "us"], [ORGANIZATION, "TEST"], [COMMON_NAME, "a, b\u0007"]);
  assert.ok(isWithin(below, base) && isWithin(base, base) && !isWithin(base, below));
  assert.equal(showName(below), "C=us, O=TEST, CN=a\\, b?");
  assert.equal(commonNameOf(below), "a, b\u0007");
  assert.equal(commonNameOf(base), undefined);
  assert.ok(showName(name([COMMON_NAME, "x".repeat(5000)])).length < 500);
});

Deno.test("a name of ten thousand attributes, and an empty relative name, are refused", () => {
  const many = Array.from({ length: 10_000 }, (): [string, string] => [COMMON_NAME, "x"]);
  assert.throws(() => name(...many), WireError);
  assert.throws(() => parseName(derSequenceOf(der(Tag.SET)), "a name"), WireError);
});
