/**
 * Runs one endpoint of the core for real: datagrams in, effects out, deadlines kept, asymmetric work
 * done. One turn of the loop is: events go in, their effects are performed until none is left, all
 * datagrams leave in one flush, the next alarm is set.
 * @module
 */
import type { Path } from "@/base/address.ts";
import type { Clock } from "@/engine/run/clock.ts";
import { ConnectionKeeper } from "@/engine/run/connection_keeper.ts";
import { ComputePool } from "@/engine/run/compute.ts";
import { OURS, type WorkOrigin } from "@/engine/run/compute_queue.ts";
import { explained } from "@/engine/run/send_trouble.ts";
import { TimerWheel } from "@/engine/run/timer_wheel.ts";
import type { IkeEnv, IkeSa } from "@/ike/records/sa.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import {
  type Dial,
  dispatch,
  type Endpoint,
  initiate,
  newEndpoint,
  receive,
} from "@/ike/endpoint.ts";
import type { ComputeJob, IkeEffect, IkeEvent, Outbox } from "@/ike/records/event.ts";
import { isStranger } from "@/ike/records/ike_sa.ts";
import { IssuedCredentials } from "@/pki/issuing.ts";
import { PathMemory } from "@/pki/trust.ts";
import { KEEPALIVE, withMarker } from "@/transport/non_esp_marker.ts";
import type { Connections, Datagram, Transport } from "@/transport/transport.ts";

/**
 * After so long a turn begins no more work of what it may leave for the next: deadlines and asymmetric
 * jobs. Between turns sockets are read and the API is served, so no load keeps callers waiting.
 */
const TURN_MS = 5;

/** Something else that wants to be called at a time: its `deadlineMs` is moved by `ring`. */
export interface Alarm {
  deadlineMs: number;
  ring(nowMs: number): void;
}

/** What the loop tells its owner. Calls are synchronous, within a turn. */
export interface LoopListener {
  /** An effect that is not the loop's own business; may call `initiate` and `command`. */
  effect(effect: IkeEffect, sa: IkeSa | undefined, nowMs: number): void;
  /** Whether a datagram may go to the core. */
  admits(datagram: Datagram): boolean;
  /** A UDP payload that came or goes; undefined where nobody records. */
  readonly datagram:
    | ((sent: boolean, octets: Uint8Array, path: Path, nowMs: number) => void)
    | undefined;
  /** All effects so far are performed, and nothing has left yet; may cause more. */
  settled(): void;
  /** Something of ours is broken; the loop is stopped already. */
  broken(error: unknown): void;
}

/** See {@linkcode CoreLoop}. */
export interface CoreLoopOptions {
  readonly env: IkeEnv;
  readonly config: IkeConfig;
  /** Whether newcomers are answered. */
  readonly answers: boolean;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly listener: LoopListener;
  /** What the data path says of its packets: see {@linkcode IkeEnv}. */
  readonly silenceMs?: IkeEnv["silenceMs"];
  /** Asymmetric jobs under way at a time, where the backend answers by promise. */
  readonly computeMax: number;
}

/** An order of the compute pool comes back to its SA by ticket. */
interface Ticket {
  readonly sa: IkeSa;
  readonly ticket: number;
}

/** Whose work a job is: that of a stranger has its share by what it costs and who asks for it. */
function originOf(sa: IkeSa, job: ComputeJob): WorkOrigin {
  if (!isStranger(sa)) return OURS;
  return {
    share: "group" in job ? `group ${job.group}` : job.op,
    source: String.fromCharCode(...sa.path.peerAddress),
  };
}

/** One endpoint, running. */
export class CoreLoop implements Outbox {
  readonly endpoint: Endpoint;
  /** Requests sent again so far. */
  retransmissions = 0;
  datagramsSent = 0;
  datagramsReceived = 0;
  readonly #options: CoreLoopOptions;
  readonly #wheel: TimerWheel<IkeSa | Alarm>;
  readonly #pool: ComputePool<Ticket>;
  /** Undefined: there is only UDP. */
  readonly #keeper: ConnectionKeeper | undefined;
  /** Effects not yet performed, in pairs with their SAs. */
  #effects: IkeEffect[] = [];
  #owners: (IkeSa | undefined)[] = [];
  /** Time of the turn under way; every event of one turn has the same. */
  #nowMs: number;
  #inTurn = false;
  #stopped = false;
  #wakeMs = Infinity;
  #forgetWake: () => void = () => {};

