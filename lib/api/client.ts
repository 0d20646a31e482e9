/**
 * A client of the Test API: one connection of its own to a running test, plain or by TLS.
 * @module
 */
import { Buffer } from "node:buffer";
import { isIP } from "node:net";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import {
  type ChannelCredentials,
  type ClientReadableStream,
  credentials,
  logVerbosity,
  type ServiceError,
  setLogVerbosity,
  status,
} from "@grpc/grpc-js";
import {
  type EventFeed,
  serviceOf,
  type ShownEvent,
  shownEvent,
  type TestAnswer,
  type TestCall,
  type TestConnection,
  type TestRequest,
  type WantedEvents,
} from "@/api/connection.ts";
import { GrpcChannel } from "@/api/grpc_channel.ts";
import type { EventFilter } from "@/api/proto/api.ts";
import type { SummaryRespRead } from "@/api/proto/api_read.ts";
import { Refusal } from "@/api/refusal.ts";
import { TEST_SERVICE } from "@/api/typed_service.ts";
import { SetupError, systemWords } from "@/base/errors.ts";
import { reasonIn } from "@/api/unanswered.ts";

/** Paths of PEM files; the client uses TLS if one of them is given. */
export interface ClientTlsFiles {
  /**
   * The certificate authority that signed the server's certificate; without it, those that the
   * system trusts.
   */
  readonly ca?: string | undefined;
  /** The client's certificate, if the server asks for one. */
  readonly certificate?: string | undefined;
  /** Its private key. */
  readonly key?: string | undefined;
}

/** The names of the three files in error messages, such as the options of the command. */
export type ClientTlsNames = { readonly [K in keyof Required<ClientTlsFiles>]: string };

/** Longest wait for the answer of a call that the server answers from its memory. */
const ANSWER_MS = 30_000;
/** Longest wait for a rekey, which takes as long as the peer and all retransmissions to it. */
const REKEY_MS = 300_000;
/**
 * The server name of TLS when the server is given by its address, as RFC 6066 §3 allows only names.
 */
const NAME_OF_ADDRESS = "address.myikev2.invalid";

/** Names of the files when the caller gives none. */
const NO_NAMES: ClientTlsNames = { ca: "ca", certificate: "certificate", key: "key" };

/** A connection to the test at `address:port`; it is made when it is first needed. */
export class TestClient implements TestConnection {
  readonly place: string;
  readonly #channel: GrpcChannel;

  /**
   * `place` is `address:port`, with an IPv6 address in brackets; without `tls` the connection is
   * not encrypted.
   * @throws {SetupError} when `place` has another form, or a TLS file cannot be used.
   */
  constructor(place: string, tls: ClientTlsFiles = {}, names: ClientTlsNames = NO_NAMES) {
    const host = hostOf(place);
    setLogVerbosity(logVerbosity.NONE);
    this.place = place;
    const secure = Boolean(tls.ca || tls.certificate || tls.key);
    const channel = secure ? tlsChannel(host, tls, names) : credentials.createInsecure();
    this.#channel = new GrpcChannel(
      place,
      channel,
      secure && isIP(host) ? NAME_OF_ADDRESS : undefined,
    );
  }

  async call<M extends TestCall>(method: M, request: TestRequest<M> = {}): Promise<TestAnswer<M>> {
    const patience = method.startsWith("Rekey") ? REKEY_MS : ANSWER_MS;
    try {
      return await this.#channel.service(serviceOf(method)).call(method, request, patience);
    } catch (e) {
      throw e instanceof Refusal ? this.#failure(e) : e;
    }
  }

  events(wanted: WantedEvents, each: (event: ShownEvent) => void): EventFeed {
    const stream = this.#channel.service(TEST_SERVICE).stream("SubscrEvent", filterMessage(wanted));
    stream.on("data", (message) => each(shownEvent(message)));
    return {
      ended: this.#endOf(stream),
      change: async (other) => void await this.call("UpdateEventFilter", filterMessage(other)),
      close: () => stream.cancel(),
    };
  }

  async finalSummary(): Promise<SummaryRespRead | undefined> {
    const stream = this.#channel.service(TEST_SERVICE).stream("NotifyFinalResult", {});
    let summary: SummaryRespRead | undefined;
    stream.on("data", (message) => summary = message);
    await this.#endOf(stream).catch(() => {});
    return summary;
  }

  close(): void {
    this.#channel.close();
  }

  #endOf(stream: ClientReadableStream<unknown>): Promise<void> {
    return new Promise((resolve, reject) => {
      stream.on("end", resolve);
      stream.on("error", (error: ServiceError) => {
        if (error.code === status.CANCELLED) resolve();
        else reject(this.#failure(error));
      });
    });
  }

  #failure({ code, details }: { readonly code: status; readonly details: string }): Refusal {
    if (code === status.UNAVAILABLE) {
      return new Refusal(code, `No test answers at ${this.place}: ${reasonIn(details)}`);
    }
    if (code === status.DEADLINE_EXCEEDED) {
      return new Refusal(code, `The test at ${this.place} does not answer in time`);
    }
    return new Refusal(code, details || (status[code] ?? `status ${code}`));
  }
}

function filterMessage({ level, keyword }: WantedEvents): EventFilter {
  return { Level: level, keyword };
}

/** The host of `host:port`. @throws {SetupError} */
function hostOf(place: string): string {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(place) ?? [];
  const host = bracketed ?? plain;
  const good = host !== undefined && Number(port) > 0 && Number(port) <= 65_535;
  if (good && (bracketed === undefined || isIP(bracketed) === 6)) return host;
  throw new SetupError(
    `Cannot connect to ${place}: expected address:port, an IPv6 address in brackets`,
  );
}

/**
 * Credentials by which the server's certificate is verified for `host`, an address or a name.
 * @throws {SetupError}
 */
function tlsChannel(host: string, tls: ClientTlsFiles, names: ClientTlsNames): ChannelCredentials {
  const { ca, certificate, key } = tls;
  if (key && !certificate) throw new SetupError(`${names.key} needs ${names.certificate}`);
  if (certificate && !key) throw new SetupError(`${names.certificate} needs ${names.key}`);
  const [roots, chain, secret] = [
    ca ? readPem(ca, names.ca, /CERTIFICATE/) : null,
    certificate ? readPem(certificate, names.certificate, /CERTIFICATE/) : null,
    key ? readPem(key, names.key, /PRIVATE KEY/) : null,
  ];
  try {
    return credentials.createSsl(roots, secret, chain, {
      checkServerIdentity: (_: string, cert: PeerCertificate) => checkServerIdentity(host, cert),
    });
  } catch (e) {
    const files = [ca, certificate, key].filter(Boolean).join(", ");
    throw new SetupError(`Cannot use TLS with ${files}: ${systemWords(e)}`);
  }
}

function readPem(path: string, option: string, kind: RegExp): Buffer {
  let pem: Buffer;
  try {
    pem = Buffer.from(Deno.readFileSync(path));
  } catch (e) {
    throw new SetupError(`Cannot read ${option} ${path}: ${systemWords(e)}`);
  }
  const block = new RegExp(`-----BEGIN (?:\\w+ )*?${kind.source}-----`);
  if (block.test(pem.toString("latin1"))) return pem;
  throw new SetupError(
    `Cannot use ${option} ${path}: it holds no PEM ${kind.source.toLowerCase()}`,
  );
}
