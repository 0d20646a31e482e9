/**
 * TLS by the shim's libssl over memory, for the EAP methods that run inside TLS. `eap/` may not import this
 * room, nor this room `eap/`: the shape of {@linkcode openLibssl}'s result is the contract (`TlsEngine` of
 * `lib/eap/tls/engine.ts`).
 * @module
 */
import { must } from "@/base/errors.ts";
import { loadShim, type ShimSymbols } from "@/native/load.ts";

/** Flags of a TLS context. */
const SERVER = 1;
const ASKS_CERTIFICATE = 2;
/** The most octets of records, of plaintext and of text that one call returns. */
const OUT_OCTETS = 32 * 1024;
const PLAIN_OCTETS = 32 * 1024;
const TEXT_OCTETS = 512;
/** Result of a call of the shim when TLS has failed. */
const PEER_IS_WRONG = -2;
/** The most octets of records and plaintext of one connection in one step; more is treated as an attack. */
const STEP_OCTETS_MAX = 1 << 20;

/** See `TlsSettings`. */
interface Settings {
  readonly anchors: string;
  readonly certificate: string;
  readonly key: string;
  readonly versionMax: number;
  readonly serverName?: string | undefined;
}

/** See `TlsRole`. */
interface Role {
  readonly server: boolean;
  readonly asksCertificate: boolean;
}

/** TLS if the shim can be loaded; {@linkcode loadShim} says why it cannot. */
export function loadLibssl(): Libssl | undefined {
  const { symbols } = loadShim();
  return symbols && new Libssl(symbols);
}

/** Opens TLS connections, and caches the contexts made of PEM texts as long as their settings exist. */
export class Libssl {
  readonly #shim: ShimSymbols;
  readonly #contexts = new WeakMap<Settings, Map<number, Context>>();
  readonly #garbage: FinalizationRegistry<Deno.PointerObject>;

  constructor(shim: ShimSymbols) {
    this.#shim = shim;
    this.#garbage = new FinalizationRegistry((pointer) => shim.my_tls_context_free(pointer));
  }

  /** Opens a connection. @throws {Error} with a sentence if the PEM cannot be used. */
  open(role: Role, settings: Settings): LibsslSession {
    const context = this.#contextOf(role, settings);
    const name = new TextEncoder().encode(role.server ? "" : settings.serverName ?? "");
    const handle = this.#shim.my_tls_open(context.pointer, role.server ? 1 : 0, name, name.length);
    if (!handle) throw new Error(`Cannot open TLS for "${settings.serverName ?? ""}"`);
    return new LibsslSession(this.#shim, handle, context);
  }

  #contextOf({ server, asksCertificate }: Role, settings: Settings): Context {
    const flags = (server ? SERVER : 0) | (asksCertificate ? ASKS_CERTIFICATE : 0);
    let known = this.#contexts.get(settings);
    if (!known) this.#contexts.set(settings, known = new Map());
    const found = known.get(flags);
    if (found) return found;
    const context = { pointer: this.#newContext(flags, settings) };
    this.#garbage.register(context, context.pointer);
    known.set(flags, context);
    return context;
  }

  #newContext(flags: number, settings: Settings): Deno.PointerObject {
    const [anchors, chain, key] = [settings.anchors, settings.certificate, settings.key]
      .map((pem) => new TextEncoder().encode(pem));
    const text = new Uint8Array(TEXT_OCTETS);
    const octets = Uint32Array.of(TEXT_OCTETS);
    const pointer = this.#shim.my_tls_context(
      flags,
      settings.versionMax,
      anchors!,
      anchors!.length,
      chain!,
      chain!.length,
      key!,
      key!.length,
      text,
      octets,
    );
    if (pointer) return pointer;
    const words = new TextDecoder().decode(text.subarray(0, octets[0]));
    throw new Error(`Cannot use the PEM for TLS: ${words}`);
  }
}

/** A context of libssl, which exists as long as a connection or its settings refer to it. */
interface Context {
  readonly pointer: Deno.PointerObject;
}

