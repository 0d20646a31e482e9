/**
 * The peer of an EAP conversation (RFC 3748 §4.1, §5; the state machine is that of RFC 4137 §4).
 * It answers Identity requests, chooses a method, and decides whether a Success is accepted.
 * @module
 */
import { sameOctets } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import type { EapAnswer, MethodEnd, OwnEapPeer } from "@/eap/conversation.ts";
import { printable } from "@/eap/identity.ts";
import { type EapCause, EapRefusal } from "@/eap/failure.ts";
import type {
  EapCredentials,
  EapEnvironment,
  EapKeys,
  EapMethod,
  MethodTable,
  PeerRun,
} from "@/eap/method.ts";
import { decodeEap, type EapMethodPacket, encodeEap, nakOf } from "@/eap/packet.ts";
import { EapCode, EapType, nameOfEapType } from "@/iana/eap_type.ts";

/** The most requests of one conversation. */
const REQUESTS_MAX = 200;
/** The most notifications that are kept for the log, and the most characters of each. */
const NOTES_MAX = 16;
const NOTE_OCTETS_MAX = 1015;

interface State {
  readonly own: EapCredentials;
  readonly env: EapEnvironment;
  readonly methodOf: MethodTable;
  run: { readonly method: EapMethod; readonly of: PeerRun } | undefined;
  /** The result of the method: its keys when it is complete, or the reason why it refused. */
  end:
    | { readonly kind: "done"; readonly keys: EapKeys | undefined; readonly open: boolean }
    | { readonly kind: "refused"; readonly cause: EapCause; readonly why: string }
    | undefined;
  /** The last request and its response, which is sent again for a repeated request. */
  last: { readonly request: Uint8Array; readonly response: Uint8Array } | undefined;
  requests: number;
  sentIdentity: string | undefined;
  /** Types that were refused by a Nak. */
  readonly refusedTypes: number[];
  readonly notes: string[];
  closed: boolean;
}

/** Opens a peer with these credentials and methods, which answers synchronously. */
export function converseAsPeer(
  own: EapCredentials,
  env: EapEnvironment,
  methodOf: MethodTable,
): OwnEapPeer {
  const state: State = {
    own,
    env,
    methodOf,
    run: undefined,
    end: undefined,
    last: undefined,
    requests: 0,
    sentIdentity: undefined,
    refusedTypes: [],
    notes: [],
    closed: false,
  };
  return {
    step: (octets) => guarded(state, octets),
    methodEnd: () => methodEnd(state),
    close: () => close(state),
  };
}

function methodEnd({ end, run }: State): MethodEnd | undefined {
  if (end?.kind === "done") return { kind: "done", msk: end.keys?.msk };
  return end && { ...end, why: `${run!.method.name} fails: ${end.why}` };
}

/** Turns the refusals of methods and malformed packets into an answer. */
function guarded(state: State, octets: Uint8Array): EapAnswer {
  try {
    return take(state, octets);
  } catch (e) {
    if (e instanceof EapRefusal) return failed(state, e.kind, e.message);
    if (e instanceof WireError) return failed(state, "malformed", e.message);
    throw e;
  }
}

function take(state: State, octets: Uint8Array): EapAnswer {
  if (state.closed) return { kind: "discarded", why: "the EAP conversation is over" };
  const packet = decodeEap(octets);
  switch (packet.code) {
    case EapCode.REQUEST:
      return request(state, packet, octets);
    case EapCode.SUCCESS:
      noteEnd(state, "Success", packet.identifier);
      return success(state);
    case EapCode.FAILURE:
      noteEnd(state, "Failure", packet.identifier);
      return failure(state);
    case EapCode.RESPONSE:
      return { kind: "discarded", why: "a peer takes no EAP Response" };
  }
}

function request(state: State, packet: EapMethodPacket, octets: Uint8Array): EapAnswer {
  const { last } = state;
  // RFC 3748 §4.1: a request with the same Identifier is a retransmission and is not processed
  // again.
  if (last && last.request[1] === octets[1] && sameOctets(last.request, octets)) {
    return { kind: "send", octets: last.response };
  }
  if (last && last.request[1] === octets[1]) {
    keep(state, `another request has Identifier ${octets[1]} of the last one (RFC 3748 §4.1)`);
  }
  if (++state.requests > REQUESTS_MAX) {
    return failed(state, "too long", `the server has sent more than ${REQUESTS_MAX} requests`);
  }
  const response = encodeEap(responseTo(state, packet));
  state.last = { request: octets.slice(), response };
  return { kind: "send", octets: response };
}

