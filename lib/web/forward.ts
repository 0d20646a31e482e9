/**
 * Fetches pages of the web servers of instances: for a reader, whose answer they become, and for the
 * daemon itself. How long an answer may take, and how much of it is kept, is bounded.
 * @module
 */
import { Buffer } from "node:buffer";
import http, { type ClientRequest, type IncomingMessage, type ServerResponse } from "node:http";
import https from "node:https";
import type { Upstream } from "@/web/instance_row.ts";

/** How long an instance may take to begin its answer. */
const ANSWER_MS_MAX = 5_000;
/** How long its whole text may take. */
const TEXT_MS_MAX = 5_000;
/** Octets of a text that is taken. */
const TEXT_OCTETS_MAX = 4 << 20;
/** Asked for in TLS, as an address is no server name (RFC 6066 §3). */
const SERVER_NAME = "instance.myikev2";

/**
 * Answers a request by the page of an instance. What the reader does not take is not read from the
 * instance either. `begun` is told the answer before anything of it is sent, and returns whether the reader
 * wants its text.
 *
 * @throws {Error} saying why the instance does not answer.
 */
export async function forward(
  upstream: Upstream,
  response: ServerResponse,
  begun: (answer: IncomingMessage) => boolean,
): Promise<void> {
  const request = ask(upstream);
  response.once("close", () => request.destroy());
  const answer = await answerOf(request);
  // The connection may be lost in the middle: then that to the reader ends as well.
  answer.once("error", () => response.destroy());
  answer.once("aborted", () => response.destroy());
  if (begun(answer)) answer.pipe(response);
  else response.end();
}

/** The text of a page of an instance. @throws {Error} saying why there is none. */
export async function textAt(upstream: Upstream): Promise<string> {
  const request = ask(upstream);
  const late = setTimeout(() => request.destroy(new Error("it takes too long")), TEXT_MS_MAX);
  try {
    const answer = await answerOf(request);
    if (answer.statusCode !== 200) throw new Error(`it answers ${answer.statusCode}`);
    const pieces: Buffer[] = [];
    let octets = 0;
    for await (const piece of answer) {
      octets += piece.length;
      if (octets > TEXT_OCTETS_MAX) throw new Error("its answer is too long");
      pieces.push(piece);
    }
    return Buffer.concat(pieces).toString("utf8");
  } finally {
    clearTimeout(late);
    request.destroy();
  }
}

function ask({ host, port, path, tls }: Upstream): ClientRequest {
  const where = { host, port, path, agent: false as const };
  // Who answers on an address of the daemon's own bridge is the process that it started there.
  const request = tls
    ? https.request({ ...where, rejectUnauthorized: false, servername: SERVER_NAME })
    : http.request(where);
  request.end();
  return request;
}

function answerOf(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(
      () => request.destroy(new Error("it does not answer")),
      ANSWER_MS_MAX,
    );
    // Errors after the answer has begun reach whoever reads it.
    request.on("error", (e) => {
      clearTimeout(late);
      reject(e);
    });
    request.once("response", (answer) => {
      clearTimeout(late);
      resolve(answer);
    });
  });
}
