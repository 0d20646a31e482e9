/**
 * Key material: SKEYSEED and the seven keys of an IKE SA (RFC 7296 §2.14), and the keys of a CHILD_SA
 * (§2.17).
 * @module
 */
import { concat, Writer } from "@/base/bytes.ts";
import { messageOctets, stateCopy } from "@/base/octets.ts";
import type { Prf } from "@/crypto/backend.ts";
import type { ChildSuite } from "@/ike/records/child_suite.ts";
import type { Identity } from "@/ike/records/config.ts";
import type { IkeSuite } from "@/ike/records/suite.ts";

/** Octets of an ID payload's body before its data. */
const ID_HEADER_OCTETS = 4;
/** Octets of an IKE SPI. */
const SPI_OCTETS = 8;

/** The results of IKE_SA_INIT from which keys are derived. */
export interface KeyInputs {
  readonly nonceI: Uint8Array;
  readonly nonceR: Uint8Array;
  /** uint64. */
  readonly spiI: bigint;
  /** uint64. */
  readonly spiR: bigint;
  /** g^ir, as long as the group's modulus or coordinate. */
  readonly shared: Uint8Array;
  /** The shared secrets of additional key exchanges of a rekey, in their order (RFC 9370); absent: none. */
  readonly additional?: readonly Uint8Array[];
}

/** The seven keys as views of one buffer. */
export interface IkeKeys {
  readonly d: Uint8Array;
  readonly ai: Uint8Array;
  readonly ar: Uint8Array;
  readonly ei: Uint8Array;
  readonly er: Uint8Array;
  readonly pi: Uint8Array;
  readonly pr: Uint8Array;
}

/** SK_d ‖ SK_ai ‖ SK_ar ‖ SK_ei ‖ SK_er ‖ SK_pi ‖ SK_pr (RFC 7296 §2.14). */
export function deriveIkeKeys(suite: IkeSuite, inputs: KeyInputs): Uint8Array {
  const { nonceI, nonceR, spiI, spiR, shared } = inputs;
  const skeyseed = suite.prf.compute(skeyseedKey(suite.prf, nonceI, nonceR), shared);
  const seed = concat(nonceI, nonceR, spiOctets(spiI), spiOctets(spiR));
  return stateCopy(suite.prf.plus(skeyseed, seed, keyOctets(suite)));
}

/**
 * The keys of an IKE SA that replaces another: SKEYSEED = prf(SK_d of the old, g^ir (new) ‖ Ni ‖ Nr)
 * with the prf of the old, all else with that of the new (RFC 7296 §2.18). The secrets of additional
 * key exchanges follow in their order: … ‖ SK(1) ‖ … ‖ SK(n) (RFC 9370 §2.2.4).
 */
export function rekeyIkeKeys(
  old: { readonly suite: IkeSuite; readonly skD: Uint8Array },
  suite: IkeSuite,
  inputs: KeyInputs,
): Uint8Array {
  const { nonceI, nonceR, spiI, spiR, shared, additional = [] } = inputs;
  const secrets = concat(shared, nonceI, nonceR, ...additional);
  const skeyseed = old.suite.prf.compute(old.skD, secrets);
  const seed = concat(nonceI, nonceR, spiOctets(spiI), spiOctets(spiR));
  return stateCopy(suite.prf.plus(skeyseed, seed, keyOctets(suite)));
}

const RESUMPTION = new TextEncoder().encode("Resumption");

/**
 * The keys of an IKE SA that is resumed by a ticket (RFC 5723 §5.1): SKEYSEED = prf(SK_d_old, "Resumption" ‖
 * Ni ‖ Nr), all else as in IKE_SA_INIT, by the prf of the ticket.
 */
export function resumedIkeKeys(
  suite: IkeSuite,
  skD: Uint8Array,
  { nonceI, nonceR, spiI, spiR }: Omit<KeyInputs, "shared">,
): Uint8Array {
  const skeyseed = suite.prf.compute(skD, concat(RESUMPTION, nonceI, nonceR));
  const seed = concat(nonceI, nonceR, spiOctets(spiI), spiOctets(spiR));
  return suite.prf.plus(skeyseed, seed, keyOctets(suite));
}

/**
 * The keys that follow an additional key exchange in IKE_INTERMEDIATE (RFC 9370 §2.2.2):
 * SKEYSEED(n) = prf(SK_d(n-1), SK(n) ‖ Ni ‖ Nr), all else as in IKE_SA_INIT. `inputs.shared` is
 * SK(n), the secret of that exchange.
 */
export function nextIkeKeys(suite: IkeSuite, skD: Uint8Array, inputs: KeyInputs): Uint8Array {
  return rekeyIkeKeys({ suite, skD }, suite, inputs);
}

/**
 * Mixes a post-quantum pre-shared key into the keys of an IKE SA (RFC 8784 §3): SK_d, SK_pi and SK_pr
 * become prf+(PPK, SK_d), prf+(PPK, SK_pi) and prf+(PPK, SK_pr), each as long as it was. The other
 * four keys stay, so that messages go on under them.
 */
