/**
 * Two endpoints of the core that are connected directly in memory, without a network, a clock or the
 * engine: end a dials and end b answers. Datagrams and asymmetric computations wait until a test lets
 * them go on.
 * @module
 */
import { mirrored, type Path } from "@/base/address.ts";
import type { RandomOctets } from "@/base/random.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { dispatch, type Endpoint, initiate, newEndpoint, receive } from "@/ike/endpoint.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import type {
  ComputeJob,
  ComputeResult,
  IkeEffect,
  IkeEvent,
  Outbox,
} from "@/ike/records/event.ts";
import type { SessionTicket } from "@/ike/records/resumption.ts";
import type { FaultName } from "@/ike/records/fault.ts";
import type { IkeSa } from "@/ike/records/sa.ts";

/** The path from end a to end b. */
export const PATH: Path = {
  ownAddress: Uint8Array.of(10, 0, 0, 1),
  ownPort: 500,
  peerAddress: Uint8Array.of(10, 0, 0, 2),
  peerPort: 500,
};

/** The options of both ends. */
export interface TwoEndsOptions {
  readonly crypto: CryptoBackend;
  readonly a: IkeConfig;
  readonly b: IkeConfig;
  /** The random octets of each end. */
  readonly random: { readonly a: RandomOctets; readonly b: RandomOctets };
  /** Performs an asymmetric computation. */
  readonly compute: (job: ComputeJob) => ComputeResult | Promise<ComputeResult>;
  /** Is called with each effect of an end, before it is performed. */
  readonly effect?: (effect: IkeEffect, sa: IkeSa | undefined, end: Endpoint) => void;
}

/** Whether a datagram is lost on its way. */
export type IsLost = (octets: Uint8Array) => boolean;

/** A datagram or a computation that waits; a promise if the computation is asynchronous. */
type Step = (isLost: IsLost) => void | Promise<void>;

const NONE_LOST: IsLost = () => false;

/** The two ends. */
export class TwoEnds {
  /** The time of the core, in milliseconds; only a test changes it. */
  nowMs = 0;
  readonly a: Endpoint;
  readonly b: Endpoint;
  readonly #options: TwoEndsOptions;
  readonly #outboxes = new Map<Endpoint, Outbox>();
  /** What waits, from index `#next` on. */
  #steps: Step[] = [];
  #next = 0;

  constructor(options: TwoEndsOptions) {
    this.#options = options;
    const end = (name: "a" | "b") => {
      const endpoint = newEndpoint(
        {
          crypto: options.crypto,
          random: options.random[name],
          childrenBySpi: new Map(),
          broken: new Set<FaultName>(),
        },
        options[name],
        name === "b",
      );
      this.#outboxes.set(endpoint, { push: (effect, sa) => this.#take(endpoint, effect, sa) });
      return endpoint;
    };
    this.a = end("a");
    this.b = end("b");
  }

  /** Lets end a dial, or resume what a ticket is of. */
  dial(index = 0, path = PATH, ticket?: SessionTicket): IkeSa {
    return initiate(this.a, { index, path, ticket }, this.nowMs, this.#outboxes.get(this.a)!);
  }

  /** Gives an event to an SA of an end. */
  tell(end: Endpoint, sa: IkeSa, event: IkeEvent): void {
    dispatch(end, { sa, event }, this.nowMs, this.#outboxes.get(end)!);
  }

  /** Delivers a datagram to an end; without `path` it comes from the other end. */
  arrive(to: Endpoint, octets: Uint8Array, path = to === this.b ? mirrored(PATH) : PATH): void {
    receive(to, { octets, path }, this.nowMs, this.#outboxes.get(to)!);
  }

  /** Delivers all datagrams and performs all computations, which must be synchronous. */
  pump(isLost = NONE_LOST): void {
    for (let step = this.#nextStep(); step; step = this.#nextStep()) {
      if (step(isLost)) throw new Error("A computation is asynchronous: use settle()");
    }
  }

  /** The same, with computations that may be asynchronous; at most `stepsMax` of both. */
  async settle(stepsMax: number): Promise<void> {
    let steps = 0;
    for (let step = this.#nextStep(); step; step = this.#nextStep()) {
      if (++steps > stepsMax) throw new Error("The two ends do not come to rest");
      await step(NONE_LOST);
    }
  }

  #nextStep(): Step | undefined {
    const step = this.#steps[this.#next++];
    if (step) return step;
    this.#steps = [];
    this.#next = 0;
  }

  #take(end: Endpoint, effect: IkeEffect, sa: IkeSa | undefined): void {
    this.#options.effect?.(effect, sa, end);
    if (effect.kind === "send") {
      const { octets, path } = effect;
      const to = end === this.a ? this.b : this.a;
      this.#steps.push((isLost) => {
        if (!isLost(octets)) this.arrive(to, octets, mirrored(path));
      });
    } else if (effect.kind === "compute") {
      const { job, ticket } = effect;
      this.#steps.push(() => {
        const done = (result: ComputeResult) =>
          this.tell(end, sa!, { kind: "computed", ticket, result });
        const result = this.#options.compute(job);
        return result instanceof Promise ? result.then(done) : done(result);
      });
    }
  }
}
