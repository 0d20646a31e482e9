/**
 * The peer of EAP-TLS (RFC 5216, RFC 9190), and the tunnel of TTLS and PEAP at the peer.
 * @module
 */
import { concat } from "@/base/bytes.ts";
import { type EapCause, refuse } from "@/eap/failure.ts";
import type { EapCredentials, EapEnvironment, EapKeys, PeerReply, PeerRun } from "@/eap/method.ts";
import type { TlsSession, TlsSettings, TlsStep } from "@/eap/tls/engine.ts";
import {
  firstPacket,
  type Fragments,
  hasMore,
  newFragments,
  nextPacket,
  takePacket,
} from "@/eap/tls/fragments.ts";
import type { InnerPeer } from "@/eap/tls/inner.ts";
import { TLS_1_3, tlsKeys } from "@/eap/tls/keys.ts";
import { NO_SHIM, openSession } from "@/eap/tls/session.ts";

/** The settings of a peer without any, which accepts every certificate of the server. */
const NOTHING: TlsSettings = { anchors: "", certificate: "", key: "", versionMax: TLS_1_3 };
/** RFC 9190 §2.1.1: the last octet of the server inside TLS 1.3. */
const SUCCESS_INDICATION = 0;

/** The kind of a reply when its last fragment has been sent. */
type End =
  | { readonly then: "more" }
  | { readonly then: "done"; readonly keys: EapKeys }
  | { readonly then: "refused"; readonly cause: EapCause; readonly why: string };

interface State {
  /** EAP type. */
  readonly type: number;
  readonly session: TlsSession;
  readonly fragments: Fragments;
  /** The inside of TTLS and PEAP; undefined for EAP-TLS. */
  readonly inner: InnerPeer | undefined;
  started: boolean;
  established: boolean;
  /** The reply that follows the last fragment of the message that is being sent. */
  end: End;
  readonly notes: string[];
}

/** The reason why the peer cannot use TLS; undefined if it can. */
export function lacksTlsAsPeer({ tls }: EapCredentials, env: EapEnvironment): string | undefined {
  if (!env.tls) return NO_SHIM;
  return tls?.certificate && !tls.key ? "the certificate has no private key" : undefined;
}

/** The reason why the peer cannot use a tunnel; undefined if it can. */
export function lacksTunnelAsPeer(own: EapCredentials, env: EapEnvironment): string | undefined {
  const lacks = lacksTlsAsPeer(own, env);
  return lacks ?? (own.password === undefined ? "there is no eappassword" : undefined);
}

/** A run of TLS at the peer, with an inner method or without. */
export function tlsPeer(
  type: number,
  { own, env }: { readonly own: EapCredentials; readonly env: EapEnvironment },
  inner: InnerPeer | undefined,
): PeerRun {
  const settings = own.tls ?? NOTHING;
  const role = { server: false, asksCertificate: false };
  const state: State = {
    type,
    session: openSession(env, role, settings),
    fragments: newFragments(),
    inner,
    started: false,
    established: false,
    end: { then: "more" },
    notes: settings.anchors ? [] : ["the server's certificate is not checked: no trust anchor"],
  };
  return {
    take: ({ data, identifier }) => take(state, data, identifier),
    notes: () => [...state.notes, ...inner?.notes() ?? []],
    close: () => {
      state.session.close();
      inner?.close();
    },
  };
}

function take(state: State, data: Uint8Array, identifier: number): PeerReply {
  const { fragments, session } = state;
  const arrived = takePacket(fragments, data);
  if (arrived.kind === "start") {
    if (state.started) refuse("out of order", "the server starts TLS a second time");
    state.started = true;
    return goOn(state, session.feed(new Uint8Array(0)), identifier);
  }
  if (!state.started) refuse("out of order", "the server sends TLS before its start");
  if (arrived.kind === "fragment") return { then: "more", data: acknowledgement() };
  if (hasMore(fragments)) return said(state, nextPacket(fragments));
  return goOn(state, session.feed(arrived.octets), identifier);
}

function goOn(state: State, step: TlsStep, identifier: number): PeerReply {
  const { out } = step;
  if (step.failure !== undefined) {
    const why = `TLS says: ${step.failure}`;
    return say(state, out, { then: "refused", cause: "tls", why });
  }
  if (!step.established) return say(state, out, { then: "more" });
  const fresh = !state.established;
  state.established = true;
  if (fresh) noteSession(state);
  if (state.inner) return inside(state, step, { fresh, identifier, inner: state.inner });
  return say(state, out, endOfTls(state, step.plaintext));
}

/** EAP-TLS: TLS 1.2 ends with the server's Finished, TLS 1.3 with its indication of success. */
function endOfTls({ session, type }: State, plaintext: Uint8Array): End {
  const late = session.version() >= TLS_1_3;
  if (late && plaintext.length === 0) return { then: "more" };
  const right = late
    ? plaintext.length === 1 && plaintext[0] === SUCCESS_INDICATION
    : plaintext.length === 0;
  if (!right) refuse("malformed", `the server sends ${plaintext.length} octets inside TLS`);
  return { then: "done", keys: tlsKeys(session, type) };
}

function inside(
  state: State,
  { out, plaintext }: TlsStep,
  { fresh, identifier, inner }: {
    readonly fresh: boolean;
    readonly identifier: number;
    readonly inner: InnerPeer;
  },
): PeerReply {
  const { session, type } = state;
  if (!fresh && plaintext.length === 0) return say(state, out, state.end);
  const steps = [
    ...(fresh ? [inner.begin(session, plaintext.length > 0)] : []),
    ...(plaintext.length > 0 ? [inner.take(plaintext, identifier)] : []),
  ];
  const records = steps.filter((step) => step.out.length > 0).map((step) =>
    session.write(step.out)
  );
  const last = steps.at(-1)!;
  const message = concat(out, ...records);
  if (last.then !== "done") return say(state, message, last);
  return say(state, message, { then: "done", keys: last.keys ?? tlsKeys(session, type) });
}

function noteSession(state: State): void {
  const version = state.session.version() >= TLS_1_3 ? "1.3" : "1.2";
  state.notes.push(`TLS ${version} with ${state.session.peerSubject() ?? "no certificate"}`);
}

/** Sends a message; the reply is that of its kind when the last fragment has been sent. */
function say(state: State, message: Uint8Array, end: End): PeerReply {
  state.end = end;
  return said(state, firstPacket(state.fragments, message));
}

function said({ fragments, end }: State, data: Uint8Array): PeerReply {
  if (hasMore(fragments)) return { then: "more", data };
  return end.then === "done" ? { ...end, data, open: true } : { ...end, data };
}

function acknowledgement(): Uint8Array {
  return Uint8Array.of(0);
}