/** Buffers for the results of calls, from which they are copied at once. */
const scratch = {
  out: new Uint8Array(OUT_OCTETS),
  plain: new Uint8Array(PLAIN_OCTETS),
  text: new Uint8Array(TEXT_OCTETS),
  found: new Uint32Array(5),
};

/** One TLS connection; `TlsSession` of `lib/eap/tls/engine.ts` describes each call. */
export class LibsslSession {
  readonly #shim: ShimSymbols;
  #handle: Deno.PointerObject | null;

  /** `context` is kept so that it is not freed before the connection. */
  constructor(shim: ShimSymbols, handle: Deno.PointerObject, readonly context: Context) {
    this.#shim = shim;
    this.#handle = handle;
  }

  /** Takes records of the other end; a client begins with none. */
  feed(records: Uint8Array): {
    readonly out: Uint8Array;
    readonly plaintext: Uint8Array;
    readonly established: boolean;
    readonly failure: string | undefined;
  } {
    const outs: Uint8Array[] = [];
    const plains: Uint8Array[] = [];
    const { out, plain, text, found } = scratch;
    let input = plainArray(records);
    let octets = 0;
    for (;;) {
      const result = this.#shim.my_tls_step(
        this.#open(),
        input,
        input.length,
        out,
        out.length,
        plain,
        plain.length,
        text,
        text.length,
        found,
      );
      const [sent = 0, received = 0, established = 0, more = 0, words = 0] = found;
      outs.push(out.slice(0, sent));
      plains.push(plain.slice(0, received));
      octets += sent + received;
      must(result === 0 || result === PEER_IS_WRONG, "libssl takes what it is given");
      const failed = result === PEER_IS_WRONG;
      const failure = failed ? new TextDecoder().decode(text.subarray(0, words)) : undefined;
      if (more === 0 || (failed && sent === 0) || octets > STEP_OCTETS_MAX) {
        const joined = { out: join(outs), plaintext: join(plains) };
        return { ...joined, established: established === 1, failure };
      }
      input = new Uint8Array(0);
    }
  }

  /** Encrypts application data; returns the records to send. */
  write(plaintext: Uint8Array): Uint8Array {
    const octets = plainArray(plaintext);
    must(
      this.#shim.my_tls_write(this.#open(), octets, octets.length) === octets.length,
      "libssl encrypts behind its handshake",
    );
    return this.feed(new Uint8Array(0)).out;
  }

  /** The version of TLS: 0x0303 or 0x0304. */
  version(): number {
    return this.#shim.my_tls_version(this.#open());
  }

  /** Exports keying material of this connection. */
  exportKey(label: string, context: Uint8Array | undefined, octets: number): Uint8Array {
    const name = new TextEncoder().encode(label);
    const key = new Uint8Array(octets);
    const bound = plainArray(context ?? new Uint8Array(0));
    const result = this.#shim.my_tls_export(
      this.#open(),
      name,
      name.length,
      bound,
      bound.length,
      context ? 1 : 0,
      key,
      key.length,
    );
    must(result === octets, "libssl exports behind its handshake");
    return key;
  }

  /** The subject of the other end's certificate. */
  peerSubject(): string | undefined {
    const text = new Uint8Array(TEXT_OCTETS);
    const octets = this.#shim.my_tls_peer(this.#open(), text, text.length);
    return octets > 0 ? new TextDecoder().decode(text.subarray(0, octets)) : undefined;
  }

  /** Frees the connection. Idempotent. */
  close(): void {
    if (this.#handle) this.#shim.my_tls_free(this.#handle);
    this.#handle = null;
  }

  #open(): Deno.PointerObject {
    must(this.#handle !== null, "a TLS connection that is not closed");
    return this.#handle;
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Narrows a type: this program makes no arrays of shared memory, which Deno's types exclude. */
function plainArray(octets: Uint8Array): Uint8Array<ArrayBuffer> {
  return octets as Uint8Array<ArrayBuffer>;
}
