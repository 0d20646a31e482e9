/**
 * The differences between EAP-SIM, EAP-AKA and EAP-AKA′ in their common parts.
 * @module
 */
import { portableSha1, portableSha256 } from "@/crypto/portable_hash.ts";
import { usernameOf } from "@/eap/identity.ts";
import { primeReauthKeys, type ReauthInputs, reauthKeys } from "@/eap/sim/keys.ts";
import { EapType } from "@/iana/eap_type.ts";

/** One of the three methods. */
export interface SimVariant {
  /** EAP type. */
  readonly type: number;
  /** The name for users. */
  readonly name: string;
  /** First characters of usernames (RFC 4186 §4.2.1.6, RFC 4187 §4.1.1.6, RFC 9048 §3.4.2). */
  readonly digits: {
    readonly permanent: string;
    readonly pseudonym: string;
    readonly reauth: string;
  };
  /** The hash of AT_CHECKCODE (RFC 4187 §10.13, RFC 9048 §3.4.2). */
  hash(data: Uint8Array): Uint8Array;
  /** MSK and EMSK of a re-authentication. */
  reauthKeys(
    masterKey: Uint8Array,
    inputs: ReauthInputs,
  ): { readonly msk: Uint8Array; readonly emsk: Uint8Array };
}

/** EAP-SIM. */
export const SIM: SimVariant = {
  type: EapType.SIM,
  name: "EAP-SIM",
  digits: { permanent: "1", pseudonym: "3", reauth: "5" },
  hash: portableSha1,
  reauthKeys,
};

/** EAP-AKA. */
export const AKA: SimVariant = {
  type: EapType.AKA,
  name: "EAP-AKA",
  digits: { permanent: "0", pseudonym: "2", reauth: "4" },
  hash: portableSha1,
  reauthKeys,
};

/** EAP-AKA′. */
export const AKA_PRIME: SimVariant = {
  type: EapType.AKA_PRIME,
  name: "EAP-AKA'",
  digits: { permanent: "6", pseudonym: "7", reauth: "8" },
  hash: portableSha256,
  reauthKeys: primeReauthKeys,
};

/** `@realm` of an identity; empty if it has none. */
export function realmOf(identity: string): string {
  return identity.slice(usernameOf(identity).length);
}
