/**
 * The subscriber of the rows with EAP-SIM, AKA and AKA': its keys, and its configuration in strongSwan and
 * hostapd. K and OPc are those of test set 1 of 3GPP TS 35.208 §4.3.
 * @module
 */
import { fromHex, toHex } from "@/base/bytes.ts";
import { gsmTriplet } from "@/eap/sim/milenage.ts";

/** The key of the subscriber, 32 hex digits. */
export const K = "465b5ce8b199b49faa5f0a2ee238a6bc";
/** OPc of Milenage, 32 hex digits. */
export const OPC = "cd63cb71954a9f4e48a5994e37a02baf";
/** The subscriber. */
export const IMSI = "232010000000000";

/** The identity of the subscriber; the first digit is that of the method (RFC 4187 §4.1.1.6). */
export function simIdentity(digit: "0" | "1" | "6"): string {
  return `${digit}${IMSI}@interop.test`;
}

const TRIPLET_COUNT = 9;

/** The file of strongSwan's plugin eap-sim-file: lines of identity, RAND, SRES and Kc. */
export const TRIPLETS: string = Array.from({ length: TRIPLET_COUNT }, (_, i) => {
  const rand = new Uint8Array(16).fill(i + 1);
  const { sres, kc } = gsmTriplet({ k: fromHex(K)!, opc: fromHex(OPC)! }, rand);
  return [simIdentity("1"), ...[rand, sres, kc].map(toHex)].join(",") + "\n";
}).join("");
