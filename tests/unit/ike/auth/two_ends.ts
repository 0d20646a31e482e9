/**
 * An initiator and a responder of the core that set up one IKE SA in memory, their asymmetric work done
 * by a real backend. Nothing is lost, and no time passes.
 * @module
 */
import { SeededRandom } from "@/base/random.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { perform } from "@/engine/run/compute.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { dispatch, initiate, newEndpoint, receive } from "@/ike/endpoint.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import type { IkeEffect } from "@/ike/records/event.ts";
import { IssuedCredentials } from "@/pki/issuing.ts";
import { PathMemory } from "@/pki/trust.ts";
import { worldConfig } from "@/sim/scenarios.ts";
import type { Payload } from "@/wire/message.ts";

/** The time of day: 2026-06-01. */
const EPOCH_MS = Date.UTC(2026, 5, 1);
/** Messages and jobs of one set-up. */
const STEPS_MAX = 500;

/** One end when nobody waits for anything any more. */
export interface End {
  readonly sa: IkeSa;
  /** Texts of failures. */
  readonly failures: readonly string[];
  /** Texts of notes. */
  readonly notes: readonly string[];
  /** Payloads of each message it sent, in order. */
  readonly said: readonly (readonly Payload[])[];
}

/** What changes of both, and of each end's configuration. */
export interface Ends {
  readonly initiator?: Partial<IkeConfig>;
  readonly responder?: Partial<IkeConfig>;
  /** The tunnel. */
  readonly index?: number;
  /** The time of day, milliseconds since 1970; absent: 2026-06-01. */
  readonly epochMs?: () => number;
  /** What is remembered of certificates; absent: nothing is. */
  readonly paths?: PathMemory;
  /** Called when the initiator has its keys, before it says anything in IKE_AUTH. */
  readonly keyed?: (sa: IkeSa) => void;
  /** Called when the responder has its keys. */
  readonly keyedThere?: (sa: IkeSa) => void;
  /** Called with each datagram, and whether the initiator has sent it. */
  readonly sent?: (octets: Uint8Array, byInitiator: boolean) => void;
}

/** Sets up an IKE SA. */
export async function setUp(
  crypto: CryptoBackend,
  ends: Ends,
): Promise<{ readonly initiator: End; readonly responder: End }> {
  const { paths = new PathMemory(crypto), epochMs = () => EPOCH_MS } = ends;
  const issued = new IssuedCredentials(crypto);
  const means = { crypto, paths, issued, epochMs };
  const waiting: (() => void | Promise<void>)[] = [];
  const host = (config: Partial<IkeConfig>, seed: number) => {
    const random = new SeededRandom(seed);
    const env = {
      crypto,
      random: (count: number) => random.octets(count),
      childrenBySpi: new Map(),
      broken: new Set<never>(),
    };
    const failures: string[] = [];
    const notes: string[] = [];
    const said: (readonly Payload[])[] = [];
    return {
      endpoint: newEndpoint(env, worldConfig({ trace: true, ...config }), seed === 2),
      failures,
      notes,
      said,
    };
  };
  const a = host(ends.initiator ?? {}, 1);
  const b = host(ends.responder ?? {}, 2);
  const outbox = (own: typeof a, other: typeof a) => ({
    push(effect: IkeEffect, sa: IkeSa | undefined) {
      if (effect.kind === "send") {
        const { path, octets } = effect;
        ends.sent?.(octets, own === a);
        const turned = {
          ownAddress: path.peerAddress,
          ownPort: path.peerPort,
          peerAddress: path.ownAddress,
          peerPort: path.ownPort,
        };
        waiting.push(() =>
          receive(other.endpoint, { octets, path: turned }, 0, outbox(other, own))
        );
      } else if (effect.kind === "compute") {
        waiting.push(async () => {
          const result = await Promise.resolve().then(() => perform(means, effect.job))
            .catch((e) => ({ op: "refused", why: e.message }) as const);
          const event = { kind: "computed", ticket: effect.ticket, result } as const;
          dispatch(own.endpoint, { sa: sa!, event }, 0, outbox(own, other));
        });
      } else if (effect.kind === "failed" || effect.kind === "child_failed") {
        own.failures.push(effect.failure.text);
      } else if (effect.kind === "note") own.notes.push(effect.text);
      else if (effect.kind === "trace" && effect.sent) own.said.push(effect.payloads);
      else if (effect.kind === "keyed") (own === a ? ends.keyed : ends.keyedThere)?.(sa!);
    },
  });
  const path = {
    ownAddress: Uint8Array.of(10, 0, 0, 1),
    ownPort: 500,
    peerAddress: Uint8Array.of(10, 0, 0, 2),
    peerPort: 500,
  };
  const sa = initiate(a.endpoint, { index: ends.index ?? 0, path }, 0, outbox(a, b));
  let steps = 0;
  for (let step = waiting.shift(); step; step = waiting.shift()) {
    if (++steps > STEPS_MAX) throw new Error("The two ends do not come to rest");
    await step();
  }
  const theirs = [...b.endpoint.bySpi.values()].at(-1)!;
  return { initiator: { ...a, sa }, responder: { ...b, sa: theirs } };
}
