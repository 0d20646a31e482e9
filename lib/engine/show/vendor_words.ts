/**
 * Vendor IDs in words: as hex, with the name of those that are known. Those that are hashes of a text are
 * listed with it in the sources of strongSwan and libreswan; others are texts themselves, as Cisco's.
 * @module
 */
import { fromHex } from "@/base/bytes.ts";

/** Names by the hex with which a Vendor ID begins. */
const NAMES: readonly (readonly [hex: string, name: string])[] = [
  ["882fe56d6fd20dbc2251613b2ebe5beb", "strongSwan"],
  ["1e2b516905991c7d7c96fcbfb587e461", "MS NT5 ISAKMPOAKLEY"],
  ["fb1de3cdf341b7ea16b7e5be0855f120", "MS-Negotiation Discovery Capable"],
  ["26244d38eddb61b3172a36e3d0cfb819", "Vid-Initial-Contact"],
  ["e3a5966a76379fe707228231e5ce8652", "IKE CGA version 1"],
  ["4048b7d56ebce88525e7de7f00d6c2d3", "FRAGMENTATION"],
  ["12f5f28c457168a9702d9fe274cc", "CISCO-UNITY"],
  ["8299031757a36082c6a621de", "FortiGate"],
  ["f4ed19e0c114eb516faaac0ee37daf2807b4381f", "Check Point Firewall-1"],
];
/** Octets of which all are printable characters of ASCII. */
const PRINTABLE = /^[\x20-\x7e]{4,}$/;
/** Characters of hex and of a text that are shown. */
const SHOWN_MAX = 64;

/** The words for a Vendor ID in hex: `882fe56d… (strongSwan)`, `4f45… ("OE-Libreswan-5.2")`. */
export function vendorWords(hex: string): string {
  const shown = hex.length > SHOWN_MAX ? `${hex.slice(0, SHOWN_MAX)}…` : hex;
  const named = NAMES.find(([begins]) => hex.startsWith(begins));
  if (named) return `${shown} (${named[1]})`;
  const text = String.fromCharCode(...(fromHex(hex) ?? []));
  return PRINTABLE.test(text) ? `${shown} (${JSON.stringify(text)})` : shown;
}
