/**
 * Counts the packets that the other ends send by themselves, one way. Only those between the ends of a tunnel
 * count, so that a stranger makes no flow.
 * @module
 */
import type { IpAddress } from "@/base/address.ts";
import type { ArrivedTraffic } from "@/traffic/carrier.ts";
import { TaskTable } from "@/ping/task_table.ts";
import { FlowMeter, windowFor } from "@/traffic/flow_meter.ts";
import { elapsedUs, type TrafficFields } from "@/traffic/packet.ts";

/** Options; those of the traffic have them. */
export interface IncomingOptions {
  readonly flowsMax: number;
  readonly clock: number;
  readonly nowUs: () => number;
  readonly came: (latencyMs: number) => void;
  readonly cameJitter: (ms: number) => void;
}

/** Packets that a second of one flow may have for its window to hold them. */
const PER_SECOND = 1_024;

/** The packets of the other ends. */
export class Incoming {
  readonly meter: FlowMeter;
  octets = 0;
  /** Packets that are in no tunnel's addresses. */
  strange = 0;
  /** Packets whose sender has another clock, so that their latency is not known. */
  otherClock = 0;
  readonly #options: IncomingOptions;
  /** The ends of all tunnels; the number there is that of the flow. */
  readonly #table: TaskTable;
  /** The flow of each sender's flow, by its tag and number. */
  readonly #bySender = new Map<number, number>();
  /** The sender of each flow; absent: none yet. */
  readonly #senderOf: (number | undefined)[] = [];
  /** Packets that are expected of each flow, apart from those since its sender is another. */
  readonly #before: number[] = [];
  readonly #first: number[] = [];

  constructor(options: IncomingOptions) {
    this.#options = options;
    this.#table = new TaskTable(0);
    this.meter = new FlowMeter(windowFor(PER_SECOND, options.flowsMax));
  }

  /** Number of flows of which packets came. */
  get flows(): number {
    return this.#bySender.size;
  }

  /** Packets that were sent, as far as the sequence numbers of those that came tell. */
  get expected(): number {
    let sum = 0;
    for (let flow = 0; flow < this.#table.count; flow++) sum += this.expectedOf(flow);
    return sum;
  }

  /** The same of one flow. */
  expectedOf(flow: number): number {
    if (this.#senderOf[flow] === undefined) return 0;
    return this.#before[flow]! + this.meter.top[flow]! - this.#first[flow]!;
  }

  /** The number of flows that may come. */
  get known(): number {
    return this.#table.count;
  }

  /** The ends of a flow. */
  endsOf(flow: number): { readonly own: IpAddress; readonly peer: IpAddress } {
    return { own: this.#table.ownOf(flow).slice(), peer: this.#table.peerOf(flow).slice() };
  }

  /** Packets between these ends are those of a tunnel from now on. */
  expect({ own, peer }: { readonly own: IpAddress; readonly peer: IpAddress }): void {
    if (this.#table.count >= this.#options.flowsMax) return;
    const flow = this.#table.add(own, peer);
    if (flow === undefined) return;
    this.meter.reach(flow);
    this.#before[flow] = this.#first[flow] = 0;
  }

  /** Takes a packet. */
  take(packet: ArrivedTraffic, fields: TrafficFields): void {
    const flow = this.#flowOf(packet, fields);
    if (flow === undefined) return void this.strange++;
    const verdict = this.meter.take(flow, fields.sequence);
    if (verdict === "duplicate" || verdict === "late") return;
    this.octets += packet.octets + (packet.peer.length === 4 ? 28 : 48);
    const { clock, nowUs, came, cameJitter } = this.#options;
    const transitMs = elapsedUs(fields.sentUs, nowUs()) / 1_000;
    const jitterMs = this.meter.addTransit(flow, transitMs);
    if (jitterMs !== undefined) cameJitter(jitterMs);
    if (fields.clock !== clock) return void this.otherClock++;
    const latencyMs = Math.max(0, transitMs);
    this.meter.addLatency(flow, latencyMs);
    came(latencyMs);
  }

  #flowOf(
    { own, peer }: ArrivedTraffic,
    { tag, flow, sequence }: TrafficFields,
  ): number | undefined {
    const sender = tag * 2 ** 32 + flow;
    const known = this.#bySender.get(sender);
    if (known !== undefined) return known;
    for (let nth = 0;; nth++) {
      const free = this.#table.find(own, peer, nth & 0xffff);
      if (free === undefined || nth > this.#options.flowsMax) return undefined;
      const before = this.#senderOf[free];
      // A sender that begins anew has another tag; of the flows of one run each has a place of its own.
      if (before !== undefined && Math.floor(before / 2 ** 32) === tag) continue;
      if (before !== undefined) {
        this.#before[free] = this.expectedOf(free);
        this.#bySender.delete(before);
      }
      this.#senderOf[free] = sender;
      this.#bySender.set(sender, free);
      // Those before the first one that came are lost, unless this end began after the sender.
      const first = sequence < this.meter.window ? 0 : sequence;
      this.#first[free] = first;
      this.meter.begin(free, first);
      return free;
    }
  }
}
