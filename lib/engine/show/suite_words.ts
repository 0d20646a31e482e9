/**
 * Describes the algorithms of an SA in one line, by their IANA names.
 * @module
 */
import { nameOfEncr } from "@/iana/encr.ts";
import { nameOfInteg } from "@/iana/integ.ts";
import { nameOfKeGroup } from "@/iana/ke_group.ts";
import { nameOfPrf } from "@/iana/prf.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import type { ChildSuite } from "@/ike/records/child_suite.ts";
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";
import type { IkeSuite } from "@/ike/records/suite.ts";

/** Descriptions of suites, as many SAs share one. */
const SAID = new WeakMap<IkeSuite | ChildSuite, string>();

function once<S extends IkeSuite | ChildSuite>(suite: S | undefined, say: (suite: S) => string) {
  if (!suite) return "";
  let words = SAID.get(suite);
  if (words === undefined) SAID.set(suite, words = say(suite));
  return words;
}

/** `ENCR_AES_GCM_16-128, PRF_HMAC_SHA2_256, Curve25519`; empty before one is agreed. */
export function ikeSuiteWords({ suite }: IkeSa): string {
  return once(suite, wordsOfIke);
}

function wordsOfIke({ cipher, integrity, prf, group }: IkeSuite): string {
  const names = [
    cipherWords(cipher.id, cipher.keyBits),
    ...(integrity ? [nameOfInteg(integrity.id)] : []),
    nameOfPrf(prf.id),
    nameOfKeGroup(group),
  ];
  return names.join(", ");
}

/** `ESP ENCR_AES_GCM_16-128`, `AH AUTH_HMAC_SHA2_256_128, ESN`; empty before one is agreed. */
export function childSuiteWords({ suite }: ChildSa): string {
  return once(suite, wordsOfChild);
}

function wordsOfChild({ protocol, encryption, keyBits, integrity, esn }: ChildSuite): string {
  const algorithms = [
    ...(encryption ? [cipherWords(encryption, keyBits)] : []),
    ...(integrity ? [nameOfInteg(integrity)] : []),
    ...(esn ? ["ESN"] : []),
  ];
  return `${protocol === ProtocolId.AH ? "AH" : "ESP"} ${algorithms.join(", ")}`;
}

function cipherWords(id: number, keyBits: number): string {
  return keyBits ? `${nameOfEncr(id)}-${keyBits}` : nameOfEncr(id);
}
