/**
 * Looks up certificates of which a peer only sends the URL and the SHA-1 (RFC 7296 §3.6): in a directory by
 * their hash, or else at the URL by HTTP. As the URL comes from a stranger, time, octets and number of
 * requests are bounded, no redirection is followed, and only octets with the hash are accepted.
 * @module
 */
import { toHex } from "@/base/bytes.ts";
import { systemWords, WireError } from "@/base/errors.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import type { CertificateLookup, HashAndUrl } from "@/pki/received.ts";

/** The most octets of a certificate, and of a bundle. */
const CERTIFICATE_OCTETS_MAX = 65_535;
const BUNDLE_OCTETS_MAX = 262_144;
/** The longest time of one request, until its last octet, in milliseconds. */
const REQUEST_MS_MAX = 5_000;
/** The most requests at a time, and the most that wait. */
const REQUESTS_MAX = 8;
const WAITING_MAX = 256;
/** The most certificates and bundles that are kept by their hash. */
const KEPT_MAX = 256;

/** Where certificates are looked up. */
export interface LookupMeans {
  readonly crypto: CryptoBackend;
  /** The content of the files of a directory. */
  readonly files: readonly Uint8Array[];
  /** Whether certificates that are in no file are fetched. */
  readonly http: boolean;
  /** The longest time of one request, in milliseconds; absent: 5,000. */
  readonly requestMsMax?: number;
}

/** A bounded lookup, which keeps its results by their hash. */
export class HashLookup implements CertificateLookup {
  readonly #means: LookupMeans;
  readonly #files = new Map<string, Uint8Array>();
  readonly #fetched = new Map<string, Uint8Array>();
  readonly #pending = new Map<string, Promise<Uint8Array>>();
  readonly #waiting: (() => void)[] = [];
  readonly #end = new AbortController();
  #running = 0;

  constructor(means: LookupMeans) {
    this.#means = means;
    for (const file of means.files) this.#files.set(toHex(means.crypto.sha1(file)), file);
  }

  find(address: HashAndUrl): Uint8Array | Promise<Uint8Array> {
    const key = toHex(address.hash);
    const known = this.#files.get(key) ?? this.#fetched.get(key);
    if (known) return known;
    if (!this.#means.http) {
      throw new WireError(`Cannot find what ${address.url} names: no file of certlookupdir has it`);
    }
    // The URL is a part of the key, as another URL may answer when this one does not.
    const request = `${key} ${address.url}`;
    const pending = this.#pending.get(request);
    if (pending) return pending;
    const answer = this.#fetch(address).finally(() => this.#pending.delete(request));
    this.#pending.set(request, answer);
    return answer;
  }

  /** Ends all requests. */
  close(): void {
    this.#end.abort();
    for (const go of this.#waiting.splice(0)) go();
  }

  async #fetch(address: HashAndUrl): Promise<Uint8Array> {
    await this.#turn();
    try {
      const octets = await this.#get(address);
      // Only octets with the right hash are kept; the caller refuses others.
      if (toHex(this.#means.crypto.sha1(octets)) === toHex(address.hash)) {
        this.#fetched.set(toHex(address.hash), octets);
        if (this.#fetched.size > KEPT_MAX) {
          this.#fetched.delete(this.#fetched.keys().next().value!);
        }
      }
      return octets;
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  /** Waits until a request may begin. */
  async #turn(): Promise<void> {
    if (this.#running >= REQUESTS_MAX) {
      if (this.#waiting.length >= WAITING_MAX) {
        throw new WireError(`Cannot look up a certificate, ${WAITING_MAX} others wait for it`);
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#running++;
  }

  async #get({ url, isBundle }: HashAndUrl): Promise<Uint8Array> {
    const cannot = (why: string) => new WireError(`Cannot fetch ${url}: ${why}`);
    const { requestMsMax = REQUEST_MS_MAX } = this.#means;
    const signal = AbortSignal.any([this.#end.signal, AbortSignal.timeout(requestMsMax)]);
    try {
      const response = await fetch(url, { signal, redirect: "manual" });
      if (response.status !== 200) {
        await response.body?.cancel();
        throw cannot(`the server answers ${response.status}`);
      }
      const max = isBundle ? BUNDLE_OCTETS_MAX : CERTIFICATE_OCTETS_MAX;
      const octets = await bodyOf(response, max);
      if (!octets) throw cannot(`it has more than ${max} octets`);
      return octets;
    } catch (e) {
      if (e instanceof WireError) throw e;
      if (this.#end.signal.aborted) throw cannot("the test has ended");
      if (signal.aborted) throw cannot(`no answer within ${requestMsMax} ms`);
      throw cannot(systemWords(e));
    }
  }
}

/** The octets of a response; undefined if there are too many. */
async function bodyOf({ body }: Response, max: number): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body ?? []) {
    length += part.length;
    // Leaving the loop cancels the rest.
    if (length > max) return undefined;
    parts.push(part);
  }
  const octets = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    octets.set(part, at);
    at += part.length;
  }
  return octets;
}
