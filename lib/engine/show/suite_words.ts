/**
 * The algorithms of SAs in one line, under their IANA names.
 * @module
 */
import { nameOfEncr } from "@/iana/encr.ts";
import { nameOfInteg } from "@/iana/integ.ts";
import { nameOfKeGroup } from "@/iana/ke_group.ts";
import { nameOfPrf } from "@/iana/prf.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";

/** `ENCR_AES_GCM_16-128, PRF_HMAC_SHA2_256, Curve25519`; empty before one is agreed. */
export function ikeSuiteWords({ suite }: IkeSa): string {
  if (!suite) return "";
  const { cipher, integrity, prf, group } = suite;
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
  if (!suite) return "";
  const { protocol, encryption, keyBits, integrity, esn } = suite;
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
