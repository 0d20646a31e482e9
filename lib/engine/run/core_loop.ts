/**
 * Runs one endpoint of the core: feeds it datagrams, performs its effects, calls it at its deadlines, and
 * does its computations. A turn of the loop takes events, performs effects until none is left, sends all
 * datagrams in one flush, and sets the next alarm.
 * @module
 */
import type { Path } from "@/base/address.ts";
import { octetsKey } from "@/base/bytes.ts";
import { messageCopy } from "@/base/octets.ts";
import type { Clock } from "@/engine/run/clock.ts";
import { ConnectionKeeper } from "@/engine/run/connection_keeper.ts";
import { ComputePool } from "@/engine/run/compute.ts";
import { OURS, type WorkOrigin } from "@/engine/run/compute_queue.ts";
import { IdleWork } from "@/engine/run/idle_work.ts";
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
import type { KeyStock } from "@/crypto/key_stock.ts";
import { IssuedCredentials } from "@/pki/issuing.ts";
import { PathMemory } from "@/pki/trust.ts";
import { turnMs } from "@/native/iterations.ts";
import { KEEPALIVE, withMarker } from "@/transport/non_esp_marker.ts";
import type { Connections, Datagram, Transport } from "@/transport/transport.ts";

/** An alarm of another part of the run: `ring` is called at `deadlineMs`, and moves it. */
export interface Alarm {
  deadlineMs: number;
  ring(nowMs: number): void;
}

/** Receives what the loop does not handle itself. Calls are synchronous and within a turn. */
export interface LoopListener {
  /** Handles an effect that is not the loop's own; may call `initiate` and `command`. */
  effect(effect: IkeEffect, sa: IkeSa | undefined, nowMs: number): void;
  /** Whether a datagram may be given to the core. */
  admits(datagram: Datagram): boolean;
  /** Is called with each UDP payload that is received or sent; undefined: nobody records them. */
  readonly datagram:
    | ((sent: boolean, octets: Uint8Array, path: Path, nowMs: number) => void)
    | undefined;
  /** Is called when all effects are performed and nothing has been sent yet; may cause more effects. */
  settled(): void;
  /** Is called with an internal error; the loop has stopped. */
  broken(error: unknown): void;
}

/** See {@linkcode CoreLoop}. */
export interface CoreLoopOptions {
  readonly env: IkeEnv;
  readonly config: IkeConfig;
  /** Whether peers that are not known yet are answered. */
  readonly answers: boolean;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly listener: LoopListener;
  /** The data path's knowledge of the peer's packets: see {@linkcode IkeEnv}. */
  readonly silenceMs?: IkeEnv["silenceMs"];
  /** The most asymmetric jobs at a time, if the backend answers by promise. */
  readonly computeMax: number;
  /** The configuration of each tunnel that is dialled; absent: all have `config`. */
  readonly configOf?: ((index: number) => IkeConfig) | undefined;
  /** Key pairs that are made ahead while the loop is idle; absent: none are. */
  readonly keyStock?: KeyStock | undefined;
}

/** The SA and the ticket of a job in the pool. */
interface Ticket {
  readonly sa: IkeSa;
  readonly ticket: number;
}

/**
 * The origin of a job: that of a stranger has the share of its key exchange group, and its address as source.
 */
function originOf(sa: IkeSa, job: ComputeJob): WorkOrigin {
  if (!isStranger(sa)) return OURS;
  return {
    share: "group" in job ? `group ${job.group}` : job.op,
    source: octetsKey(sa.path.peerAddress),
  };
}

/** Runs one endpoint. */
export class CoreLoop implements Outbox {
  readonly endpoint: Endpoint;
  /** Number of requests that were sent again. */
  retransmissions = 0;
  datagramsSent = 0;
  datagramsReceived = 0;
  readonly #options: CoreLoopOptions;
  readonly #wheel: TimerWheel<IkeSa | Alarm>;
  readonly #pool: ComputePool<Ticket>;
  /** Undefined: the transport is UDP only. */
  readonly #keeper: ConnectionKeeper | undefined;
  /** Alarms that are not rounded to the ticks of the wheel. */
  readonly #exact = new Set<Alarm>();
  readonly #idle: IdleWork | undefined;
  /** Effects that are not performed yet; `#effectSas` has the SA of each. */
  #effects: IkeEffect[] = [];
  #owners: (IkeSa | undefined)[] = [];
  /** Time of the present turn, which is the same for all its events. */
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
    const epochMs = (nowMs: number) => nowMs - clock.nowMs() + clock.epochMs();
    const whole = { ...env, epochMs, ...(silenceMs ? { silenceMs } : {}) };
    this.endpoint = newEndpoint(whole, config, answers);
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
    const { keyStock } = options;
    this.#idle = keyStock && new IdleWork(clock, () => keyStock.makeOne());
    this.#keeper = transport.connections && this.#newKeeper(transport.connections);
    transport.listen({
      datagrams: (batch) => this.#receive(batch),
      failed: (error) => this.#break(error),
      lost: (ends) => this.turn(() => this.#keeper?.lost(ends)),
    });
    if (transport.sendErrors) transport.sendErrors.tell = (words) => this.#tellSendError(words);
  }

