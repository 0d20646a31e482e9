/**
 * The trust store of this end, and a memory of certificates and verdicts, as thousands of tunnels send
 * the same few certificates.
 * @module
 */
import { concat, toHex } from "@/base/bytes.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { type Certificate, isSelfIssued, parseCertificate } from "@/pki/certificate.ts";
import { validatePath } from "@/pki/validate.ts";
import type { PathQuestion, PathVerdict, TrustStore } from "@/pki/verdict.ts";

/** The contents of a trust store; lists and responses may be missing. */
export interface TrustMaterial {
  /** All certificates of authorities that are there (`cadir`). */
  readonly authorities: readonly Certificate[];
  readonly crls?: TrustStore["crls"];
  readonly ocsp?: TrustStore["ocsp"];
}

/**
 * Makes a store of authorities. Self-issued ones are anchors, and so are those whose issuer is missing,
 * as the user has put them there in order to trust them; the others are intermediates.
 */
export function trustStoreOf({ authorities, crls = [], ocsp = [] }: TrustMaterial): TrustStore {
  const names = new Set(authorities.map(({ subject }) => subject.key));
  const isAnchor = (one: Certificate) => isSelfIssued(one) || !names.has(one.issuer.key);
  return {
    anchors: authorities.filter(isAnchor),
    intermediates: authorities.filter((one) => !isAnchor(one)),
    crls,
    ocsp,
  };
}

/** The most certificates, and the most verdicts, that are kept. */
const KEPT_MAX = 4096;
/** The time for which a refusal is kept; its cause may be removed. */
const REFUSAL_MS = 10_000;

/** A verdict, and the time in which it is valid. */
interface KeptVerdict {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly verdict: PathVerdict | Promise<PathVerdict>;
}

/** A bounded memory of certificates by their octets, and of verdicts by all inputs of the validation. */
export class PathMemory {
  readonly #certificates = new Map<string, Certificate>();
  readonly #verdicts = new Map<string, KeptVerdict>();
  /** Numbers of trust stores and of certificates of this memory, by which verdicts are found. */
  readonly #numbers = new WeakMap<TrustStore | Certificate, number>();
  #nextNumber = 0;

  /** The backend hashes certificates, and verifies the signatures of unknown ones. */
  constructor(readonly backend: CryptoBackend) {}

  /** Verdicts that are kept. */
  get size(): number {
    return this.#verdicts.size;
  }

  /**
   * The certificate of these octets. The same octets give the same record, so that its key is parsed once.
   * @throws {WireError} if it is malformed.
   */
  certificate(der: Uint8Array): Certificate {
    const key = toHex(this.backend.sha256(der));
    const known = this.#certificates.get(key);
    if (known) return known;
    // A view into a message would keep the whole message in memory.
    const made = parseCertificate(der.slice());
    keep(this.#certificates, key, made);
    return made;
  }

  /** As `validatePath`, but a verdict is kept until something that it relies on expires. */
  validate(question: PathQuestion): PathVerdict | Promise<PathVerdict> {
    const key = this.#keyOf(question);
    const { nowMs } = question;
    const known = this.#verdicts.get(key);
    if (known && nowMs >= known.fromMs && nowMs <= known.untilMs) return known.verdict;
    const verdict = validatePath(question, this.backend);
    if (!(verdict instanceof Promise)) {
      this.#keep(key, nowMs, verdict);
      return verdict;
    }
    // The same question waits for this answer meanwhile.
    keep(this.#verdicts, key, { fromMs: nowMs, untilMs: nowMs + REFUSAL_MS, verdict });
    return verdict.then((settled) => {
      this.#keep(key, nowMs, settled);
      return settled;
    }, (e) => {
      this.#verdicts.delete(key);
      throw e;
    });
  }

  #keep(key: string, nowMs: number, verdict: PathVerdict): void {
    const untilMs = verdict.accepted ? verdict.untilMs : nowMs + REFUSAL_MS;
    this.#verdicts.delete(key);
    keep(this.#verdicts, key, { fromMs: nowMs, untilMs, verdict });
  }

  /** All inputs of a verdict except the time, as one text. */
  #keyOf({ certificate, untrusted, store, ...rest }: PathQuestion): string {
    const { receivedCrls = [], receivedOcsp = [], revocation, purpose, policies } = rest;
    let key = `${this.#numberOf(store)} ${revocation} ${purpose} ${this.#numberOf(certificate)}`;
    for (const one of untrusted) key += ` ${this.#numberOf(one)}`;
    if (policies) key += ` ${JSON.stringify(policies)}`;
    if (receivedCrls.length === 0 && receivedOcsp.length === 0) return key;
    const received = [...receivedCrls, ...receivedOcsp].map(({ der }) => der);
    return `${key} ${receivedCrls.length} ${toHex(this.backend.sha256(concat(...received)))}`;
  }

  /** One number for one record: {@linkcode certificate} gives the same record for the same octets. */
  #numberOf(one: TrustStore | Certificate): number {
    let number = this.#numbers.get(one);
    if (number === undefined) this.#numbers.set(one, number = this.#nextNumber++);
    return number;
  }
}

/** Puts one in; the one that was put in first goes, where there are too many. */
function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.set(key, value);
  if (map.size <= KEPT_MAX) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    break;
  }
}
