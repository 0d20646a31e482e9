/**
 * Finds the algorithms for the transforms of an accepted proposal. SAs that agreed on the same algorithms
 * share one record of them, as a test has one set of algorithms for all of its tunnels.
 * @module
 */
import { must } from "@/base/errors.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import { TransformType } from "@/iana/transform_type.ts";
import { additionalMethods, chosenId, chosenKeyBits } from "@/ike/negotiate/proposal.ts";
import type { ChildSuite } from "@/ike/records/child_suite.ts";
import type { Choice } from "@/ike/records/choice.ts";
import type { IkeAlgorithms } from "@/ike/records/config.ts";
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
  const suite = { cipher, integrity, prf, group, additional };
  return shared(listOf(IKE_SUITES, crypto), suite, sameIkeSuite);
}

/** The algorithms of a suite by their IANA numbers, as a ticket names them. */
export interface SuiteIds {
  readonly encryption: number;
  readonly keyBits: number;
  /** 0 with an AEAD cipher. */
  readonly integrity: number;
  readonly prf: number;
  readonly group: number;
  readonly additional: readonly number[];
}

/** The suite of these numbers; undefined where the backend lacks one, or they make no suite. */
export function suiteByIds(crypto: CryptoBackend, ids: SuiteIds): IkeSuite | undefined {
  const cipher = crypto.cipher(ids.encryption, ids.keyBits);
  const prf = crypto.prf(ids.prf);
  const integrity = ids.integrity === 0 ? undefined : crypto.integrity(ids.integrity);
  if (!cipher || !prf || (integrity !== undefined) === (cipher.icvOctets > 0)) return undefined;
  const suite = { cipher, integrity, prf, group: ids.group, additional: ids.additional };
  return shared(listOf(IKE_SUITES, crypto), suite, sameIkeSuite);
}

/** Whether a suite is one of those that are configured (RFC 5723 §5: its policy may have changed). */
export function isConfigured(suite: IkeSuite, algorithms: IkeAlgorithms): boolean {
  const { cipher, integrity, prf, group } = suite;
  const { encryption, groups } = algorithms;
  return encryption.some(({ id, keyBits }) => id === cipher.id && keyBits === cipher.keyBits) &&
    algorithms.prf.includes(prf.id) && groups.includes(group) &&
    (!integrity || algorithms.integrity.includes(integrity.id));
}

/** The same for a CHILD_SA. */
export function childSuiteOf(crypto: CryptoBackend, choice: Choice): ChildSuite {
  const encryption = choice.protocol === ProtocolId.ESP ? chosenId(choice, TransformType.ENCR) : 0;
  const keyBits = chosenKeyBits(choice);
  const integrity = chosenId(choice, TransformType.INTEG);
  const suite = {
    protocol: choice.protocol,
    encryption,
    keyBits,
    integrity,
    esn: chosenId(choice, TransformType.ESN) === 1,
    encryptionOctets: encryption ? crypto.cipher(encryption, keyBits)!.keyOctets : 0,
    integrityOctets: integrity ? crypto.integrity(integrity)!.keyOctets : 0,
  };
  return shared(listOf(CHILD_SUITES, crypto), suite, sameChildSuite);
}

/** The most suites of a kind that are shared: peers choose the combination. */
const SHARED_MAX = 32;
const IKE_SUITES = new WeakMap<CryptoBackend, IkeSuite[]>();
const CHILD_SUITES = new WeakMap<CryptoBackend, ChildSuite[]>();

function listOf<T>(lists: WeakMap<CryptoBackend, T[]>, crypto: CryptoBackend): T[] {
  let list = lists.get(crypto);
  if (!list) lists.set(crypto, list = []);
  return list;
}

/** The suite of the list that is equal to `suite`, or else this one, which is added while there is room. */
function shared<T>(list: T[], suite: T, isSame: (a: T, b: T) => boolean): T {
  for (const known of list) if (isSame(known, suite)) return known;
  if (list.length < SHARED_MAX) list.push(suite);
  return suite;
}

function sameIkeSuite(a: IkeSuite, b: IkeSuite): boolean {
  return a.cipher === b.cipher && a.integrity === b.integrity && a.prf === b.prf &&
    a.group === b.group && a.additional.length === b.additional.length &&
    a.additional.every((method, i) => method === b.additional[i]);
}

/** The lengths of keys follow from the algorithms. */
function sameChildSuite(a: ChildSuite, b: ChildSuite): boolean {
  return a.protocol === b.protocol && a.encryption === b.encryption && a.keyBits === b.keyBits &&
    a.integrity === b.integrity && a.esn === b.esn;
}
