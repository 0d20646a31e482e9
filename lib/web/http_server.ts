/**
 * The web server of a run or a daemon: answers GET and HEAD at a few paths, over HTTP/1.1 or HTTPS. Whoever
 * connects has a bounded number of connections, a bounded time to ask, and a bounded amount of what waits to be sent.
 * @module
 */
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import tls from "node:tls";
import { isLoopback, type TrustRules } from "@/api/caller.ts";
import type { TlsPems } from "@/api/credentials.ts";
import { listenAt, type Listening } from "@/api/socket_listener.ts";
import { parseAddress } from "@/base/address.ts";
import { forward } from "@/web/forward.ts";
import type { Upstream } from "@/web/instance_row.ts";

/** What is answered at one path. */
export interface Page {
  /** With its character set. */
  readonly type: string;
  readonly body: string;
}

/** A stream of server-sent events that is open. */
export interface EventStream {
  /** Sends one event; false where so much waits already that it was not taken. */
  send(event: string, data: string): boolean;
  end(): void;
}

/** What a server has to offer. */
export interface Routes {
  readonly pages: Readonly<Record<string, () => Promise<Page>>>;
  /** Streams by path; the function that is returned is called when the stream has ended. */
  readonly streams: Readonly<Record<string, (stream: EventStream) => () => void>>;
  /** What is at other paths. */
  readonly others?: Others;
}

/** Pages at paths that come and go. */
export interface Others {
  /** How these paths look, for whoever asks for another one. */
  readonly shape: string;
  /** What is at a path; undefined: nothing. */
  readonly at: (path: string) => OtherPage | undefined;
}

/** A page of this server, or that of another one, whose path `events` is a stream. */
export type OtherPage =
  | { readonly kind: "page"; readonly page: () => Promise<Page> }
  | { readonly kind: "forward"; readonly upstream: Upstream; readonly isStream: boolean };

/** Where and how a web server listens. */
export interface WebServerOptions {
  /** In words; 0.0.0.0 and :: are all addresses. */
  readonly address: string;
  /** 0: a free one. */
  readonly port: number;
  /** Undefined: plain HTTP. */
  readonly tls: TlsPems | undefined;
  readonly trust: TrustRules;
}

/** A web server that listens. */
export interface WebServer {
  /** Where its first page is. */
  readonly url: string;
  readonly port: number;
  /** Resolves when what was sent has left, at the latest after 2 s, and closes all connections. */
  close(): Promise<void>;
}

/** How long a connection may take to ask and to read its answer, where that is no stream. */
const CONNECTION_MS_MAX = 30_000;
/** Octets that may wait for a watcher who does not read. */
const WAITING_OCTETS_MAX = 1 << 20;
/** How long a watcher may leave them waiting. */
const STALLED_MS_MAX = 30_000;
/** Streams that are open at once. */
const STREAMS_MAX = 32;
const CLOSE_MS_MAX = 2_000;

const HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** Begins to listen. @throws {SetupError} naming `--web` where it cannot. */
export async function serveWeb(options: WebServerOptions, routes: Routes): Promise<WebServer> {
  const { address, port, trust } = options;
  const web = new Web(options, routes);
  const names = { addressName: "--web", portName: "the port of --web" };
  const listening = await listenAt({ address, port, trust, ...names }, (s) => web.take(s));
  const host = address.includes(":") ? `[${address}]` : address;
  const scheme = options.tls ? "https" : "http";
  return {
    url: `${scheme}://${host}:${listening.port}/`,
    port: listening.port,
    close: () => web.close(listening),
  };
}

class Web {
  readonly #routes: Routes;
  readonly #http: http.Server;
  readonly #tls: tls.Server | undefined;
  readonly #isLoopback: boolean;
  /** Open connections, each with the timer that closes it. */
  readonly #sockets = new Map<Socket, ReturnType<typeof setTimeout>>();
  #streams = 0;