export function mixPpk(suite: IkeSuite, keys: Uint8Array, ppk: Uint8Array): Uint8Array {
  const { prf } = suite;
  const mixed = stateCopy(keys);
  const views = ikeKeys(suite, mixed);
  for (const key of [views.d, views.pi, views.pr]) key.set(prf.plus(ppk, key, key.length));
  return mixed;
}

/**
 * The keys that follow a PPK in IKE_INTERMEDIATE (RFC 9867 §3.1): SKEYSEED' = prf+(PPK, SK_d), as long as
 * a key of the prf, and all seven keys anew as in IKE_SA_INIT.
 */
export function ppkIkeKeys(
  suite: IkeSuite,
  keys: Uint8Array,
  { nonceI, nonceR, spiI, spiR, ppk }: Omit<KeyInputs, "shared"> & { readonly ppk: Uint8Array },
): Uint8Array {
  const { prf } = suite;
  const { d } = ikeKeys(suite, keys);
  const skeyseed = prf.plus(ppk, d, prf.keyOctets);
  const seed = concat(nonceI, nonceR, spiOctets(spiI), spiOctets(spiR));
  return stateCopy(prf.plus(skeyseed, seed, keyOctets(suite)));
}

/** Ni ‖ Nr; of each only the first half of the key where the prf's key has one length (§2.14). */
export function skeyseedKey(prf: Prf, nonceI: Uint8Array, nonceR: Uint8Array): Uint8Array {
  if (!prf.fixedKey) return concat(nonceI, nonceR);
  const half = prf.keyOctets / 2;
  return concat(nonceI.subarray(0, half), nonceR.subarray(0, half));
}

function keyOctets(suite: IkeSuite): number {
  const a = suite.integrity?.keyOctets ?? 0;
  return 3 * suite.prf.keyOctets + 2 * a + 2 * suite.cipher.keyOctets;
}

/** Views of the keys of {@linkcode deriveIkeKeys}, each made when it is read. */
export function ikeKeys(suite: IkeSuite, keys: Uint8Array): IkeKeys {
  return new KeyViews(suite, keys);
}

class KeyViews implements IkeKeys {
  readonly #keys: Uint8Array;
  readonly #p: number;
  readonly #a: number;
  readonly #e: number;

  constructor(suite: IkeSuite, keys: Uint8Array) {
    this.#keys = keys;
    this.#p = suite.prf.keyOctets;
    this.#a = suite.integrity?.keyOctets ?? 0;
    this.#e = suite.cipher.keyOctets;
  }
  get d(): Uint8Array {
    return this.#keys.subarray(0, this.#p);
  }
  get ai(): Uint8Array {
    return this.#view(this.#p, this.#a);
  }
  get ar(): Uint8Array {
    return this.#view(this.#p + this.#a, this.#a);
  }
  get ei(): Uint8Array {
    return this.#view(this.#p + 2 * this.#a, this.#e);
  }
  get er(): Uint8Array {
    return this.#view(this.#p + 2 * this.#a + this.#e, this.#e);
  }
  get pi(): Uint8Array {
    return this.#view(this.#p + 2 * (this.#a + this.#e), this.#p);
  }
  get pr(): Uint8Array {
    return this.#view(2 * (this.#p + this.#a + this.#e), this.#p);
  }

  #view(at: number, octets: number): Uint8Array {
    return this.#keys.subarray(at, at + octets);
  }
}

/**
 * SK_ei ‖ SK_ai ‖ SK_er ‖ SK_ar of a CHILD_SA: prf+(SK_d, Ni ‖ Nr) (RFC 7296 §2.17); `shared` is
 * g^ir (new) of an exchange with a KE payload of its own, and `additional` are the secrets of the
 * key exchanges that followed it, in their order (RFC 9370 §2.2.4).
 */
export function deriveChildKeys(
  prf: Prf,
  skD: Uint8Array,
  inputs: {
    readonly nonceI: Uint8Array;
    readonly nonceR: Uint8Array;
    readonly shared?: Uint8Array;
    readonly additional?: readonly Uint8Array[];
    readonly suite: ChildSuite;
  },
): Uint8Array {
  const { nonceI, nonceR, shared, additional = [], suite } = inputs;
  const nonces = concat(nonceI, nonceR);
  const seed = shared ? concat(shared, nonces, ...additional) : nonces;
  return stateCopy(prf.plus(skD, seed, 2 * (suite.encryptionOctets + suite.integrityOctets)));
}

/** The body of an ID payload as it is on the wire: ID Type, three reserved octets, data (RFC 7296 §3.5). */
export function identityBody({ idType, data, reserved = 0 }: Identity): Uint8Array {
  const body = messageOctets(ID_HEADER_OCTETS + data.length);
  body[0] = idType;
  body[1] = reserved >>> 16;
  body[2] = reserved >>> 8;
  body[3] = reserved;
  body.set(data, ID_HEADER_OCTETS);
  return body;
}

/** The SPI of an IKE SA as eight octets. */
export function spiOctets(spi: bigint): Uint8Array {
  return new Writer(SPI_OCTETS).u64(spi).done();
}
