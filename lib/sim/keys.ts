/**
 * Key exchange for simulated worlds: pairs are drawn by the seed from a pool of the process, and
 * shared secrets are computed once. The secrets are real; only their computation is saved in most
 * worlds.
 * @module
 */
import { toHex } from "@/base/bytes.ts";
import { must, WireError } from "@/base/errors.ts";
import { SeededRandom } from "@/base/random.ts";
import {
  type CryptoBackend,
  type KeyExchange,
  type KeyExchangeAnswer,
  KeyExchangeError,
  type KeyPair,
} from "@/crypto/backend.ts";
import { SignatureError } from "@/crypto/signature.ts";
import { parseCertificate } from "@/pki/certificate.ts";
import { IssuedCredentials } from "@/pki/issuing.ts";
import { parseCrl } from "@/pki/crl.ts";
import { parseOcspResponse } from "@/pki/ocsp.ts";
import { validatePath } from "@/pki/validate.ts";
import { searchOn } from "@/ike/negotiate/puzzle.ts";
import type { ComputeJob, ComputeResult } from "@/ike/records/event.ts";

/** The time of day in every world: midnight of 2026-06-01, in milliseconds since 1970. */
export const WORLD_EPOCH_MS = Date.UTC(2026, 5, 1);
/** Number of pairs of each group in the pool. */
const PAIRS = 12;

/** The value of a computation that ends at once; others are not possible in a world. */
function atOnce<T>(value: T | Promise<T>): T {
  must(
    !(value instanceof Promise),
    "worlds sign with keys of Ed448 or P-224, which answer at once",
  );
  return value;
}

/** Performs compute jobs at once, with the same result in every run. */
export class WorldKeys {
  readonly #crypto: CryptoBackend;
  readonly #pairs = new Map<number, KeyPair[]>();
  readonly #secrets = new Map<string, Uint8Array>();
  readonly #answers = new Map<string, KeyExchangeAnswer>();

  readonly #issued: IssuedCredentials;

  constructor(crypto: CryptoBackend) {
    this.#crypto = crypto;
    const random = new SeededRandom(PAIRS);
    this.#issued = new IssuedCredentials(crypto, (count) => random.octets(count));
  }

  /** Performs a job; `random` selects pairs from the pool. */
  compute(job: ComputeJob, random: SeededRandom): ComputeResult {
    try {
      return this.#perform(job, random);
    } catch (e) {
      if (e instanceof SignatureError || e instanceof WireError) {
        return { op: "refused", why: e.message };
      }
      throw e;
    }
  }

  #perform(job: ComputeJob, random: SeededRandom): ComputeResult {
    const { signatures } = this.#crypto;
    switch (job.op) {
      case "sign": {
        const { key, scheme, data } = job;
        return { op: "sign", signature: atOnce(signatures.sign(key, scheme, data)) };
      }
      case "verify": {
        const { key, scheme, data, signature } = job;
        return { op: "verify", valid: atOnce(signatures.verify(key, scheme, data, signature)) };
      }
      case "issue": {
        const { authority, holder, withOcsp } = job;
        const nowMs = WORLD_EPOCH_MS;
        const credential = atOnce(this.#issued.credential(authority, holder, nowMs));
        const respond = () => this.#issued.response(authority, credential.certificate, nowMs);
        return { op: "issue", credential, ocsp: withOcsp ? [atOnce(respond())] : [] };
      }
      case "eap_start":
        return { op: "eap", answer: atOnce(job.server.start(job.identity)) };
      case "eap_step":
        return { op: "eap", answer: atOnce(job.end.step(job.octets)) };
      case "verify_chain": {
        const sent = job.certificates.filter((one) => one instanceof Uint8Array);
        must(sent.length === job.certificates.length, "nobody looks certificates up in a world");
        const [certificate, ...untrusted] = sent.map((der) => parseCertificate(der));
        const question = {
          certificate: certificate!,
          untrusted,
          store: job.trust,
          nowMs: WORLD_EPOCH_MS,
          revocation: job.revocation,
          purpose: job.purpose,
          receivedCrls: job.crls.map(parseCrl),
          receivedOcsp: job.ocsp.map(parseOcspResponse),
        };
        return { op: "verify_chain", verdict: atOnce(validatePath(question, this.#crypto)) };
      }
      case "solve_puzzle":
        return { op: "solve_puzzle", search: searchOn(this.#crypto, job.work) };
      case "ke_generate":
        return { op: "ke_generate", pair: this.generate(job.group, random) };
      case "ke_derive":
        return this.#derive(job.pair, job.peerPublic);
      case "ke_respond": {
        if (this.#exchangeOf(job.group).isKem) return this.#encapsulate(job, random);
        const pair = random.pick(this.#pool(job.group));
        const derived = this.#derive(pair, job.peerPublic);
        if (derived.op !== "ke_derive") return derived;
        return { op: "ke_respond", publicValue: pair.publicValue, shared: derived.shared };
      }
    }
  }

  /** A pair of the pool, for a scripted peer. */
  generate(group: number, random: SeededRandom): KeyPair {
    return random.pick(this.#pool(group));
  }

  /** The shared secret of a pair and a usable public value, for a scripted peer. */
  derive(pair: KeyPair, peerPublic: Uint8Array): Uint8Array {
    const result = this.#derive(pair, peerPublic);
    must(result.op === "ke_derive", "a public value that may be used");
    return result.shared;
  }

  #pool(group: number): KeyPair[] {
    let pool = this.#pairs.get(group);
    if (pool) return pool;
    const exchange = this.#exchangeOf(group);
    const random = new SeededRandom(group);
    pool = Array.from({ length: PAIRS }, () => {
      const pair = exchange.generate((count) => random.octets(count));
      must(!(pair instanceof Promise), "seeded key pairs are there at once");
      return pair;
    });
    this.#pairs.set(group, pool);
    return pool;
  }

  /** Encapsulates for a key; the secret is remembered for the decapsulation. */
  #encapsulate(
    { group, peerPublic }: Extract<ComputeJob, { op: "ke_respond" }>,
    random: SeededRandom,
  ): ComputeResult {
    const seed = random.below(PAIRS);
    const name = `${group} ${toHex(peerPublic)} answered by ${seed}`;
    let answer = this.#answers.get(name);
    if (!answer) {
      const source = new SeededRandom(seed);
      try {
        const given = this.#exchangeOf(group).respond(peerPublic, (count) => source.octets(count));
        must(!(given instanceof Promise), "seeded answers are there at once");
        answer = given;
      } catch (e) {
        if (e instanceof KeyExchangeError) return { op: "refused", why: e.message };
        throw e;
      }
      this.#answers.set(name, answer);
    }
    return { op: "ke_respond", ...answer };
  }

  #exchangeOf(group: number): KeyExchange {
    const exchange = this.#crypto.keyExchange(group);
    must(exchange !== undefined, `the world's backend has group ${group}`);
    return exchange;
  }

  #derive(pair: KeyPair, peerPublic: Uint8Array): ComputeResult {
    const name = `${pair.group} ${toHex(pair.publicValue)} ${toHex(peerPublic)}`;
    let shared = this.#secrets.get(name);
    if (!shared) {
      try {
        const derived = this.#crypto.keyExchange(pair.group)!.derive(pair, peerPublic);
        must(!(derived instanceof Promise), "secrets of seeded key pairs are there at once");
        shared = derived;
      } catch (e) {
        if (e instanceof KeyExchangeError) return { op: "refused", why: e.message };
        throw e;
      }
      this.#secrets.set(name, shared);
    }
    return { op: "ke_derive", shared };
  }
}
