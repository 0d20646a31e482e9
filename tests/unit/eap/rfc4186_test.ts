/** The exchange of RFC 4186 Appendix A: keys, the MAC of the response, and encrypted identities. */
import assert from "node:assert/strict";
import { fromHex, toHex } from "@/base/bytes.ts";
import {
  countedOctets,
  decodeSim,
  encodeAttributes,
  fixedAttribute,
} from "@/eap/sim/attributes.ts";
import { keysOfMasterKey, simMasterKey } from "@/eap/sim/keys.ts";
import { decrypted, encodeWithMac, encrypted, verifyMac } from "@/eap/sim/protection.ts";
import { SimAttributeType as At, SimSubtype } from "@/iana/eap_sim_aka.ts";
import { EapCode, EapType } from "@/iana/eap_type.ts";

const hex = (text: string) => fromHex(text.replaceAll(" ", ""))!;
const KCS = ["a0a1a2a3a4a5a6a7", "b0b1b2b3b4b5b6b7", "c0c1c2c3c4c5c6c7"].map(hex);
const SRES = hex("d1d2d3d4 e1e2e3e4 f1f2f3f4");
const NONCE_MT = hex("0123456789abcdeffedcba9876543210");
const VERSIONS = hex("0001");
const MK = simMasterKey("1244070100000001@eapsim.foo", KCS, {
  nonceMt: NONCE_MT,
  versions: VERSIONS,
  selected: 1,
});
const KEYS = keysOfMasterKey(MK);
const IV = hex("9e18b0c29a652263c06efb54dd00a895");
const ENCRYPTED = hex(
  "55f2939bbdb1b19ea1b47fc0b3e0be4cab2cf7372d98e3023c6bb92415723d58bad66ce084e101b60f535835" +
    "4bd4218278aea7bf2cbace33106aeddc625b0c1d5aa67a41739ae5b57950973fc7ff8301073c6f953150fc30" +
    "3ea152d1e10a2d1f4f5226daa1ee9005472252bdb3b71d6f0c3a3490316c46929871bd45cdfdbca6112f07f8" +
    "be717990d25f6dd7f2b7b320bf4d5a992e880331d729945aec75ae5d43c8eda5fe6233fcac494ee67a0d504d",
);

Deno.test("RFC 4186 A.5: the master key and the keys derived from it are right", () => {
  assert.equal(toHex(MK), "e576d5ca332e9930018bf1baee2763c795b3c712");
  assert.equal(toHex(KEYS.kEncr), "536e5ebc4465582aa6a8ec9986ebb620");
  assert.equal(toHex(KEYS.kAut), "25af1942efcbf4bc72b3943421f2a974");
  assert.equal(
    toHex(KEYS.msk),
    "39d45aeaf4e30601983e972b6cfd46d1c363773365690d09cd44976b525f47d3" +
      "a60a985e955c53b090b2e4b73719196a402542968fd14a888f46b9a7886e4488",
  );
  assert.equal(
    toHex(KEYS.emsk),
    "5949eab0fff69d52315c6c634fd14a7f0d52023d56f79698fa6596abeed4f93f" +
      "bb48eb534d985414ceed0d9a8ed33c387c9dfdab92ffbdf240fcecf65a2c93b9",
  );
});

Deno.test("RFC 4186 A.5: the identities for the next login are decrypted and encrypted", () => {
  const attributes = [fixedAttribute(At.AT_IV, IV), fixedAttribute(At.AT_ENCR_DATA, ENCRYPTED)];
  const inside = decrypted(attributes, KEYS.kEncr);
  const texts = inside.slice(0, 2).map((a) => new TextDecoder().decode(countedOctets(a)));
  assert.deepEqual(texts, [
    "w8w49PexCazWJ&xCIARmxuMKht5S1sxRDqXSEFBEg3DcZP9cIxTe5J4OyIwNGVzxeJOU1G",
    "Y24fNSrz8BP274jOJaF17WfxI8YO7QX00pMXk9XMMVOw7broaNhTczuFq53aEpOkk3L0dm@eapsim.foo",
  ]);
  assert.equal(inside[2]!.type, At.AT_PADDING);
  const again = encrypted(inside.slice(0, 2), KEYS.kEncr, IV);
  assert.equal(toHex(encodeAttributes(again)), toHex(encodeAttributes(attributes)));
});

Deno.test("RFC 4186 A.6: the MAC of the response covers SRES too", () => {
  const frame = { code: EapCode.RESPONSE, identifier: 2, type: EapType.SIM };
  const data = encodeWithMac(frame, {
    subtype: SimSubtype.SIM_CHALLENGE,
    attributes: [],
    kAut: KEYS.kAut,
    beside: SRES,
  });
  assert.equal(toHex(data), "0b0000" + "0b050000" + "f56d6433e68ed2976ac11937fc3d1154");
  const message = decodeSim(data);
  const { kAut } = KEYS;
  verifyMac(frame, data, { message, kAut, beside: SRES });
  assert.throws(() => verifyMac(frame, data, { message, kAut }), /AT_MAC is wrong/);
});
