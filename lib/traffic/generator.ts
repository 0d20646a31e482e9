/**
 * Sends test traffic through any number of tunnels at a common rate, and judges what comes back and what the
 * other ends send. It has no clock and no timer: its driver calls {@linkcode TrafficGenerator.pump} at the time
 * of {@linkcode TrafficGenerator.nextMs}.
 *
 * A packet that is to be returned carries the time when it was sent, so that its latency is that of the way
 * there and back, by our own clock. Whether packets are lost is decided for all that were sent in the same
 * second, so that nothing has to be kept for a single one.
 * @module
 */
import type { IpAddress } from "@/base/address.ts";
import type {
  ArrivedTraffic,
  TrafficCarrier,
  TrafficReceiver,
  TrafficVerdict,
} from "@/traffic/carrier.ts";
import { udpKind } from "@/ping/echo.ts";
import { FlowMeter, windowFor } from "@/traffic/flow_meter.ts";
import { Incoming } from "@/traffic/incoming.ts";
import { Pacer, type TrafficRate } from "@/traffic/pacer.ts";
import {
  elapsedUs,
  noFields,
  readFields,
  TRAFFIC_HEADER_OCTETS,
  TrafficMark,
  writeFields,
} from "@/traffic/packet.ts";
import { FlowPhases, type Phase } from "@/traffic/phases.ts";
import { SecondCounts } from "@/traffic/second_counts.ts";

/** The options of the traffic. */
export interface TrafficOptions {
  readonly carrier: TrafficCarrier;
  /** The rate; undefined: nothing is sent. */
  readonly rate: TrafficRate | undefined;
  /** Whether the rate is that of each flow. */
  readonly isEach: boolean;
  /** Octets of the IP packets, in turn. */
  readonly sizes: readonly number[];
  /** Whether the other end is to return the packets. */
  readonly returns: boolean;
  /** The most flows. */
  readonly flowsMax: number;
  /** Identifies this run, uint16. */
  readonly tag: number;
  /** Identifies the clock of this host, uint16. */
  readonly clock: number;
  readonly nowMs: () => number;
  /** Microseconds since 1970, by the clock of this host. */
  readonly nowUs: () => number;
  /** Is called for a packet that came back, with the phase in which it was sent. */
  readonly returned: (latencyMs: number, phase: Phase | undefined) => void;
  /** Is called for the jitter of a flow (RFC 3550 §6.4.1) after a packet that came back. */
  readonly jitter: (ms: number) => void;
  /** The same for packets of the other end; its latency is that of one way, where both have one clock. */
  readonly came: (latencyMs: number) => void;
  readonly cameJitter: (ms: number) => void;
}

/** A flow that is to be added. */
export interface NewFlow {
  readonly own: IpAddress;
  readonly peer: IpAddress;
}

/** The most packets that wait for each other. */
const BATCH = 64;
/** The most packets of one call of {@linkcode TrafficGenerator.pump}. */
const PUMP_MAX = 2_048;
const UDP_OCTETS = 8;

/** Drives the traffic of all tunnels. */
export class TrafficGenerator implements TrafficReceiver {
  /** What came back. */
  readonly meter: FlowMeter;
  readonly phases: FlowPhases;
  /** What came from the other ends by itself. */
  readonly incoming: Incoming;
  sent = 0;
  octetsSent = 0;
  /** Packets that came back with another length than they had. */
  altered = 0;
  /** Packets that are no answer to a packet of this run. */
  strange = 0;
  readonly #options: TrafficOptions;
  readonly #ends: NewFlow[] = [];
  readonly #fields = noFields();
  readonly #payload: Uint8Array;
  readonly #pacer: Pacer | undefined;
  readonly #seconds: SecondCounts;
  /** The sequence number of the next packet of each flow. */
  #next = new Uint32Array(64);
  /** Flows that send, in the order of their turns, and where each of them is; −1: it does not. */
  readonly #active: number[] = [];
  readonly #places: number[] = [];
  #turn = 0;

