/**
 * IANA ikev2-parameters: IKEv2 Secure Password Methods.
 * @module
 */
import { nameIn } from "@/iana/registry.ts";

/** Method of SECURE_PASSWORD_METHODS, uint16 (RFC 6467 §3). */
export const SecurePasswordMethod = {
  PACE: 1,
  AUG_PAKE: 2,
  SECURE_PSK: 3,
} as const;

const NAMES: ReadonlyMap<number, string> = new Map([
  [SecurePasswordMethod.PACE, "PACE"],
  [SecurePasswordMethod.AUG_PAKE, "AugPAKE"],
  [SecurePasswordMethod.SECURE_PSK, "Secure PSK Authentication"],
]);

/** The name of a number, such as `PACE`, or `unknown(9)` if the registry has none. */
export function nameOfSecurePasswordMethod(value: number): string {
  return nameIn(NAMES, value);
}
