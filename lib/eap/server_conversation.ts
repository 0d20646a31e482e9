/**
 * The server of an EAP conversation (RFC 3748 §4; RFC 4137 §5). It asks for the identity, offers
 * one method after the other until the peer accepts one, and sends Success or Failure.
 * @module
 */
import { WireError } from "@/base/errors.ts";
import type { EapAnswer, OwnEapServer } from "@/eap/conversation.ts";
import { type EapCause, EapRefusal, refuse } from "@/eap/failure.ts";
import type {
  EapEnvironment,
  EapMethod,
  EapServerSettings,
  EapVerdict,
  MethodTable,
  ServerContext,
  ServerRun,
} from "@/eap/method.ts";
import { decodeEap, type EapMethodPacket, encodeEap, typesInNak } from "@/eap/packet.ts";
import { identityText, printable } from "@/eap/identity.ts";
import { EapCode, EapType, nameOfEapType } from "@/iana/eap_type.ts";

/** The most requests of one conversation. */
const REQUESTS_MAX = 200;

interface State {
  readonly settings: EapServerSettings;
  readonly env: EapEnvironment;
  readonly methodOf: MethodTable;
  stage: "fresh" | "identity" | "offered" | "method" | "over";
  /** The Identifier of the request that waits for its response (uint8). */
  identifier: number;
  /** The Identifier of the next request, if the caller has set it. */
  nextIdentifier: number | undefined;
  requests: number;
  identity: string;
  /** The methods that have not been offered yet. */
  offers: EapMethod[];
  run: { readonly method: EapMethod; readonly of: ServerRun } | undefined;
}

/** Opens a server with these settings and methods, which answers synchronously. */
export function converseAsServer(
  settings: EapServerSettings,
  env: EapEnvironment,
  methodOf: MethodTable,
): OwnEapServer {
  const state: State = {
    settings,
    env,
    methodOf,
    stage: "fresh",
    // RFC 3748 §4.1: the first Identifier is random, so that a new conversation is not mistaken for
    // an old one.
    identifier: env.random(1)[0]!,
    nextIdentifier: undefined,
    requests: 0,
    identity: "",
    offers: [],
    run: undefined,
  };
  return {
    start: (identity) => guarded(state, () => start(state, identity)),
    step: (octets) => guarded(state, () => take(state, octets)),
    requestAs: (identifier) => void (state.nextIdentifier = identifier),
    verdict: () => verdict(state),
    close: () => close(state),
  };
}

function verdict({ run }: State): EapVerdict | undefined {
  const found = run?.of.verdict?.();
  return found && { ...found, why: printable(`${run!.method.name} fails: ${found.why}`) };
}

function guarded(state: State, work: () => EapAnswer): EapAnswer {
  try {
    return work();
  } catch (e) {
    if (e instanceof EapRefusal) return failed(state, e.kind, e.message);
    if (e instanceof WireError) return failed(state, "malformed", e.message);
    throw e;
  }
}

function start(state: State, identity: string | undefined): EapAnswer {
  if (identity !== undefined) return choose(state, identity);
  state.stage = "identity";
  return ask(state, EapType.IDENTITY, new Uint8Array(0));
}

function take(state: State, octets: Uint8Array): EapAnswer {
  if (state.stage === "over") return { kind: "discarded", why: "the EAP conversation is over" };
  const packet = decodeEap(octets);
  if (packet.code !== EapCode.RESPONSE) {
    return { kind: "discarded", why: "a server takes EAP Responses only" };
  }
  // This answers a request that the NAS has made in our place (RFC 3579 §2.1).
  if (state.stage === "fresh" && packet.type === EapType.IDENTITY) {
    state.identifier = packet.identifier;
    return choose(state, identityText(packet.data));
  }
  if (packet.identifier !== state.identifier) {
    const why = `the response has Identifier ${packet.identifier}, not ${state.identifier}`;
    return { kind: "discarded", why };
  }
  if (state.stage === "identity" && packet.type === EapType.IDENTITY) {
    return choose(state, identityText(packet.data));
  }
  const wanted = typesInNak(packet);
  if (wanted) return offerAnother(state, wanted);
  const { run } = state;
  if (!run || packet.type !== run.method.type) {
    return refuse("out of order", `the peer answers by ${nameOfEapType(packet.type)}`);
  }
  return methodResponse(state, packet);
}

