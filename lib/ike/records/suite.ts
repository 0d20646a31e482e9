/**
 * The algorithms an IKE SA runs on, resolved from transforms to the backend's functions.
 * @module
 */
import { must } from "@/base/errors.ts";
import type { Cipher, CryptoBackend, Integrity, Prf } from "@/crypto/backend.ts";
import { TransformType } from "@/iana/transform_type.ts";
import {
  additionalMethods,
  type Choice,
  chosenId,
  chosenKeyBits,
} from "@/ike/negotiate/proposal.ts";

/** Negotiated algorithms of an IKE SA (RFC 7296 §3.3.2). */
export interface IkeSuite {
  readonly cipher: Cipher;
  /** Undefined with an AEAD cipher. */
  readonly integrity: Integrity | undefined;
  readonly prf: Prf;
  /** Transform Type 4 number. */
  readonly group: number;
  /** The methods of the additional key exchanges, in their order (RFC 9370); empty: none. */
  readonly additional: readonly number[];
}

/**
 * The suite of an accepted proposal. What a backend lacks was refused when the setup was checked, so
 * a transform of ours that it does not know is a Bug.
 */
export function suiteOf(crypto: CryptoBackend, choice: Choice): IkeSuite {
  const cipher = crypto.cipher(
    chosenId(choice, TransformType.ENCR),
    chosenKeyBits(choice),
  );
  const prf = crypto.prf(chosenId(choice, TransformType.PRF));
  const integrityId = chosenId(choice, TransformType.INTEG);
  const integrity = integrityId === 0 ? undefined : crypto.integrity(integrityId);
  must(cipher !== undefined && prf !== undefined, "the backend has what was proposed");
  must((integrity !== undefined) !== (cipher.icvOctets > 0), "integrity by one algorithm, once");
  const group = chosenId(choice, TransformType.KE), additional = additionalMethods(choice);
  return { cipher, integrity, prf, group, additional };
}
