/**
 * The RADIUS client of a gateway. Each login has the interface of an EAP server, and one of
 * several RADIUS servers decides about it (RFC 3579). Requests are repeated (RFC 5080 §2.2.1); if a
 * server does not answer, the next one is asked. Every kind of failure of a server has a cause of
 * its own.
 * @module
 */
import { systemWords } from "@/base/errors.ts";
import type { RandomOctets } from "@/base/random.ts";
import type { EapAnswer, EapServer } from "@/eap/conversation.ts";
import { EapRefusal } from "@/eap/failure.ts";
import { identityText } from "@/eap/identity.ts";
import { encodeEap } from "@/eap/packet.ts";
import {
  accessRequest,
  judgeResponse,
  newRadiusLogin,
  type RadiusCause,
  radiusFailure,
  type RadiusLogin,
  type RadiusRequest,
} from "@/eap/radius/login.ts";
import type { RadiusAttributeValue } from "@/eap/radius/packet.ts";
import { EapCode, EapType } from "@/iana/eap_type.ts";
import { type RadiusAddress, RadiusSockets, showRadiusAddress } from "@/radius/sockets.ts";

/** The settings of a client. */
export interface RadiusClientSettings {
  /** The servers, the preferred one first. */
  readonly servers: readonly RadiusAddress[];
  readonly secret: Uint8Array;
  /** NAS-Identifier. */
  readonly nasIdentifier: string;
  readonly random: RandomOctets;
  /** The own address; absent: any. */
  readonly bind?: string;
  /** The number of transmissions of a request; absent: 4. */
  readonly tries?: number;
  /** Milliseconds until the first repetition, doubled for each further one; absent: 1,000. */
  readonly firstWaitMs?: number;
  /**
   * Whether a login begins with EAP-Start, so that the server asks for the identity; otherwise it
   * begins with the identity.
   */
  readonly sendStart: boolean;
}

const TRIES = 4;
const FIRST_WAIT_MS = 1_000;

interface Server {
  readonly name: string;
  readonly sockets: RadiusSockets;
}

/** Logins at RADIUS servers. */
export class RadiusClient {
  readonly #settings: RadiusClientSettings;
  readonly #servers: readonly Server[];
  /** Index of the server that answered last, which the next login asks first. */
  #preferred = 0;

  constructor(settings: RadiusClientSettings) {
    this.#settings = settings;
    this.#servers = settings.servers.map((address) => ({
      name: showRadiusAddress(address),
      sockets: new RadiusSockets(address, settings.bind ?? ""),
    }));
  }

  /**
   * Opens a login; `attributes` are added to all of its requests, such as the identifier of the
   * session.
   */
  open(attributes: readonly RadiusAttributeValue[]): EapServer {
    const login = new ClientLogin(this.#servers, this.#settings, {
      attributes,
      preferred: () => this.#preferred,
      prefer: (index) => this.#preferred = index,
    });
    return login;
  }

  /** The number of datagrams that came from other addresses or answered no request. */
  get strays(): number {
    return this.#servers.reduce((sum, { sockets }) => sum + sockets.strays, 0);
  }

  /** Ends all logins. */
  async close(): Promise<void> {
    await Promise.all(this.#servers.map(({ sockets }) => sockets.close()));
  }
}

/** The result of an exchange: an answer, or the reason why the server is not asked any more. */
type Exchanged =
  | { readonly kind: "answered"; readonly answer: EapAnswer }
  | { readonly kind: "given up"; readonly cause: RadiusCause; readonly why: string }
  /** The message of the peer cannot be carried in RADIUS, so that no server is asked. */
  | { readonly kind: "refused"; readonly why: string };

class ClientLogin implements EapServer {
  readonly #abort = new AbortController();
  #login: RadiusLogin | undefined;
  #sockets: RadiusSockets | undefined;

  constructor(
    readonly servers: readonly Server[],
    readonly settings: RadiusClientSettings,
    readonly order: {
      readonly attributes: readonly RadiusAttributeValue[];
      preferred(): number;
      prefer(index: number): void;
    },
  ) {}

  start(identity: string | undefined): Promise<EapAnswer> {
    const data = new TextEncoder().encode(identity ?? "");
    const known = identity !== undefined && !this.settings.sendStart;
    const { RESPONSE: code } = EapCode;
    const type = EapType.IDENTITY;
    const first = known ? encodeEap({ code, identifier: 0, type, data }) : new Uint8Array(0);
    return this.#begin(first, identity ?? "");
  }