/** Chooses the methods to offer, by the identity that the peer claims. */
function choose(state: State, identity: string): EapAnswer {
  state.identity = identity;
  const context = contextOf(state);
  const { settings, methodOf } = state;
  const lacks: string[] = [];
  for (const type of settings.methods) {
    const method = methodOf(type);
    if (!method) {
      lacks.push(`${nameOfEapType(type)} is unknown`);
      continue;
    }
    const barred = context.user?.methods?.includes(type) === false;
    const why = barred ? "the user may not use it" : method.lacksAsServer(context);
    if (why) lacks.push(`${method.name}: ${why}`);
    else state.offers.push(method);
  }
  if (state.offers.length > 0) return offer(state, state.offers.shift()!);
  const none = lacks.length > 0 ? lacks.join("; ") : "no method is set";
  return refuse("no credentials", `nothing can be offered to "${printable(identity)}" (${none})`);
}

function offer(state: State, method: EapMethod): EapAnswer {
  const run = method.beginAsServer(contextOf(state));
  state.run = { method, of: run };
  state.stage = "offered";
  return ask(state, method.type, run.begin(nextIdentifier(state)));
}

/** RFC 3748 §5.3.1: a Nak may only be the first response to a method. */
function offerAnother(state: State, wanted: readonly number[]): EapAnswer {
  if (state.stage !== "offered") {
    refuse("out of order", "the peer sends a Nak in the middle of the method");
  }
  const refused = state.run!.method.name;
  state.run!.of.close?.();
  state.run = undefined;
  const at = state.offers.findIndex(({ type }) => wanted.includes(type));
  if (at >= 0) return offer(state, state.offers.splice(at, 1)[0]!);
  const names = wanted.map((type) => state.methodOf(type)?.name ?? nameOfEapType(type)).join(", ");
  const wants = names ? `wants ${names}` : "wants no other";
  return refuse("no common method", `the peer refuses ${refused} and ${wants}`);
}

function methodResponse(state: State, packet: EapMethodPacket): EapAnswer {
  const { method, of } = state.run!;
  state.stage = "method";
  const { identifier, data } = packet;
  const reply = of.take({ identifier, data }, nextIdentifier(state));
  if (reply.then === "more") return ask(state, method.type, reply.data);
  const outcome = {
    method: method.type,
    methodName: method.name,
    identity: reply.identity ?? state.identity,
    msk: reply.keys?.msk,
    notes: of.notes?.() ?? [],
  };
  close(state);
  return { kind: "succeeded", octets: closing(state, EapCode.SUCCESS), outcome };
}

function ask(state: State, type: number, data: Uint8Array): EapAnswer {
  if (++state.requests > REQUESTS_MAX) {
    refuse("too long", `the peer has needed more than ${REQUESTS_MAX} requests`);
  }
  const identifier = nextIdentifier(state);
  state.identifier = identifier;
  state.nextIdentifier = undefined;
  return { kind: "send", octets: encodeEap({ code: EapCode.REQUEST, identifier, type, data }) };
}

function nextIdentifier({ identifier, nextIdentifier }: State): number {
  return nextIdentifier ?? identifier + 1 & 0xff;
}

function failed(state: State, cause: EapCause, why: string): EapAnswer {
  const name = state.run?.method.name ?? "EAP";
  const notes = state.run?.of.notes?.() ?? [];
  close(state);
  const octets = closing(state, EapCode.FAILURE);
  return { kind: "failed", octets, cause, why: printable(`${name} fails: ${why}`), notes };
}

function closing(
  { identifier }: State,
  code: typeof EapCode.SUCCESS | typeof EapCode.FAILURE,
): Uint8Array {
  return encodeEap({ code, identifier });
}

function close(state: State): void {
  if (state.stage === "over") return;
  state.stage = "over";
  state.run?.of.close?.();
}

function contextOf({ identity, settings, env }: State): ServerContext {
  return { identity, user: settings.users.find(identity), settings, env };
}