  constructor(options: TrafficOptions) {
    const { rate, isEach, sizes, flowsMax, carrier } = options;
    this.#options = options;
    const largest = Math.max(...sizes, TRAFFIC_HEADER_OCTETS);
    this.#payload = Uint8Array.from({ length: largest }, (_, i) => i * 31 + 7);
    this.#pacer = rate && new Pacer(rate, isEach, sizes);
    const perFlow = rate ? packetsPerSecond(options) / (isEach ? 1 : flowsMax) : 0;
    this.meter = new FlowMeter(windowFor(perFlow, flowsMax));
    this.phases = new FlowPhases({
      next: (flow) => this.#next[flow]!,
      hasSeen: (flow, sequence) => this.meter.hasSeen(flow, sequence),
      backMax: Math.min(this.meter.window, Math.ceil(perFlow)),
    });
    this.#seconds = new SecondCounts(Math.floor(options.nowUs()) / 1_000);
    this.incoming = new Incoming(options);
    carrier.receiver = this;
  }

  /** Number of flows. */
  get flows(): number {
    return this.#ends.length;
  }

  /** Packets that were due and were left out, as the process came too late for them. */
  get behind(): number {
    return Math.floor(this.#pacer?.behind ?? 0);
  }

  /** Packets that did not come back in time; those on their way are none. */
  get lost(): number {
    return this.#seconds.lost;
  }

  /** Packets that came back after they were counted as lost. */
  get late(): number {
    return this.#seconds.late + this.meter.late;
  }

  /** Packets that came back in time. */
  get received(): number {
    return this.#seconds.received;
  }

  /** Number of packets that may still come back. */
  get outstanding(): number {
    return this.#options.returns ? this.sent - this.received - this.lost : 0;
  }

  /** Adds a flow, which does not send yet. */
  add(flow: NewFlow): number {
    const number = this.#ends.length;
    this.#ends.push({ own: flow.own.slice(), peer: flow.peer.slice() });
    this.meter.reach(number);
    this.phases.reach(number);
    if (number >= this.#next.length) {
      const grown = new Uint32Array(2 * this.#next.length);
      grown.set(this.#next);
      this.#next = grown;
    }
    this.#places.push(-1);
    this.incoming.expect(flow);
    return number;
  }

  /** Lets a flow send. */
  resume(flow: number): void {
    if (!this.#pacer || this.#places[flow] !== -1) return;
    this.#places[flow] = this.#active.length;
    this.#active.push(flow);
    this.#pacer.setFlows(this.#active.length, this.#options.nowMs());
  }

  /** Lets a flow send nothing until it is resumed. */
  pause(flow: number): void {
    const place = this.#places[flow]!;
    if (place < 0) return;
    const last = this.#active.pop()!;
    if (last !== flow) {
      this.#active[place] = last;
      this.#places[last] = place;
    }
    this.#places[flow] = -1;
    this.#pacer!.setFlows(this.#active.length, this.#options.nowMs());
  }

  /** Lets no flow send any more; packets that come back still count. */
  stop(): void {
    for (const flow of this.#active) this.#places[flow] = -1;
    this.#active.length = 0;
    this.#pacer?.setFlows(0, this.#options.nowMs());
  }

  /** Number of packets that a flow has sent. */
  sentOf(flow: number): number {
    return this.#next[flow]!;
  }

  /** The ends of a flow. */
  endsOf(flow: number): NewFlow {
    return this.#ends[flow]!;
  }

  /** When {@linkcode pump} has something to do; Infinity: no flow sends. */
  nextMs(): number {
    const flow = this.#nextFlow();
    return flow === undefined ? Infinity : this.#pacer!.nextMs(this.#sizeOf(flow));
  }

  /** Sends the packets that are due, up to a limit. If some are left, {@linkcode nextMs} says so. */
  pump(): void {
    const { carrier, nowMs: clock } = this.#options;
    const nowMs = clock();
    this.#pacer?.advance(nowMs);
    this.phases.advance(nowMs);
    this.#seconds.advance(this.#options.nowUs() / 1_000);
    for (let sent = 0; sent < PUMP_MAX; sent++) {
      const flow = this.#nextFlow();
      if (flow === undefined || !this.#pacer!.pay(this.#sizeOf(flow))) break;
      if (sent % BATCH === 0 && sent > 0) carrier.flush();
      this.#send(flow);
      this.#turn++;
    }
    carrier.flush();
  }

  /** Counts what did not come back in time, without sending anything. */
  look(): void {
    this.phases.advance(this.#options.nowMs());
    this.#seconds.advance(this.#options.nowUs() / 1_000);
  }

  /** Judges all packets: those that did not come back are lost. */
  judgeAll(): void {
    if (this.#options.returns) this.#seconds.judgeAll();
  }

  /** See {@linkcode TrafficReceiver}. */
  arrived(packet: ArrivedTraffic): TrafficVerdict {
    const fields = this.#fields;
    if (!readFields(packet, fields)) {
      const { buffer, at, octets } = packet;
      return udpKind(buffer, at, octets) === "request" ? "return" : "other";
    }
    const isOurs = fields.tag === this.#options.tag;
    // An echo server that knows nothing of us returns a packet as it was (RFC 862).
    if (fields.mark === TrafficMark.REPLY || isOurs && this.#isBetween(packet.own, packet.peer)) {
      if (!isOurs) return "other";
      this.#returned(packet);
      return "taken";
    }
    // A packet of ours that was never sent to anybody else is none of the other end.
    if (isOurs && this.#isBetween(packet.peer, packet.own)) return "other";
    this.incoming.take(packet, fields);
    return fields.mark === TrafficMark.REQUEST ? "return" : "taken";
  }

  /** Whether the flow that a packet names is between these ends. */
  #isBetween(own: IpAddress, peer: IpAddress): boolean {
    const ends = this.#ends[this.#fields.flow];
    return ends !== undefined && isSame(ends.own, own) && isSame(ends.peer, peer);
  }

  #returned({ peer, octets }: ArrivedTraffic): void {
    const { flow, sequence, sentUs } = this.#fields;
    const { nowUs, returned, jitter } = this.#options;
    const ends = this.#ends[flow];
    if (!ends || sequence >= this.#next[flow]! || !isSame(ends.peer, peer)) {
      return void this.strange++;
    }
    if (octets !== this.#payloadOctets(flow, sequence)) return void this.altered++;
    const us = Math.floor(nowUs());
    const latencyUs = Math.max(0, elapsedUs(sentUs, us));
    const sentMs = (us - latencyUs) / 1_000;
    const latencyMs = latencyUs / 1_000;
    this.#seconds.advance(us / 1_000);
    if (this.#seconds.isJudged(sentMs)) return void this.#seconds.late++;
    const verdict = this.meter.take(flow, sequence);
    if (verdict === "duplicate" || verdict === "late") return;
    this.#seconds.came(sentMs);
    this.meter.addLatency(flow, latencyMs);
    returned(latencyMs, this.phases.received(flow, sequence));
    const jitterMs = this.meter.addTransit(flow, latencyMs);
    if (jitterMs !== undefined) jitter(jitterMs);
  }

  #send(flow: number): void {
    const { carrier, returns, tag, clock, nowUs } = this.#options;
    const { own, peer } = this.#ends[flow]!;
    const fields = this.#fields;
    const size = this.#sizeOf(flow);
    const octets = this.#payloadOctets(flow, this.#next[flow]!);
    fields.mark = returns ? TrafficMark.REQUEST : TrafficMark.ONE_WAY;
    fields.sequence = this.#next[flow]!++;
    fields.tag = tag;
    fields.flow = flow;
    fields.clock = clock;
    fields.sentUs = Math.floor(nowUs());
    writeFields(this.#payload, fields);
    this.sent++;
    this.octetsSent += size;
    if (returns) this.#seconds.sent(fields.sentUs / 1_000);
    this.phases.sent(flow);
    carrier.send(own, peer, this.#payload.subarray(0, octets));
  }

  #nextFlow(): number | undefined {
    if (this.#turn >= this.#active.length) this.#turn = 0;
    return this.#active[this.#turn];
  }

  #sizeOf(flow: number): number {
    const { sizes } = this.#options;
    return sizes[this.#next[flow]! % sizes.length]!;
  }

  #payloadOctets(flow: number, sequence: number): number {
    const { sizes } = this.#options;
    const header = this.#ends[flow]!.peer.length === 4 ? 20 : 40;
    return sizes[sequence % sizes.length]! - header - UDP_OCTETS;
  }
}

function packetsPerSecond({ rate, sizes }: TrafficOptions): number {
  if (rate!.unit === "packets") return rate!.perSecond;
  const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
  return rate!.perSecond / (8 * mean);
}

function isSame(a: IpAddress, b: IpAddress): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
