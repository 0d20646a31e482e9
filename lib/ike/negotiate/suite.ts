/**
 * Finds the algorithms of a backend for the transforms of an accepted proposal.
 * @module
 */
import { must } from "@/base/errors.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { TransformType } from "@/iana/transform_type.ts";
import { additionalMethods, chosenId, chosenKeyBits } from "@/ike/negotiate/proposal.ts";
import type { Choice } from "@/ike/records/choice.ts";
import type { IkeSuite } from "@/ike/records/suite.ts";

/**
 * The suite of an accepted proposal. As the check of the setup has refused algorithms that the backend lacks,
 * an unknown transform is a {@linkcode Bug}.
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
  const group = chosenId(choice, TransformType.KE);
  const additional = additionalMethods(choice);
  return { cipher, integrity, prf, group, additional };
}