  constructor({ address, tls: pems }: WebServerOptions, routes: Routes) {
    this.#routes = routes;
    this.#isLoopback = isLoopback(`${address}:0`);
    this.#http = http.createServer((request, response) => void this.#answer(request, response));
    this.#http.on("clientError", (_, socket) => socket.destroy());
    this.#tls = pems && tls.createServer({
      cert: pems.chain,
      key: pems.key,
      ...(pems.clientCa ? { ca: pems.clientCa, requestCert: true, rejectUnauthorized: true } : {}),
    });
    this.#tls?.on("secureConnection", (socket) => this.#http.emit("connection", socket));
    this.#tls?.on("tlsClientError", () => {});
  }

  /** A connection has come. */
  take(socket: Socket): void {
    this.#sockets.set(socket, setTimeout(() => socket.destroy(), CONNECTION_MS_MAX));
    socket.once("close", () => {
      clearTimeout(this.#sockets.get(socket));
      this.#sockets.delete(socket);
    });
    (this.#tls ?? this.#http).emit("connection", socket);
  }

  async close(listening: Listening): Promise<void> {
    listening.stop();
    const deadline = Date.now() + CLOSE_MS_MAX;
    while (this.#streams > 0 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const socket of this.#sockets.keys()) socket.destroy();
    this.#http.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on("error", () => {});
    try {
      const path = (request.url ?? "").split("?")[0]!;
      const refusal = this.#refusalOf(request, path);
      if (refusal) return this.#refuse(response, refusal);
      const stream = this.#routes.streams[path];
      if (stream) return this.#open(response, stream);
      const other = path in this.#routes.pages ? undefined : this.#routes.others?.at(path);
      if (other?.kind === "forward") return await this.#forward(request, response, other);
      const { type, body } = await (other?.page ?? this.#routes.pages[path]!)();
      // A connection carries one request: what a browser opens a few times costs nobody anything.
      const length = String(new TextEncoder().encode(body).length);
      response.writeHead(200, {
        ...HEADERS,
        "content-type": type,
        "content-length": length,
        connection: "close",
      });
      response.end(request.method === "HEAD" ? undefined : body);
    } catch (e) {
      this.#refuse(response, [500, e instanceof Error ? e.message : String(e)]);
    }
  }

  /** Why a request has no answer: the status of HTTP, and a sentence. */
  #refusalOf({ method, headers }: IncomingMessage, path: string): Refusal | undefined {
    // A page of another site whose name leads to this address must not read what is here (DNS rebinding).
    if (this.#isLoopback && !isOwnHost(headers.host)) {
      return [421, "This server answers at its address and as localhost."];
    }
    const { pages, streams, others } = this.#routes;
    const other = path in pages || path in streams ? undefined : others?.at(path);
    if (!(path in pages) && !(path in streams) && !other) {
      return [404, `There is nothing here. There is: ${this.#paths().join(" ")}`];
    }
    const isStream = path in streams || (other?.kind === "forward" && other.isStream);
    if (method !== "GET" && method !== "HEAD") return [405, "GET and HEAD are answered."];
    if (isStream && this.#streams >= STREAMS_MAX) {
      return [503, `${STREAMS_MAX} others watch already.`];
    }
    return undefined;
  }

  #paths(): string[] {
    const { pages, streams, others } = this.#routes;
    return [...Object.keys(pages), ...Object.keys(streams), ...(others ? [others.shape] : [])];
  }

  #refuse(response: ServerResponse, [status, words]: Refusal): void {
    if (response.headersSent) return void response.destroy();
    const allow = status === 405 ? { allow: "GET, HEAD" } : {};
    response.writeHead(status, {
      ...HEADERS,
      ...allow,
      "content-type": "text/plain; charset=utf-8",
      connection: "close",
    });
    response.end(`${words}\n`);
  }

  #open(response: ServerResponse, begin: (stream: EventStream) => () => void): void {
    response.writeHead(200, { ...HEADERS, "content-type": "text/event-stream; charset=utf-8" });
    response.flushHeaders();
    this.#countStream(response);
    let stalledSince: number | undefined;
    const end = begin({
      send: (event, data) => {
        if (response.writableLength > WAITING_OCTETS_MAX) {
          stalledSince ??= Date.now();
          if (Date.now() - stalledSince > STALLED_MS_MAX) response.destroy();
          return false;
        }
        stalledSince = undefined;
        response.write(`event: ${event}\ndata: ${data.replaceAll("\n", "\ndata: ")}\n\n`);
        return true;
      },
      end: () => response.end(),
    });
    response.once("close", end);
  }

  /** Answers by what another server has there. */
  async #forward(
    { method }: IncomingMessage,
    response: ServerResponse,
    { upstream, isStream }: OtherPage & { readonly kind: "forward" },
  ): Promise<void> {
    if (isStream) this.#countStream(response);
    try {
      await forward(upstream, response, ({ statusCode = 502, headers }) => {
        response.writeHead(statusCode, {
          ...HEADERS,
          "content-type": headers["content-type"] ?? "text/plain",
          connection: "close",
        });
        if (isStream) response.flushHeaders();
        return method !== "HEAD";
      });
    } catch (e) {
      const why = e instanceof Error ? e.message : String(e);
      this.#refuse(response, [502, `The page of the instance cannot be read: ${why}`]);
    }
  }

  /** A stream has no end in time. */
  #countStream(response: ServerResponse): void {
    this.#streams++;
    for (const [socket, timer] of this.#sockets) {
      if (isUnder(response.socket, socket)) clearTimeout(timer);
    }
    response.once("close", () => this.#streams--);
  }
}

type Refusal = readonly [status: number, words: string];

/** Whether a request came by this connection, in TLS or not. */
function isUnder(asked: Socket | null, socket: Socket): boolean {
  return asked === socket ||
    (asked?.remotePort === socket.remotePort && asked?.remoteAddress === socket.remoteAddress);
}

/** Whether a Host field is an address, or localhost. */
function isOwnHost(host: string | undefined): boolean {
  const name = (host ?? "").replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  return name === "localhost" || parseAddress(name) !== undefined;
}
