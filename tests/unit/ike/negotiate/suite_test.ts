import assert from "node:assert/strict";
import { portableBackend } from "@/crypto/portable.ts";
import { Encr } from "@/iana/encr.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { Prf } from "@/iana/prf.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import { TransformType as T } from "@/iana/transform_type.ts";
import { childSuiteOf, suiteOf } from "@/ike/negotiate/suite.ts";
import type { Choice } from "@/ike/records/choice.ts";

const crypto = portableBackend();

function ikeChoice(group: number, addke1: number): Choice {
  const transforms = [
    { type: T.ENCR, id: Encr.ENCR_AES_GCM_16, keyBits: 128 },
    { type: T.PRF, id: Prf.PRF_HMAC_SHA2_256 },
    { type: T.KE, id: group },
    { type: T.ADDKE1, id: addke1 },
  ];
  return { number: 1, protocol: ProtocolId.IKE, spi: new Uint8Array(0), transforms };
}

function childChoice(keyBits: number, esn: number): Choice {
  const transforms = [
    { type: T.ENCR, id: Encr.ENCR_AES_GCM_16, keyBits },
    { type: T.ESN, id: esn },
  ];
  return { number: 1, protocol: ProtocolId.ESP, spi: new Uint8Array(4), transforms };
}

Deno.test("SAs that agreed on the same algorithms share one record of them, and others do not", () => {
  const suite = suiteOf(crypto, ikeChoice(KeGroup.CURVE25519, 36));
  assert.equal(suiteOf(crypto, ikeChoice(KeGroup.CURVE25519, 36)), suite);
  assert.deepEqual(suite.additional, [36]);
  assert.equal(suiteOf(crypto, ikeChoice(KeGroup.CURVE448, 36)).group, KeGroup.CURVE448);
  assert.deepEqual(suiteOf(crypto, ikeChoice(KeGroup.CURVE25519, 37)).additional, [37]);
  assert.deepEqual(suiteOf(crypto, ikeChoice(KeGroup.CURVE25519, 0)).additional, []);
});

Deno.test("so do CHILD_SAs", () => {
  const suite = childSuiteOf(crypto, childChoice(128, 1));
  assert.equal(childSuiteOf(crypto, childChoice(128, 1)), suite);
  assert.equal(childSuiteOf(crypto, childChoice(256, 1)).encryptionOctets, 36);
  assert.equal(childSuiteOf(crypto, childChoice(128, 0)).esn, false);
  assert.equal(suite.esn, true);
});

Deno.test("a peer that chooses ever other combinations does not fill the memory", () => {
  for (let method = 1; method < 1_000; method++) {
    suiteOf(crypto, ikeChoice(KeGroup.CURVE448, method));
  }
  const choice = ikeChoice(KeGroup.CURVE448, 1_000);
  assert.notEqual(suiteOf(crypto, choice), suiteOf(crypto, choice));
  assert.deepEqual(suiteOf(crypto, choice), suiteOf(crypto, choice));
});
