/**
 * The server of EAP-TLS (RFC 5216, RFC 9190), and the tunnel of TTLS and PEAP at the server.
 * @module
 */
import { concat } from "@/base/bytes.ts";
import { EapRefusal, refuse } from "@/eap/failure.ts";
import type { MethodPacket, ServerContext, ServerReply, ServerRun } from "@/eap/method.ts";
import type { TlsSession, TlsStep } from "@/eap/tls/engine.ts";
import {
  firstPacket,
  type Fragments,
  hasMore,
  newFragments,
  nextPacket,
  startPacket,
  takePacket,
} from "@/eap/tls/fragments.ts";
import type { InnerServer } from "@/eap/tls/inner.ts";
import { TLS_1_3, tlsKeys } from "@/eap/tls/keys.ts";
import { NO_SHIM, openSession } from "@/eap/tls/session.ts";

/** RFC 9190 §2.1.1: the last octet of the server inside TLS 1.3. */
const SUCCESS_INDICATION = Uint8Array.of(0);

interface State {
  /** EAP type. */
  readonly type: number;
  readonly session: TlsSession;
  readonly fragments: Fragments;
  /** The inside of TTLS and PEAP; undefined for EAP-TLS. */
  readonly inner: InnerServer | undefined;
  stage: "handshake" | "finished" | "inside";
  /** The reason of the Failure that follows when the peer has received the alert. */
  refusal: EapRefusal | undefined;
  readonly notes: string[];
}

/** The reason why the server cannot use TLS; undefined if it can. */
export function lacksTlsAsServer({ settings: { tls }, env }: ServerContext): string | undefined {
  if (!env.tls) return NO_SHIM;
  return tls?.certificate && tls.key ? undefined : "the server has no certificate and key";
}

/** A run of TLS at the server, with an inner method or without; without one it asks for a certificate. */
export function tlsServer(
  type: number,
  { env, settings: { tls } }: ServerContext,
  inner: InnerServer | undefined,
): ServerRun {
  const state: State = {
    type,
    session: openSession(env, { server: true, asksCertificate: inner === undefined }, tls!),
    fragments: newFragments(),
    inner,
    stage: "handshake",
    refusal: undefined,
    notes: [],
  };
  return {
    begin: startPacket,
    take: (packet, next) => take(state, packet, next),
    notes: () => [...state.notes, ...inner?.notes() ?? []],
    close: () => {
      state.session.close();
      inner?.close();
    },
  };
}

function take(state: State, packet: MethodPacket, next: number): ServerReply {
  const { fragments, session } = state;
  const arrived = takePacket(fragments, packet.data);
  if (arrived.kind === "start") return refuse("malformed", "the peer sends the flag of a start");
  if (arrived.kind === "fragment") return { then: "more", data: Uint8Array.of(0) };
  if (hasMore(fragments)) return { then: "more", data: nextPacket(fragments) };
  if (state.refusal) throw state.refusal;
  const isAck = arrived.octets.length === 0;
  if (isAck && state.stage === "handshake") refuse("out of order", "the peer sends no TLS");
  return goOn(state, session.feed(arrived.octets), { ...packet, next, isAck });
}

interface Outer {
  readonly identifier: number;
  readonly next: number;
  /** Whether the response is empty. */
  readonly isAck: boolean;
}

function goOn(state: State, step: TlsStep, outer: Outer): ServerReply {
  if (step.failure !== undefined) return fail(state, step);
  if (!step.established) return say(state, step.out);
  const { session, inner, stage } = state;
  const fresh = stage === "handshake";
  if (fresh) noteSession(state);
  if (inner) return inside(state, step, { ...outer, fresh, inner });
  if (fresh) {
    state.stage = "finished";
    const late = session.version() >= TLS_1_3;
    return say(state, late ? concat(step.out, session.write(SUCCESS_INDICATION)) : step.out);
  }
  if (!outer.isAck) refuse("out of order", "the peer goes on inside TLS");
  return { then: "done", keys: tlsKeys(session, state.type), identity: session.peerSubject() };
}

function inside(
  state: State,
  { out, plaintext }: TlsStep,
  { identifier, next, isAck, fresh, inner }: Outer & {
    readonly fresh: boolean;
    readonly inner: InnerServer;
  },
): ServerReply {
  const { session } = state;
  if (fresh) state.stage = "finished";
  // TLS 1.2: the peer acknowledges Finished before any data is sent in the tunnel.
  if (fresh && out.length > 0 && plaintext.length === 0) return say(state, out);
  let said: Uint8Array | undefined;
  if (state.stage === "finished") {
    state.stage = "inside";
    said = inner.begin(session, next);
  }
  if (plaintext.length > 0 || (isAck && said === undefined)) {
    const answer = inner.take(plaintext, { identifier, next });
    if (answer.then === "done") {
      const keys = answer.keys ?? tlsKeys(session, state.type);
      return { then: "done", keys, identity: answer.identity };
    }
    said = answer.out;
  }
  const records = said && said.length > 0 ? session.write(said) : new Uint8Array(0);
  return say(state, concat(out, records));
}

/** RFC 5216 §2.1.3: the alert is sent first, and Failure after the peer's answer to it. */
function fail(state: State, { failure, out }: TlsStep): ServerReply {
  const refusal = new EapRefusal("tls", `TLS says: ${failure}`);
  if (out.length === 0) throw refusal;
  state.refusal = refusal;
  return say(state, out);
}

function say({ fragments }: State, message: Uint8Array): ServerReply {
  return { then: "more", data: firstPacket(fragments, message) };
}

function noteSession({ session, notes }: State): void {
  const version = session.version() >= TLS_1_3 ? "1.3" : "1.2";
  notes.push(`TLS ${version} with ${session.peerSubject() ?? "no certificate"}`);
}
