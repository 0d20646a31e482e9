/**
 * A test bench: our core at one end, a scripted peer at the other, and a wire between them that carries what
 * a check sends. The core is the real one with its endpoint; time only passes when a check lets it.
 * @module
 */
import assert from "node:assert/strict";
import type { Path } from "@/base/address.ts";
import { toHex } from "@/base/bytes.ts";
import { SeededRandom } from "@/base/random.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { nameOfNotify } from "@/iana/notify_type.ts";
import type { ChildSa, IkeEnv, IkeSa } from "@/ike/records/sa.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import { dispatch, type Endpoint, initiate, newEndpoint, receive } from "@/ike/endpoint.ts";
import type { IkeEffect, IkeEvent } from "@/ike/records/event.ts";
import { isReplaced } from "@/ike/records/ike_sa.ts";
import { notifies, notify } from "@/ike/records/notify.ts";
import type { SessionTicket } from "@/ike/records/resumption.ts";
import { ScriptedPeer } from "@/script/peer.ts";
import { WorldKeys } from "@/sim/keys.ts";
import { worldConfig } from "@/sim/scenarios.ts";
import { isInClear } from "@/wire/exchange_rules.ts";
import { decodeHeader, type IkeHeader, type MessageHeader, type Payload } from "@/wire/message.ts";
import type { Role } from "./entries.ts";

export { notify };

const crypto = portableBackend();
const keys = new WorldKeys(crypto);

/** The path as the core sees it. */
export const PATH: Path = {
  ownAddress: Uint8Array.of(10, 0, 0, 1),
  ownPort: 500,
  peerAddress: Uint8Array.of(10, 0, 0, 2),
  peerPort: 500,
};

/** A message that the core sent. */
export interface Said {
  readonly octets: Uint8Array;
  readonly path: Path;
  readonly transmission: number;
  readonly header: IkeHeader;
  /** The payloads, decrypted. */
  readonly payloads: readonly Payload[];
}

/** One core and one peer. */
export class Bench {
  readonly role: Role;
  readonly core: Endpoint;
  readonly peer: ScriptedPeer;
  nowMs = 0;
  /** Effects of the core since the start, including `send`. */
  readonly effects: IkeEffect[] = [];
  /** Whether asymmetric computations are done at once; otherwise they wait for `work()`. */
  computes = true;
  #sent: Said[] = [];
  #drops: string[] = [];
  #jobs: (() => void)[] = [];
  readonly #random = new SeededRandom(5);

