import assert from "node:assert/strict";
import { SetupError } from "@/base/errors.ts";
import { CIPHERS, GROUPS, INTEGRITIES, PRFS } from "@/crypto/algorithms.ts";
import { chooseBackend, missingFrom } from "@/crypto/choose.ts";
import type { NativeCrypto } from "@/crypto/native_backend.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { Encr } from "@/iana/encr.ts";
import { Integ } from "@/iana/integ.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { Prf } from "@/iana/prf.ts";

/** Bindings of a libcrypto without 3DES, MD5, AES-192-CCM and Brainpool; it computes nothing. */
function poorLibcrypto(): NativeCrypto {
  const lacks = (type: number, id: number, keyBits: number) =>
    type === 1 && id === Encr.ENCR_3DES ||
    type === 1 && id === Encr.ENCR_AES_CCM_8 && keyBits === 192 ||
    type === 2 && id === Prf.PRF_HMAC_MD5 ||
    type === 3 && id === Integ.AUTH_HMAC_MD5_96 ||
    type === 4 && id >= KeGroup.BRAINPOOL_P224R1 && id <= KeGroup.BRAINPOOL_P512R1;
  const fails = () => -1;
  return {
    has: (type, id, keyBits) => lacks(type, id, keyBits) ? 0 : 1,
    prf: fails,
    prfPlus: fails,
    mac: fails,
    seal: fails,
    open: fails,
    keGenerate: fails,
    keDerive: fails,
    keyLoad: fails,
    keyFree: fails,
    sign: fails,
    verify: fails,
    keyGenerate: () => Promise.resolve(-1),
    keyPublic: fails,
    sha1: fails,
    sha256: fails,
    random: fails,
  };
}

Deno.test("the wanted backend is chosen, and native by itself where it is there", async () => {
  const native = poorLibcrypto();
  assert.equal((await chooseBackend(undefined, "auto")).name, "portable");
  assert.equal((await chooseBackend(undefined, "portable")).name, "portable");
  assert.equal((await chooseBackend(native, "auto")).name, "native");
  assert.equal((await chooseBackend(native, "native")).name, "native");
  assert.equal((await chooseBackend(native, "portable")).name, "portable");
  await assert.rejects(chooseBackend(undefined, "native"), SetupError);
});

Deno.test("the portable backend lacks nothing of the tables", () => {
  const missing = missingFrom(portableBackend(), {
    encr: CIPHERS,
    prf: PRFS.map((m) => m.id),
    integ: INTEGRITIES.map((m) => m.id),
    groups: GROUPS.map((m) => m.group),
  });
  assert.deepEqual(missing, []);
});

Deno.test("what a backend lacks is named once, what it has is not", async () => {
  const missing = missingFrom(await chooseBackend(poorLibcrypto(), "auto"), {
    encr: [
      { id: Encr.ENCR_3DES, keyBits: 0 },
      { id: Encr.ENCR_AES_CCM_8, keyBits: 128 },
      { id: Encr.ENCR_AES_CCM_8, keyBits: 192 },
      { id: Encr.ENCR_AES_CBC, keyBits: 160 },
      { id: Encr.ENCR_3DES, keyBits: 0 },
    ],
    prf: [Prf.PRF_HMAC_MD5, Prf.PRF_HMAC_SHA1, Prf.PRF_HMAC_TIGER],
    integ: [Integ.NONE, Integ.AUTH_HMAC_MD5_96, Integ.AUTH_HMAC_SHA1_96],
    groups: [KeGroup.NONE, KeGroup.MODP_2048, KeGroup.BRAINPOOL_P256R1, 1024],
  });
  assert.deepEqual(missing, [
    "ENCR_3DES",
    "ENCR_AES_CCM_8 with a 192-bit key",
    "ENCR_AES_CBC with a 160-bit key",
    "PRF_HMAC_MD5",
    "PRF_HMAC_TIGER",
    "AUTH_HMAC_MD5_96",
    "brainpoolP256r1",
    "unknown(1024)",
  ]);
});