  /** Whether the loop has stopped. */
  get isStopped(): boolean {
    return this.#stopped;
  }

  /** Number of SAs, alarms and jobs that are waited for; used by tests. */
  get awaited(): number {
    return this.#wheel.size + this.#pool.waiting + this.#pool.running;
  }

  /** Does `work` in a turn of the loop, or as part of the present one. */
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

  /** Does `work` in a turn of its own, after sockets were read and others had their turn. */
  soon(work: (nowMs: number) => void): void {
    this.#options.clock.after(0, () => this.turn(work));
  }

  /** Dials a tunnel; only within a turn. */
  initiate(dial: Dial): IkeSa {
    const begun = dial.path.tcp && this.#keeper?.dial(dial.path);
    const path = (begun || dial).path;
    const config = this.#options.configOf?.(dial.index);
    const sa = initiate(this.endpoint, { ...dial, path, config }, this.#nowMs, this);
    this.#wheel.arm(sa);
    if (begun && begun.why !== undefined) this.#keeper!.tell(sa, begun.why);
    return sa;
  }

  /** Gives another event to an SA; only within a turn. */
  command(sa: IkeSa, event: IkeEvent): void {
    dispatch(this.endpoint, { sa, event }, this.#nowMs, this);
    this.#wheel.arm(sa);
  }

  /** Registers an alarm; to be called again when its deadline becomes earlier. */
  arm(alarm: Alarm): void {
    this.#wheel.arm(alarm);
    if (!this.#inTurn) this.#sleep();
  }

  /**
   * Registers an alarm that rings within a millisecond, and not with the next tick of all others; for one that
   * is used again and again, as each is looked at whenever one is due.
   */
  armExactly(alarm: Alarm): void {
    this.#exact.add(alarm);
    if (!this.#inTurn) this.#sleep();
  }

  /** Stops the loop after this turn. SAs stay, so that they can still be shown. */
  stop(): void {
    this.#stopped = true;
    this.#idle?.stop();
    this.#forgetWake();
  }

  /** Collects an effect while the core is at work; see {@linkcode Outbox}. */
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
        // The octets are only valid during the call, and the core keeps views of messages.
        const octets = messageCopy(datagram.octets);
        listener.datagram?.(false, encapsulated ? withMarker(octets) : octets, path, nowMs);
        if (listener.admits(datagram)) receive(this.endpoint, { octets, path }, nowMs, this);
      }
    });
  }

  /** Performs effects and jobs until there are none, or the time slice is over. */
  #settle(): void {
    const { clock, transport, listener } = this.#options;
    const untilMs = this.#nowMs + turnMs();
    let workLeft = false;
    do {
      this.#perform();
      listener.settled();
      workLeft = this.#pool.work(() => clock.nowMs() >= untilMs);
    } while (this.#effects.length > 0);
    transport.flush();
    if (this.#stopped) return;
    this.#sleep(workLeft ? this.#nowMs : Infinity);
    this.#idle?.turned();
  }

  #perform(): void {
    // An effect may cause others, so that the list grows during the loop.
    for (let i = 0; i < this.#effects.length; i++) {
      const effect = this.#effects[i]!;
      const sa = this.#owners[i];
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
    // A repeated message counts once, however many fragments it has.
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

  /** Sends a keepalive, which is no IKE message, so that only the transport counts it. */
  #keepalive(path: Path): void {
    const { transport, listener } = this.#options;
    transport.keepalive(path);
    listener.datagram?.(true, KEEPALIVE, path, this.#nowMs);
  }

  /** Sets the timer, unless it ends early enough already. */
  #sleep(atMs = Infinity): void {
    const { clock } = this.#options;
    const wakeMs = Math.min(atMs, this.#wheel.nextMs(), this.#exactMs());
    if (wakeMs >= this.#wakeMs) return;
    this.#forgetWake();
    this.#wakeMs = wakeMs;
    this.#forgetWake = clock.after(Math.max(0, wakeMs - clock.nowMs()), () => {
      this.#wakeMs = Infinity;
      this.turn((nowMs) => {
        const untilMs = nowMs + turnMs();
        const enough = () => clock.nowMs() >= untilMs;
        for (const alarm of this.#exact) if (alarm.deadlineMs <= nowMs) alarm.ring(nowMs);
        this.#wheel.advance(nowMs, (due) => this.#due(due, nowMs), enough);
      });
    });
  }

  /** When the first exact alarm is due. */
  #exactMs(): number {
    let firstMs = Infinity;
    for (const { deadlineMs } of this.#exact) firstMs = Math.min(firstMs, deadlineMs);
    return firstMs;
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
