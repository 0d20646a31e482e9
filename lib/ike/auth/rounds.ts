/**
 * IKE_AUTH as rounds of two authenticators (RFC 7296 §1.2, §2.16): before each message of ours, those
 * that are not done act in turn; one that computes is waited for. Neither knows of the other.
 * @module
 */
import { must } from "@/base/errors.ts";
import type { Authenticator, AuthRefusal, AuthStep } from "@/ike/auth/authenticator.ts";
import { methodOf } from "@/ike/auth/methods.ts";
import type { AuthAct, AuthEnd, AuthRounds, AuthSide } from "@/ike/records/auth_rounds.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import type { ComputeResult, Turn } from "@/ike/records/event.ts";
import { requestCompute } from "@/ike/window/exchange.ts";
import type { Payload } from "@/wire/message.ts";

/** IKE_AUTH messages of a peer that are taken; an EAP method with long certificates needs dozens. */
const TAKEN_MAX = 200;

/** What came of the acts before a message of ours. */
export type RoundsOutcome =
  /** An authenticator computes; {@linkcode resumeRounds} goes on with the result of this ticket. */
  | { readonly kind: "computes"; readonly ticket: number }
  /** The authentication of this end, or of the peer, has failed. */
  | AuthRefusal & { readonly end: AuthEnd }
  /** These payloads belong into our next message; `done`: both ends are authenticated. */
  | { readonly kind: "says"; readonly payloads: readonly Payload[]; readonly done: boolean };

/** Both ends' authentication, not yet begun. */
export function newRounds({ own, peer }: IkeConfig["auth"]): AuthRounds {
  return {
    own: { config: own, progress: undefined, done: false },
    peer: { config: peer, progress: undefined, done: false },
    acts: [],
    said: [],
    taken: 0,
  };
}

/** An initiator's first message: nothing of the peer's IKE_AUTH has come. */
export function beginRounds(turn: Turn): RoundsOutcome {
  return act(turn, [{ end: "peer", moment: "begin" }, { end: "own", moment: "begin" }]);
}

/** A message of the peer; a responder's own authentication begins with its answer to the first. */
export function takeRound(turn: Turn, payloads: readonly Payload[]): RoundsOutcome {
  const rounds = turn.sa.setup!.auth!;
  if (++rounds.taken > TAKEN_MAX) {
    return { kind: "refuses", end: "peer", why: `it is not through after ${TAKEN_MAX} messages` };
  }
  const begins = rounds.taken === 1 && !turn.sa.originalInitiator;
  const acts: readonly AuthAct[] = [
    { end: "peer", moment: "take" },
    { end: "own", moment: begins ? "begin" : "take" },
  ];
  return act(turn, acts.filter(({ end }) => !rounds[end].done), payloads);
}

/** The result that the outcome `computes` waited for. */
export function resumeRounds(
  turn: Turn,
  result: ComputeResult,
  payloads: readonly Payload[],
): RoundsOutcome {
  const rounds = turn.sa.setup!.auth!, [first, ...others] = rounds.acts;
  must(first !== undefined, "an authenticator waits for the result");
  const side: AuthSide = rounds[first.end];
  const step = authenticatorOf(side, first.end).computed!(turn, side, result);
  return settle(turn, first, step) ?? act(turn, others, payloads);
}

/** Lets the ends act in turn, until one computes or refuses, or all have acted. */
function act(
  turn: Turn,
  acts: readonly AuthAct[],
  payloads: readonly Payload[] = [],
): RoundsOutcome {
  const rounds = turn.sa.setup!.auth!;
  for (const [i, next] of acts.entries()) {
    rounds.acts = acts.slice(i);
    const { end, moment } = next, side: AuthSide = rounds[end];
    const authenticator = authenticatorOf(side, end);
    const step = moment === "begin"
      ? authenticator.begin(turn, side)
      : authenticator.take(turn, side, payloads);
    const outcome = settle(turn, next, step);
    if (outcome) return outcome;
  }
  const { said, own, peer } = rounds;
  rounds.acts = [];
  rounds.said = [];
  return { kind: "says", payloads: said, done: own.done && peer.done };
}

function authenticatorOf({ config }: AuthSide, end: AuthEnd): Authenticator {
  return methodOf(config)[end] as Authenticator;
}

/** Notes a step; an outcome where the acts end with it for now. */
function settle(turn: Turn, { end }: AuthAct, step: AuthStep): RoundsOutcome | undefined {
  const rounds = turn.sa.setup!.auth!;
  switch (step.kind) {
    case "computes":
      return { kind: "computes", ticket: requestCompute(turn, step.job) };
    case "refuses":
      return { ...step, end };
    case "says":
      rounds.said.push(...step.payloads);
      rounds[end].done = step.done;
      return undefined;
  }
}
