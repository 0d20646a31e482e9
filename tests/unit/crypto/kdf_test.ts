import assert from "node:assert/strict";
import { concat, toHex } from "@/base/bytes.ts";
import { Prf } from "@/iana/prf.ts";
import { BACKENDS, hex } from "./_backends.ts";

interface KdfVector {
  readonly name: string;
  readonly prf: keyof typeof Prf;
  readonly key: string;
  readonly salt: string;
  readonly out: string;
}

interface Kdf {
  readonly skeyseed: readonly KdfVector[];
  readonly prfplus: readonly KdfVector[];
  readonly sha1_session: Readonly<Record<string, string>> & { readonly prf: keyof typeof Prf };
}

const kdf = JSON.parse(
  Deno.readTextFileSync(new URL("../../vectors/ikev2_kdf.json", import.meta.url)),
) as Kdf;

for (const backend of BACKENDS) {
  Deno.test(`${backend.name}: SKEYSEED = prf(Ni | Nr, g^ir) (RFC 7296 §2.14)`, () => {
    for (const v of kdf.skeyseed) {
      const prf = backend.prf(Prf[v.prf])!;
      assert.equal(toHex(prf.compute(hex(v.salt), hex(v.key))), v.out, v.name);
    }
  });

  Deno.test(`${backend.name}: prf+ of the published values (RFC 7296 §2.13)`, () => {
    for (const v of kdf.prfplus) {
      const prf = backend.prf(Prf[v.prf])!;
      assert.equal(toHex(prf.plus(hex(v.key), hex(v.salt), v.out.length / 2)), v.out, v.name);
    }
  });

  Deno.test(`${backend.name}: a session's keys from start to rekey, with SHA-1`, () => {
    const s = kdf.sha1_session;
    const prf = backend.prf(Prf[s.prf])!;
    const nonces = hex(s.nInit! + s.nResp!);
    const seed = concat(nonces, hex(s.spiInit! + s.spiResp!));
    const skeyseed = prf.compute(nonces, hex(s.gir!));
    assert.equal(toHex(skeyseed), s.sKeySeed);
    const keys = prf.plus(skeyseed, seed, s.derivedKeyingMaterial!.length / 2);
    assert.equal(toHex(keys), s.derivedKeyingMaterial);
    const skD = keys.subarray(0, prf.keyOctets);
    const child = prf.plus(skD, nonces, s.derivedKeyingMaterialChild!.length / 2);
    assert.equal(toHex(child), s.derivedKeyingMaterialChild);
    const pfsSeed = concat(hex(s.girNew!), nonces);
    const pfs = prf.plus(skD, pfsSeed, s.derivedKeyingMaterialDh!.length / 2);
    assert.equal(toHex(pfs), s.derivedKeyingMaterialDh);
    // RFC 7296 §2.18: SKEYSEED of the new IKE SA = prf(SK_d (old), g^ir (new) | Ni | Nr).
    assert.equal(toHex(prf.compute(skD, pfsSeed)), s.sKeySeedReKey);
  });
}
