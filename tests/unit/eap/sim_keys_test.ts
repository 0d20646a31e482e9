/** Published vectors: the generator of FIPS 186-2, and the four cases of RFC 9048 Appendix D. */
import assert from "node:assert/strict";
import { fromHex, toHex } from "@/base/bytes.ts";
import { akaPrimeKeys, fips186Prf, primeKeys } from "@/eap/sim/keys.ts";
import vectors from "../../vectors/eap_aka_prime.json" with { type: "json" };

const hex = (text: string) => fromHex(text.replaceAll(" ", ""))!;

/** NIST, "Examples of DSA" for FIPS 186-2 with change notice 1: w[0] and w[1] of this XKEY. */
Deno.test("the generator of FIPS 186-2 gives NIST's example", () => {
  const xkey = hex("bd029bbe 7f51960b cf9edb2b 61f06f0f eb5a38b6");
  assert.equal(
    toHex(fips186Prf(xkey, 40)),
    "2070b3223dba372fde1c0ffc7b2e3b498b260614" + "3c6c18bacb0f6c55babb13788e20d737a3275116",
  );
  assert.equal(toHex(fips186Prf(xkey, 10)), "2070b3223dba372fde1c");
  assert.equal(toHex(xkey), "bd029bbe7f51960bcf9edb2b61f06f0feb5a38b6");
});

for (const c of vectors.cases) {
  Deno.test(`RFC 9048 Appendix D, case ${c.case}`, () => {
    const inputs = { ck: hex(c.ck), ik: hex(c.ik), autn: hex(c.autn) };
    const { ckPrime, ikPrime } = primeKeys(inputs, new TextEncoder().encode(c.networkName));
    assert.equal(toHex(ckPrime), c.ckPrime);
    assert.equal(toHex(ikPrime), c.ikPrime);
    const keys = akaPrimeKeys(c.identity, ikPrime, ckPrime);
    assert.equal(toHex(keys.kEncr), c.kEncr);
    assert.equal(toHex(keys.kAut), c.kAut);
    assert.equal(toHex(keys.masterKey), c.kRe);
    assert.equal(toHex(keys.msk), c.msk);
    assert.equal(toHex(keys.emsk), c.emsk);
  });
}