  /**
   * A core in a role; as initiator it has just sent its IKE_SA_INIT. `change` is a change of its
   * configuration.
   */
  constructor(role: Role, change: Partial<IkeConfig> = {}, peers: Partial<IkeConfig> = {}) {
    this.role = role;
    const env: IkeEnv = {
      crypto,
      random: (count) => this.#random.octets(count),
      childrenBySpi: new Map<number, ChildSa>(),
      broken: new Set(),
    };
    this.core = newEndpoint(env, worldConfig(change), role === "responder");
    this.peer = new ScriptedPeer({
      initiator: role === "responder",
      config: worldConfig(peers),
      crypto,
      keys,
    });
    if (role === "responder") return;
    initiate(this.core, { index: 0, path: PATH }, this.nowMs, this.#outbox);
    this.work();
  }

  /** A bench after IKE_SA_INIT. As initiator, the core has just sent its IKE_AUTH. */
  static keyed(role: Role, change: Partial<IkeConfig> = {}, peers: Partial<IkeConfig> = {}): Bench {
    const bench = new Bench(role, change, peers);
    const { peer } = bench;
    if (role === "initiator") peer.learn(bench.said().at(-1)!.octets);
    bench.hear(peer.init());
    if (role === "responder") peer.learn(bench.said().at(-1)!.octets);
    assert.equal(bench.sa.phase, "created");
    return bench;
  }

  /** A bench with an established SA and a CHILD_SA. */
  static up(role: Role, change: Partial<IkeConfig> = {}, peers: Partial<IkeConfig> = {}): Bench {
    const bench = Bench.keyed(role, change, peers);
    const { peer } = bench;
    if (role === "responder") {
      bench.ask(ExchangeType.IKE_AUTH, peer.authPayloads());
    } else {
      bench.answer(peer.authPayloads());
    }
    assert.equal(bench.sa.phase, "established");
    assert.equal(bench.sa.children.length, 1);
    bench.said();
    bench.dropped();
    return bench;
  }

  /** Lets the initiator resume another IKE SA by a ticket. */
  resume(ticket: SessionTicket): void {
    initiate(this.core, { index: 1, path: PATH, ticket }, this.nowMs, this.#outbox);
    this.work();
  }

  /** The only SA that has not ended; if there is none, the last one. */
  get sa(): IkeSa {
    const all = [...this.core.bySpi.values()];
    const live = all.filter((sa) => sa.phase !== "closed" && !isReplaced(sa));
    assert(live.length < 2, "one SA");
    const sa = live[0] ?? all.at(-1);
    assert(sa, "there is an SA");
    return sa;
  }

  /** SAs that are neither closed nor forgotten. */
  get live(): IkeSa[] {
    return [...this.core.bySpi.values()].filter((sa) => sa.phase !== "closed");
  }

  /** Delivers a datagram to the core. */
  hear(octets: Uint8Array, path = PATH): void {
    receive(this.core, { octets, path }, this.nowMs, this.#outbox);
    if (this.computes) this.work();
  }

  /** Gives another event to the SA. */
  tell(event: IkeEvent, sa = this.sa): void {
    dispatch(this.core, { sa, event }, this.nowMs, this.#outbox);
    if (this.computes) this.work();
  }

  /** Does the asymmetric computations that are requested. */
  work(): void {
    for (let job = this.#jobs.shift(); job; job = this.#jobs.shift()) job();
  }

  /** Lets time pass; what becomes due happens meanwhile. */
  pass(ms: number): void {
    const until = this.nowMs + ms;
    for (;;) {
      const all = [...this.core.bySpi.values()];
      const next = all.toSorted((a, b) => a.deadlineMs - b.deadlineMs)[0];
      if (!next || next.deadlineMs > until) break;
      this.nowMs = Math.max(this.nowMs, next.deadlineMs);
      this.tell({ kind: "deadline" }, next);
    }
    this.nowMs = until;
  }

  /** The messages that the core has sent since the last call. */
  said(): Said[] {
    return this.#sent.splice(0);
  }

  /** The reasons why the core has dropped messages since the last call. */
  dropped(): string[] {
    return this.#drops.splice(0);
  }

  /** Sends a request of the peer with its next Message ID; returns the core's answer. */
  ask(
    exchange: number,
    payloads: readonly Payload[],
    change: Partial<MessageHeader> = {},
  ): readonly Payload[] {
    const header = this.peer.header(exchange, change);
    this.said();
    this.hear(this.peer.seal(header, payloads));
    this.peer.nextId = header.messageId + 1;
    return this.#answerTo(header);
  }

  #answerTo({ messageId, exchange }: MessageHeader): readonly Payload[] {
    const answers = this.said().filter(({ header }) => header.response);
    assert.equal(answers.length, 1, `one answer, dropped: ${this.#drops.join(", ")}`);
    const [{ header, payloads }] = answers as [Said];
    assert.deepEqual([header.messageId, header.exchange], [messageId, exchange]);
    return payloads;
  }

  /** Sends the peer's response to the core's outstanding request. */
  answer(payloads: readonly Payload[], change: Partial<MessageHeader> = {}): void {
    this.hear(this.response(payloads, change));
  }

  /** Makes the core rekey its CHILD_SA and answers with these payloads; returns why the rekey failed. */
  answersRekey(payloads: readonly Payload[]): string {
    this.tell({ kind: "rekey_child", child: this.sa.children[0]! });
    this.answer(payloads);
    const failed = this.effects.findLast((e) => e.kind === "create_child_failed");
    return failed?.kind === "create_child_failed" ? failed.failure.text : "";
  }

  /** The peer's response as octets. */
  response(payloads: readonly Payload[], change: Partial<MessageHeader> = {}): Uint8Array {
    const { exchange, messageId } = this.sa.window.request!;
    return this.peer.seal(
      this.peer.header(exchange, { messageId, response: true, ...change }),
      payloads,
    );
  }

  /** Checks that the core answers a request with only this error notify; returns its data. */
  refuses(
    type: number,
    exchange: number,
    payloads: readonly Payload[],
    change: Partial<MessageHeader> = {},
  ): Uint8Array {
    const answer = this.ask(exchange, payloads, change);
    assert.deepEqual(notifies(answer).map((n) => nameOfNotify(n.notify)), [nameOfNotify(type)]);
    assert.equal(answer.length, 1);
    return notifies(answer)[0]!.data;
  }

  /** Checks that a datagram is only counted: the core does not answer and does not change. */
  ignores(reason: string | RegExp, octets: Uint8Array, path = PATH): void {
    const before = this.#state();
    this.said();
    this.dropped();
    const counted = this.#counted();
    this.hear(octets, path);
    const dropped = this.dropped();
    assert.equal(dropped.length, 1, `one drop: ${dropped.join(", ")}`);
    if (typeof reason === "string") assert.equal(dropped[0], reason);
    else assert.match(dropped[0]!, reason);
    assert.equal(this.#counted(), counted + 1, "the endpoint counts it");
    assert.deepEqual(this.said(), []);
    assert.deepEqual(this.#state(), before);
  }

  #counted(): number {
    return [...this.core.drops.values()].reduce((sum, n) => sum + n, 0);
  }

  /** The state that an ignored message must not change. */
  #state(): unknown {
    const { halfOpen, bySpi, env } = this.core;
    const sas = [...bySpi.values()].map((sa) => ({
      phase: sa.phase,
      spis: [sa.spiI, sa.spiR],
      ids: [
        sa.window.nextRequestId,
        sa.window.nextPeerId,
        sa.window.request?.messageId,
        sa.window.request?.transmissions,
      ],
      children: sa.children.map((c) => [c.state, c.spiIn, c.spiOut]),
      tasks: [sa.active?.kind, ...sa.queue.map((t) => t.kind)],
      keys: sa.keys && toHex(sa.keys),
      heard: sa.lastReceivedMs,
      due: sa.deadlineMs,
      path: sa.path,
    }));
    return { halfOpen, sas, spis: [...env.childrenBySpi.keys()] };
  }

  /** Checks that the SA is established with this number of CHILD_SAs, and answers the peer. */
  stands(children = 1): void {
    assert.equal(this.sa.phase, "established");
    assert.equal(this.sa.children.filter((c) => c.state === "established").length, children);
    assert.deepEqual(this.ask(ExchangeType.INFORMATIONAL, []), []);
  }

  /** Checks that no SA and no CHILD_SA is left. */
  over(): void {
    assert.deepEqual(this.live, []);
    assert.equal(this.core.env.childrenBySpi.size, 0);
    assert.equal(this.core.halfOpen, 0);
  }

  /** The text of the last failure. */
  get failure(): string {
    const failed = this.effects.filter((e) => e.kind === "failed" || e.kind === "child_failed");
    const last = failed.at(-1);
    return last && "failure" in last ? last.failure.text : "";
  }

  readonly #outbox = {
    push: (effect: IkeEffect, sa: IkeSa | undefined) => {
      this.effects.push(effect);
      if (effect.kind === "dropped") this.#drops.push(effect.reason);
      if (effect.kind === "compute") {
        const { job, ticket } = effect;
        this.#jobs.push(() => {
          const result = keys.compute(job, this.#random);
          const event = { kind: "computed", ticket, result } as const;
          dispatch(this.core, { sa: sa!, event }, this.nowMs, this.#outbox);
        });
      }
      if (effect.kind !== "send") return;
      const { octets, path, transmission } = effect;
      const header = decodeHeader(octets);
      const clear = isInClear(header.exchange) || !this.peer.keys;
      const mine = clear || header.spiI === this.peer.spiI;
      const payloads = mine ? this.peer.open(octets) : [];
      this.#sent.push({ octets, path, transmission, header, payloads });
    },
  };
}
