/**
 * IKE_AUTH as rounds of two independent authenticators (RFC 7296 §1.2, §2.16): before each
 * message of ours, the authenticators that are not done act one after the other. If one needs a
 * computation, its result is awaited.
 * @module
 */
import { must } from "@/base/errors.ts";
import type { Authenticator, AuthRefusal, AuthStep } from "@/ike/auth/authenticator.ts";
import { chooseOwn, choosePeer } from "@/ike/auth/method_choice.ts";
import { methodOf } from "@/ike/auth/methods.ts";
import { authConfigOf } from "@/ike/auth/resumed.ts";
import { noPpkAuth, wantsNoPpkAuth } from "@/ike/auth/ppk.ts";
import {
  announcement,
  askedAhead,
  ownName,
  succeedOwn,
  succeedPeer,
  takeOwnName,
  takePeerName,
} from "@/ike/auth/second_auth.ts";
import type { AuthAct, AuthEnd, AuthSide } from "@/ike/records/auth_rounds.ts";
import type { ComputeResult, Turn } from "@/ike/records/event.ts";
import { requestCompute } from "@/ike/window/exchange.ts";
import type { Payload } from "@/wire/message.ts";

/**
 * The most IKE_AUTH messages of a peer that are accepted; an EAP method with long certificates
 * needs dozens.
 */
const TAKEN_MAX = 200;

/** The result of the acts before a message of ours. */
export type RoundsOutcome =
  /** An authenticator computes; {@linkcode resumeRounds} goes on with the result of this ticket. */
  | { readonly kind: "computes"; readonly ticket: number }
  /** The authentication of this end, or of the peer, has failed. */
  | AuthRefusal & { readonly end: AuthEnd }
  /** These payloads belong into our next message; `done`: both ends are authenticated. */
  | { readonly kind: "says"; readonly payloads: readonly Payload[]; readonly done: boolean };

/**
 * Begins the rounds before an initiator's first message, when no IKE_AUTH message of the peer has
 * come.
 */
export function beginRounds(turn: Turn): RoundsOutcome {
  const rounds = turn.sa.setup!.auth!;
  rounds.ownBegun = true;
  rounds.said.push(...askedAhead(turn));
  const begins: readonly AuthAct[] = [
    { end: "peer", moment: "begin" },
    { end: "own", moment: "begin" },
  ];
  const plain: AuthAct = { end: "own", moment: "begin", isPlain: true };
  return act(turn, wantsNoPpkAuth(turn.sa) ? [...begins, plain] : begins, []);
}

/**
 * Takes a message of the peer. A responder's own authentication begins with its response to the
 * first one.
 */
export function takeRound(turn: Turn, payloads: readonly Payload[]): RoundsOutcome {
  const rounds = turn.sa.setup!.auth!;
  const acts: AuthAct[] = [];
  if (++rounds.taken > TAKEN_MAX) {
    return { kind: "refuses", end: "peer", why: `it is not through after ${TAKEN_MAX} messages` };
  }
  if (rounds.taken === 1) choosePeer(turn, payloads);
  const named = rounds.peerUnnamed ? takePeerName(turn, payloads) : undefined;
  if (named !== undefined && named !== "waits") return { kind: "refuses", end: "peer", why: named };
  if (!rounds.peer.done && named === undefined) acts.push({ end: "peer", moment: "take" });
  if (!rounds.own.done) acts.push({ end: "own", moment: rounds.ownBegun ? "take" : "begin" });
  return act(turn, acts, payloads);
}

/** Takes the result that the outcome `computes` waited for. */
export function resumeRounds(
  turn: Turn,
  result: ComputeResult,
  payloads: readonly Payload[],
): RoundsOutcome {
  const rounds = turn.sa.setup!.auth!;
  const [first, ...others] = rounds.acts;
  must(first !== undefined, "an authenticator waits for the result");
  const side: AuthSide = rounds[first.end];
  const step = authenticatorOf(side, first.end).computed!(turn, side, result);
  const settled = settle(turn, first, { step, payloads });
  return settled.outcome ?? act(turn, [...others, ...settled.acts], payloads);
}