  step(octets: Uint8Array): Promise<EapAnswer> {
    const identity = octets[4] === EapType.IDENTITY ? textOf(octets) : undefined;
    if (!this.#login) return this.#begin(octets, identity ?? "");
    if (identity !== undefined) this.#login.identity = identity;
    return this.#goOn(octets);
  }

  close(): void {
    this.#abort.abort();
  }

  /** Sends the first request to one server after the other, until one answers. */
  async #begin(eap: Uint8Array, identity: string): Promise<EapAnswer> {
    const { servers, settings, order } = this;
    const failures: EapAnswer[] = [];
    const first = order.preferred();
    for (let i = 0; i < servers.length; i++) {
      const index = (first + i) % servers.length;
      const { name, sockets } = servers[index]!;
      const { secret, nasIdentifier, random } = settings;
      const { attributes } = order;
      const login = newRadiusLogin(
        { server: name, secret, nasIdentifier, attributes, random },
        identity,
      );
      this.#login = login;
      this.#sockets = sockets;
      const exchanged = await this.#exchange(login, sockets, eap);
      if (exchanged.kind === "answered") {
        order.prefer(index);
        return exchanged.answer;
      }
      if (exchanged.kind === "refused") return notCarried(exchanged.why);
      failures.push(radiusFailure(login, exchanged.cause, { why: exchanged.why }));
    }
    return joined(failures);
  }

  async #goOn(eap: Uint8Array): Promise<EapAnswer> {
    const login = this.#login!;
    const exchanged = await this.#exchange(login, this.#sockets!, eap);
    if (exchanged.kind === "answered") return exchanged.answer;
    if (exchanged.kind === "refused") return notCarried(exchanged.why);
    return radiusFailure(login, exchanged.cause, { why: exchanged.why });
  }

  /** Sends a request until it is answered, or until it was sent as often as is allowed. */
  async #exchange(
    login: RadiusLogin,
    sockets: RadiusSockets,
    eap: Uint8Array,
  ): Promise<Exchanged> {
    const slot = sockets.slot();
    if (typeof slot === "string") return { kind: "given up", cause: "silent server", why: slot };
    const request = requestOf(login, slot.identifier, eap);
    if (typeof request === "string") {
      slot.free();
      return { kind: "refused", why: request };
    }
    let dropped: { readonly cause: RadiusCause | undefined; readonly why: string } | undefined;
    let answered: (answer: EapAnswer) => void = () => {};
    const answer = new Promise<EapAnswer>((resolve) => answered = resolve);
    slot.heard = (octets) => {
      const verdict = judgeResponse(login, request, octets);
      if (verdict.kind === "answer") answered(verdict.answer);
      else dropped = verdict;
    };
    const { tries = TRIES, firstWaitMs = FIRST_WAIT_MS } = this.settings;
    try {
      for (let n = 0; n < tries && !this.#abort.signal.aborted; n++) {
        const refused = await slot.send(request.octets).then(() => undefined, systemWords);
        if (refused !== undefined) dropped = { cause: undefined, why: `sending fails: ${refused}` };
        const got = await within(answer, firstWaitMs * 2 ** n, this.#abort.signal);
        if (got) return { kind: "answered", answer: got };
      }
    } finally {
      slot.free();
    }
    const silence = `no answer to ${tries} requests`;
    const why = dropped ? `${silence} that counts: ${dropped.why}` : silence;
    return { kind: "given up", cause: dropped?.cause ?? "silent server", why };
  }
}

/** The request, or the reason why it cannot be made. */
function requestOf(
  login: RadiusLogin,
  identifier: number,
  eap: Uint8Array,
): RadiusRequest | string {
  try {
    return accessRequest(login, identifier, eap);
  } catch (e) {
    if (e instanceof EapRefusal) return e.message;
    throw e;
  }
}

function notCarried(why: string): EapAnswer {
  return {
    kind: "failed",
    octets: undefined,
    cause: "malformed",
    why: `EAP fails: ${why}`,
    notes: [],
  };
}

/**
 * Joins the failures of all servers into one, with the cause of the first one and the sentences of
 * all.
 */
function joined(failures: readonly EapAnswer[]): EapAnswer {
  const [first] = failures;
  if (first?.kind !== "failed") {
    const why = "EAP fails: no RADIUS server is set (eapradiussvr)";
    return { kind: "failed", octets: undefined, cause: "silent server", why, notes: [] };
  }
  const words = failures.map((failure) => failure.kind === "failed" ? failure.why : "");
  return { ...first, why: words.join("; ") };
}

/**
 * The identity in an Identity Response; `undefined` if the packet is another one, or the identity
 * is not valid UTF-8.
 */
function textOf(octets: Uint8Array): string | undefined {
  try {
    return identityText(octets.subarray(5));
  } catch {
    return undefined; // the server judges what the peer says
  }
}

/** The value of a promise, or `undefined` if it is not resolved in time, or is aborted. */
function within<T>(
  promise: Promise<T>,
  waitMs: number,
  signal: AbortSignal,
): Promise<T | undefined> {
  return new Promise((resolve) => {
    const done = (value: T | undefined) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", giveUp);
      resolve(value);
    };
    const giveUp = () => done(undefined);
    const timer = setTimeout(giveUp, waitMs);
    signal.addEventListener("abort", giveUp);
    promise.then(done);
    if (signal.aborted) giveUp();
  });
}