function responseTo(state: State, packet: EapMethodPacket): EapMethodPacket {
  const answer = (data: Uint8Array): EapMethodPacket => ({
    code: EapCode.RESPONSE,
    identifier: packet.identifier,
    type: packet.type,
    data,
  });
  switch (packet.type) {
    case EapType.IDENTITY:
      if (state.run) throw new EapRefusal("out of order", "it asks for the identity again");
      state.sentIdentity = identityOf(state);
      // RFC 3748 §5.1: no terminating zero.
      return answer(new TextEncoder().encode(state.sentIdentity));
    case EapType.NOTIFICATION:
      note(state, packet.data);
      return answer(new Uint8Array(0));
    case EapType.NAK:
      throw new EapRefusal("malformed", "the server sends a Nak in a request");
  }
  const run = runFor(state, packet);
  if (!run) return nakOf(packet, state.own.methods);
  const { end } = state;
  if (end?.kind === "refused") throw new EapRefusal(end.cause, end.why);
  if (end && !end.open) {
    throw new EapRefusal("out of order", "the server continues after the end of its method");
  }
  const { identifier, data } = packet;
  const reply = run.take({ identifier, data });
  state.end = undefined;
  if (reply.then === "done") {
    state.end = { kind: "done", keys: reply.keys, open: reply.open ?? false };
  }
  if (reply.then === "refused") {
    state.end = { kind: "refused", cause: reply.cause, why: reply.why };
  }
  return answer(reply.data);
}

/** The run of the requested method; `undefined` if the answer must be a Nak. */
function runFor(state: State, packet: EapMethodPacket): PeerRun | undefined {
  const { own, env, methodOf } = state;
  if (state.run) {
    if (state.run.method.type === packet.type) return state.run.of;
    // RFC 3748 §2.1: only one method, and no other once it was answered without a Nak.
    const asked = methodOf(packet.type)?.name ?? nameOfEapType(packet.type);
    throw new EapRefusal("out of order", `the server changes to ${asked} before its end`);
  }
  const method = own.methods.includes(packet.type) ? methodOf(packet.type) : undefined;
  if (!method) {
    state.refusedTypes.push(packet.type);
    return undefined;
  }
  const lacks = method.lacksAsPeer(own, env);
  if (lacks) {
    state.run = { method, of: { take: () => refuseAll(lacks) } };
    refuseAll(lacks);
  }
  state.run = { method, of: method.beginAsPeer(own, env, state.sentIdentity) };
  return state.run.of;
}

function refuseAll(lacks: string): never {
  throw new EapRefusal("no credentials", lacks);
}

/** RFC 3748 §4.2: a Success is only accepted if the method is complete and agrees. */
function success(state: State): EapAnswer {
  const { run, end, own } = state;
  if (!run) return failed(state, "out of order", "the server says Success without any method");
  if (end?.kind === "refused") return failed(state, end.cause, end.why);
  if (!end) {
    return failed(state, "out of order", "the server says Success before the method is through");
  }
  const { type, name } = run.method;
  const outcome = {
    method: type,
    methodName: name,
    identity: own.identity,
    msk: end.keys?.msk,
    notes: notesOf(state),
  };
  close(state);
  return { kind: "succeeded", octets: undefined, outcome };
}

function failure(state: State): EapAnswer {
  const { end, run, refusedTypes, own, methodOf } = state;
  if (end?.kind === "refused") return failed(state, end.cause, end.why);
  if (!run && refusedTypes.length > 0) {
    const asked = refusedTypes.map((type) => methodOf(type)?.name ?? nameOfEapType(type));
    const had = own.methods.map((type) => methodOf(type)?.name ?? nameOfEapType(type));
    const why = `the server has ${asked.join(", ")}, this end has ${had.join(", ")}`;
    return failed(state, "no common method", why);
  }
  return failed(state, "refused by the other end", "the server says Failure");
}

function failed(state: State, cause: EapCause, why: string): EapAnswer {
  const name = state.run?.method.name ?? "EAP";
  const notes = notesOf(state);
  close(state);
  return {
    kind: "failed",
    octets: undefined,
    cause,
    why: printable(`${name} fails: ${why}`),
    notes,
  };
}

function notesOf({ notes, run }: State): string[] {
  return [...notes, ...run?.of.notes?.() ?? []];
}

function close(state: State): void {
  if (state.closed) return;
  state.closed = true;
  state.run?.of.close?.();
}

/**
 * The identity for an Identity request: that of the first method which demands a special one,
 * otherwise the configured identity.
 */
function identityOf({ own, methodOf }: State): string {
  for (const type of own.methods) {
    const identity = methodOf(type)?.identityAsPeer?.(own);
    if (identity !== undefined) return identity;
  }
  return own.identity;
}

function note(state: State, data: Uint8Array): void {
  const text = printable(new TextDecoder().decode(data.subarray(0, NOTE_OCTETS_MAX)));
  keep(state, `the server notifies: ${text}`);
}

/**
 * RFC 3748 §4.2: the end has the Identifier of the last request. Another one is taken, as IKE protects it,
 * and as there are servers that count on; but it is noted.
 */
function noteEnd(state: State, name: string, identifier: number): void {
  const asked = state.last?.request[1];
  if (asked === undefined || asked === identifier) return;
  const words = `${name} has Identifier ${identifier}, and the last request ${asked}`;
  keep(state, `${words} (RFC 3748 §4.2)`);
}

function keep({ notes }: State, text: string): void {
  if (notes.length < NOTES_MAX) notes.push(text);
}