  constructor(options: CoreLoopOptions) {
    const { env, config, answers, clock, transport, computeMax } = options;
    this.#options = options;
    this.#nowMs = clock.nowMs();
    const { silenceMs } = options;
    this.endpoint = newEndpoint(silenceMs ? { ...env, silenceMs } : env, config, answers);
    this.#wheel = new TimerWheel<IkeSa | Alarm>(this.#nowMs);
    this.#pool = new ComputePool<Ticket>({
      crypto: env.crypto,
      paths: new PathMemory(env.crypto),
      issued: new IssuedCredentials(env.crypto),
      epochMs: () => clock.epochMs(),
      concurrencyMax: computeMax,
      isWanted: ({ sa }) => sa.phase !== "closed",
      nowMs: () => clock.nowMs(),
      done: ({ sa, ticket }, result) =>
        this.turn(() => this.command(sa, { kind: "computed", ticket, result })),
      broken: (error) => this.#break(error),
    });
    this.#keeper = transport.connections && this.#newKeeper(transport.connections);
    transport.listen({
      datagrams: (batch) => this.#receive(batch),
      failed: (error) => this.#break(error),
      lost: (ends) => this.turn(() => this.#keeper?.lost(ends)),
    });
    if (transport.sendErrors) transport.sendErrors.tell = (words) => this.#tellSendError(words);
  }

  /** Whether nothing happens any more. */
  get isStopped(): boolean {
    return this.#stopped;
  }

  /** SAs, alarms and jobs that are waited for; for tests. */
  get awaited(): number {
    return this.#wheel.size + this.#pool.waiting + this.#pool.running;
  }

  /** Does `work` as a turn of the loop, or as part of the one under way. */
  turn(work: (nowMs: number) => void): void {
    if (this.#stopped) return;
    if (this.#inTurn) return work(this.#nowMs);
    this.#inTurn = true;
    this.#nowMs = this.#options.clock.nowMs();
    try {
      work(this.#nowMs);
      this.#settle();
    } catch (error) {
      this.#break(error);
    } finally {
      this.#inTurn = false;
    }
  }

  /** Does `work` as a turn of its own, when sockets have been read and others had theirs. */
  soon(work: (nowMs: number) => void): void {
    this.#options.clock.after(0, () => this.turn(work));
  }

  /** Dials; within a turn only. */
  initiate(dial: Dial): IkeSa {
    const begun = dial.path.tcp && this.#keeper?.dial(dial.path), path = (begun || dial).path;
    const sa = initiate(this.endpoint, { ...dial, path }, this.#nowMs, this);
    this.#wheel.arm(sa);
    if (begun && begun.why !== undefined) this.#keeper!.tell(sa, begun.why);
    return sa;
  }

  /** Gives an SA any other event; within a turn only. */
  command(sa: IkeSa, event: IkeEvent): void {
    dispatch(this.endpoint, { sa, event }, this.#nowMs, this);
    this.#wheel.arm(sa);
  }

  /** Has an alarm rung; to be called again when its deadline has moved nearer. */
  arm(alarm: Alarm): void {
    this.#wheel.arm(alarm);
    if (!this.#inTurn) this.#sleep();
  }

  /** Nothing happens after this turn; SAs stay to be looked at. */
  stop(): void {
    this.#stopped = true;
    this.#forgetWake();
  }

  /** See {@linkcode Outbox}: effects are only collected while the core is at work. */
  push(effect: IkeEffect, sa: IkeSa | undefined): void {
    this.#effects.push(effect);
    this.#owners.push(sa);
  }

  #newKeeper(connections: Connections): ConnectionKeeper {
    const { bySpi } = this.endpoint;
    return new ConnectionKeeper(connections, {
      get sas() {
        return bySpi.values();
      },
      command: (sa, event) => this.command(sa, event),
      note: (level, text, sa) =>
        this.#options.listener.effect({ kind: "note", level, text }, sa, this.#nowMs),
    });
  }

  #receive(batch: readonly Datagram[]): void {
    this.turn((nowMs) => {
      const { listener, transport } = this.#options;
      for (const datagram of batch) {
        this.datagramsReceived++;
        const { path, encapsulated } = datagram;
        transport.sendErrors?.received(path);
        // The octets are lent, and the core keeps views of messages.
        const octets = datagram.octets.slice();
        listener.datagram?.(false, encapsulated ? withMarker(octets) : octets, path, nowMs);
        if (listener.admits(datagram)) receive(this.endpoint, { octets, path }, nowMs, this);
      }
    });
  }

  /** Performs effects and work until both are done, or work has had its slice. */
  #settle(): void {
    const { clock, transport, listener } = this.#options;
    const untilMs = this.#nowMs + TURN_MS;
    let workLeft = false;
    do {
      this.#perform();
      listener.settled();
      workLeft = this.#pool.work(() => clock.nowMs() >= untilMs);
    } while (this.#effects.length > 0);
    transport.flush();
    if (!this.#stopped) this.#sleep(workLeft ? this.#nowMs : Infinity);
  }

  #perform(): void {
    // An effect may cause others: the list grows while it is gone through.
    for (let i = 0; i < this.#effects.length; i++) {
      const effect = this.#effects[i]!, sa = this.#owners[i];
      if (sa) this.#wheel.arm(sa);
      if (effect.kind === "send") this.#send(effect);
      else if (effect.kind === "keepalive") this.#keepalive(effect.path);
      else if (effect.kind === "compute") {
        this.#pool.submit(
          { sa: sa!, ticket: effect.ticket },
          effect.job,
          originOf(sa!, effect.job),
        );
      } else {
        if (sa?.path.tcp) this.#keeper?.effect(effect, sa);
        const { listener, transport } = this.#options;
        listener.effect(explained(effect, sa, transport.sendErrors), sa, this.#nowMs);
      }
    }
    this.#effects.length = this.#owners.length = 0;
  }

  #send({ octets, path, transmission, fragment }: Extract<IkeEffect, { kind: "send" }>): void {
    this.datagramsSent++;
    // A repeated message counts once, however many datagrams it is.
    if (transmission > 1 && (fragment?.number ?? 1) === 1) this.retransmissions++;
    const { transport, listener } = this.#options;
    transport.send(octets, path);
    if (!listener.datagram) return;
    const encapsulated = path.tcp || path.ownPort === transport.nattPort;
    listener.datagram(true, encapsulated ? withMarker(octets) : octets, path, this.#nowMs);
  }

  #tellSendError(text: string): void {
    if (this.#stopped) return;
    this.#options.listener.effect({ kind: "note", level: 3, text }, undefined, this.#nowMs);
  }

  /** A keepalive is no IKE message: only the transport counts it. */
  #keepalive(path: Path): void {
    const { transport, listener } = this.#options;
    transport.keepalive(path);
    listener.datagram?.(true, KEEPALIVE, path, this.#nowMs);
  }

  /** Sets the alarm clock, unless it rings early enough already. */
  #sleep(atMs = Infinity): void {
    const { clock } = this.#options;
    const wakeMs = Math.min(atMs, this.#wheel.nextMs());
    if (wakeMs >= this.#wakeMs) return;
    this.#forgetWake();
    this.#wakeMs = wakeMs;
    this.#forgetWake = clock.after(Math.max(0, wakeMs - clock.nowMs()), () => {
      this.#wakeMs = Infinity;
      this.turn((nowMs) => {
        const enough = () => clock.nowMs() >= nowMs + TURN_MS;
        this.#wheel.advance(nowMs, (due) => this.#due(due, nowMs), enough);
      });
    });
  }

  #due(due: IkeSa | Alarm, nowMs: number): void {
    if ("ring" in due) due.ring(nowMs);
    else this.command(due, { kind: "deadline" });
  }

  #break(error: unknown): void {
    this.stop();
    this.#options.listener.broken(error);
  }
}
