/**
 * Sets up one IKE SA between an initiator and a responder of the core in memory, with asymmetric
 * computations of a real backend. Nothing is lost, and no time passes.
 * @module
 */
import { SeededRandom } from "@/base/random.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { perform } from "@/engine/run/compute.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import type { IkeEffect } from "@/ike/records/event.ts";
import { IssuedCredentials } from "@/pki/issuing.ts";
import { PathMemory } from "@/pki/trust.ts";
import { worldConfig } from "@/sim/scenarios.ts";
import type { Payload } from "@/wire/message.ts";
import { TwoEnds } from "../../../two_ends.ts";

/** The time of day: 2026-06-01. */
const EPOCH_MS = Date.UTC(2026, 5, 1);
/** The most messages and computations of one set-up. */
const STEPS_MAX = 500;

/** One end after the set-up. */
export interface End {
  readonly sa: IkeSa;
  /** Texts of failures. */
  readonly failures: readonly string[];
  /** Texts of notes. */
  readonly notes: readonly string[];
  /** The payloads of each message that it sent, in order. */
  readonly said: readonly (readonly Payload[])[];
}

/** The changes of the configuration of each end, and what both ends share. */
export interface Ends {
  readonly initiator?: Partial<IkeConfig>;
  readonly responder?: Partial<IkeConfig>;
  /** The index of the tunnel; absent: 0. */
  readonly index?: number;
  /** The time of day, milliseconds since 1970; absent: 2026-06-01. */
  readonly epochMs?: () => number;
  /** Certificates and verdicts that are remembered from earlier set-ups; absent: none. */
  readonly paths?: PathMemory;
  /** Is called when the initiator has its keys, before it sends anything in IKE_AUTH. */
  readonly keyed?: (sa: IkeSa) => void;
  /** Is called when the responder has its keys, before it answers in IKE_AUTH. */
  readonly keyedThere?: (sa: IkeSa) => void;
  /** Is called with each datagram, and whether the initiator has sent it. */
  readonly sent?: (octets: Uint8Array, byInitiator: boolean) => void;
}

/** What is recorded of an end. */
type Record = Omit<End, "sa"> & {
  readonly failures: string[];
  readonly notes: string[];
  readonly said: (readonly Payload[])[];
};

/** Sets up an IKE SA, or fails to; returns both ends as they are then. */
export async function setUp(
  crypto: CryptoBackend,
  ends: Ends,
): Promise<{ readonly initiator: End; readonly responder: End }> {
  const { paths = new PathMemory(crypto), epochMs = () => EPOCH_MS } = ends;
  const means = { crypto, paths, issued: new IssuedCredentials(crypto), epochMs };
  const record = (): Record => ({ failures: [], notes: [], said: [] });
  const initiator = record();
  const responder = record();
  const random = (seed: number) => {
    const seeded = new SeededRandom(seed);
    return (count: number) => seeded.octets(count);
  };
  const both = new TwoEnds({
    crypto,
    a: worldConfig({ trace: true, ...ends.initiator }),
    b: worldConfig({ trace: true, ...ends.responder }),
    random: { a: random(1), b: random(2) },
    compute: (job) =>
      Promise.resolve().then(() => perform(means, job)).catch((e) => ({
        op: "refused",
        why: e.message,
      })),
    effect: (effect, sa, end) => {
      const isInitiator = end === both.a;
      note(isInitiator ? initiator : responder, effect);
      if (effect.kind === "send") ends.sent?.(effect.octets, isInitiator);
      if (effect.kind === "keyed") (isInitiator ? ends.keyed : ends.keyedThere)?.(sa!);
    },
  });
  const sa = both.dial(ends.index);
  await both.settle(STEPS_MAX);
  const theirs = [...both.b.bySpi.values()].at(-1)!;
  return { initiator: { ...initiator, sa }, responder: { ...responder, sa: theirs } };
}

function note({ failures, notes, said }: Record, effect: IkeEffect): void {
  if (effect.kind === "failed" || effect.kind === "child_failed") {
    failures.push(effect.failure.text);
  } else if (effect.kind === "note") notes.push(effect.text);
  else if (effect.kind === "trace" && effect.sent) said.push(effect.payloads);
}