/**
 * Lets the authenticators act one after the other, until one computes or refuses, or all have
 * acted.
 */
function act(
  turn: Turn,
  acts: readonly AuthAct[],
  payloads: readonly Payload[],
): RoundsOutcome {
  const { sa } = turn;
  const rounds = sa.setup!.auth!;
  rounds.acts = acts;
  for (let next = acts[0]; next; next = rounds.acts[0]) {
    const settled = settle(turn, next, { step: perform(turn, next, payloads), payloads });
    if (settled.outcome) return settled.outcome;
    rounds.acts = [...rounds.acts.slice(1), ...settled.acts];
  }
  const { said, own, peer } = rounds;
  const { ppk } = sa.setup!;
  if (ppk) ppk.isPlain = false;
  rounds.said = [];
  // Payloads of an initiator must be sent before the authentication is complete, as the last
  // message is the responder's.
  const through = own.done && peer.done && !(sa.originalInitiator && said.length > 0);
  return { kind: "says", payloads: said, done: through };
}

function perform(
  turn: Turn,
  { end, moment, isPlain = false }: AuthAct,
  payloads: readonly Payload[],
): AuthStep {
  const rounds = turn.sa.setup!.auth!;
  const side: AuthSide = rounds[end];
  const authenticator = authenticatorOf(side, end);
  const { ppk } = turn.sa.setup!;
  if (ppk) ppk.isPlain = isPlain;
  if (moment === "take") return authenticator.take(turn, side, payloads);
  if (end === "own" && !rounds.ownBegun) {
    rounds.ownBegun = true;
    if (isSecond(turn)) {
      takeOwnName(turn);
      rounds.said.push(...ownName(turn));
    }
  }
  if (end === "own" && !isSecond(turn)) {
    const refusal = chooseOwn(turn);
    if (refusal) return refusal;
    return authenticatorOf(rounds.own, end).begin(turn, rounds.own);
  }
  return authenticator.begin(turn, side);
}

/** Whether the present authentication of this end is the second one. */
function isSecond({ sa }: Turn): boolean {
  return authConfigOf(sa).own2 !== undefined && sa.setup!.auth!.nextOwn === undefined;
}

function authenticatorOf({ config }: AuthSide, end: AuthEnd): Authenticator {
  return methodOf(config)[end] as Authenticator;
}

/** A step, and the message of the peer that it is about. */
interface Taken {
  readonly step: AuthStep;
  readonly payloads: readonly Payload[];
}

/** What follows a step; an outcome ends the acts for now. */
interface Settled {
  readonly outcome?: RoundsOutcome;
  readonly acts: readonly AuthAct[];
}

/** Records a step, and begins the next authentication of an end that has completed one. */
function settle(turn: Turn, { end, isPlain }: AuthAct, { step, payloads }: Taken): Settled {
  const rounds = turn.sa.setup!.auth!;
  const refused = (why: string): Settled => ({
    outcome: { kind: "refuses", end, why },
    acts: [],
  });
  if (step.kind === "computes") {
    return { outcome: { kind: "computes", ticket: requestCompute(turn, step.job) }, acts: [] };
  }
  if (step.kind === "refuses") return { outcome: { ...step, end }, acts: [] };
  if (isPlain) {
    rounds.said.push(noPpkAuth(step.payloads));
    return { acts: [] };
  }
  const beside = end === "own" ? announcement(turn, step.payloads) : [];
  if (typeof beside === "string") return refused(beside);
  rounds.said.push(...step.payloads, ...beside);
  rounds[end].done = step.done;
  if (!step.done) return { acts: [] };
  const next = end === "own" ? succeedOwn(turn, step.payloads) : succeedPeer(turn, payloads);
  if (typeof next === "string") return refused(next);
  return { acts: next ? [next] : [] };
}
