/**
 * A world in one thread: a virtual clock, a seeded network, and endpoints of the real core with the
 * real key schedule and encryption. The same seed gives the same ladder on every machine. The
 * invariants are checked after every event; a broken one stops the world with its ladder.
 * @module
 */
import { CloseCode } from "@/ike/records/failure.ts";
import { showGateway } from "@/ike/negotiate/gateway_identity.ts";
import type { SessionTicket, TicketRefusal } from "@/ike/records/resumption.ts";
import type { GatewayIdentity, RedirectTrail } from "@/ike/records/redirect.ts";
import type { ChildSa, IkeEnv, IkeSa } from "@/ike/records/sa.ts";
import type { FaultName } from "@/ike/records/fault.ts";
import { compareAddresses, mirrored, type Path, showPath } from "@/base/address.ts";
import { must } from "@/base/errors.ts";
import { SeededRandom } from "@/base/random.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import { dispatch, type Endpoint, initiate, newEndpoint, receive } from "@/ike/endpoint.ts";
import type { ComputeJob, IkeEffect, IkeEvent } from "@/ike/records/event.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import {
  carriesSomeTraffic,
  carriesTraffic,
  checkEverything,
  MessageObserver,
} from "@/sim/invariants.ts";
import type { WorldKeys } from "@/sim/keys.ts";
import type { NatBox } from "@/sim/nat_box.ts";
import { drawArrivals, EventQueue, type Flight, type NetworkConditions } from "@/sim/network.ts";
import { Traffic } from "@/sim/traffic.ts";
import { showBrief } from "@/wire/show.ts";

/** The options of a world. */
export interface WorldOptions {
  readonly seed: number;
  readonly crypto: CryptoBackend;
  readonly keys: WorldKeys;
  readonly conditions: NetworkConditions;
  /** Range of the duration of asymmetric computations, in milliseconds. */
  readonly computeMs: readonly [min: number, max: number];
  /** Rules that are broken on purpose. */
  readonly broken: ReadonlySet<FaultName>;
}

/** One host of the world. */
export interface Host {
  readonly name: string;
  readonly address: Uint8Array;
  readonly endpoint: Endpoint;
  readonly traffic: Traffic;
  /** The CHILD_SAs in its data path. */
  readonly installed: ReadonlySet<ChildSa>;
  readonly failures: string[];
  /** The NAT in front of its first address. */
  readonly nat: NatBox | undefined;
  /** All of its addresses, including the first. */
  readonly places: readonly Place[];
  established: number;
  /** The number of its Deletes that were not answered. */
  unanswered: number;
}

/** The address of a host behind a NAT. */
export interface NattedAddress {
  readonly address: Uint8Array;
  readonly nat: NatBox;
}

/** One address of a host, with the NAT in front of it. */
export interface Place {
  readonly address: Uint8Array;
  readonly nat?: NatBox;
}

type WorldEvent =
  | { readonly kind: "arrival"; readonly to: Host; readonly flight: Flight }
  | {
    readonly kind: "computed";
    readonly host: Host;
    readonly sa: IkeSa;
    readonly ticket: number;
    readonly job: ComputeJob;
  }
  | { readonly kind: "action"; readonly action: () => void };

/** The most events of a world, after which it is considered never to come to rest. */
const EVENTS_MAX = 20_000;
/** The least time for which a client keeps a ticket before it asks for another one, in milliseconds. */
const TICKET_PAUSE_MS = 1_000;
/** When clients stop to ask for further tickets, so that a world comes to rest. */
const TICKETS_UNTIL_MS = 100_000;
/** The most lines of a ladder. */
const LADDER_MAX = 2_000;

/** A broken invariant, with the seed and the ladder that show it. */
export class BrokenInvariant extends Error {
  override name = "BrokenInvariant";
}

/** What a dial continues; both values are passed to `initiate()` of `ike/endpoint.ts`. */
export interface HowDialled {
  readonly renews?: IkeSa;
  readonly trail?: RedirectTrail;
  readonly ticket?: SessionTicket | undefined;
}

/** The world of one seed. */
export class World {
  nowMs = 0;
  /** Whether a CHILD_SA must be in both data paths at any time after the set-up. */
  seamless = false;
  /** Whether at least one CHILD_SA must be in both data paths at any time after the set-up. */
  unbroken = false;
  /**
   * Lets a test set the duration of a job in milliseconds; if it is absent or returns undefined,
   * the duration is drawn.
   */
  computationMs: ((host: Host, job: ComputeJob) => number | undefined) | undefined;
  /**
   * Lets a test decide what happens to the next datagram; absent: the network conditions decide.
   */
  datagramFate: (() => "lost" | "twice" | undefined) | undefined;
  /** What somebody on the way makes of each datagram; absent: nobody alters any. */
  alters: ((octets: Uint8Array) => Uint8Array) | undefined;
  /** Is called when a client has to authenticate again; absent: the client does nothing. */
  reauthenticates: ((host: Host, sa: IkeSa) => void) | undefined;
  /**
   * Is called for each redirection that a client follows, once its old IKE SA is closed; absent: the
   * client dials nobody.
   */
  redirects: ((host: Host, to: GatewayIdentity, trail: RedirectTrail) => void) | undefined;
  /** The last ticket that each host was given. */
  readonly tickets = new Map<Host, SessionTicket>();
  /** IKE SAs that gateways have resumed by tickets. */
  resumptions = 0;
  /** Tickets that gateways have not taken, in order. */
  readonly ticketRefusals: TicketRefusal[] = [];
  /** The IKE SAs that were resumed, by the endpoint that has issued their tickets. */
  readonly #resumed = new WeakMap<Endpoint, Set<bigint>>();
  /** Whether no datagram is lost by chance from now on, whatever the network conditions are. */
  lossless = false;
  /**
   * Whether datagrams from one address to another, as they are on the wire, are lost; absent: none
   * is.
   */
  isUnreachable: ((from: Uint8Array, to: Uint8Array) => boolean) | undefined;
  /**
   * The run as a ladder diagram in the style of the RFCs, with one line for each datagram or turn.
   */
  readonly ladder: string[] = [];
  readonly random: SeededRandom;
  readonly hosts: Host[] = [];
  readonly #options: WorldOptions;
  readonly #agenda = new EventQueue<WorldEvent>();
  readonly #observer = new MessageObserver();
  #effects: [IkeEffect, IkeSa | undefined][] = [];

  constructor(options: WorldOptions) {
    this.#options = options;
    this.random = new SeededRandom(options.seed);
  }

  /** The crypto backend of all hosts. */
  get crypto(): CryptoBackend {
    return this.#options.crypto;
  }

  /**
   * Adds a host with an endpoint of its own, at one address or several; its random numbers are
   * drawn from the seed.
   */
  join(
    name: string,
    at: Uint8Array | NattedAddress | readonly Place[],
    config: IkeConfig,
    answers: boolean,
  ): Host {
    const { crypto, broken } = this.#options;
    const places = at instanceof Uint8Array ? [{ address: at }] : "length" in at ? at : [at];
    const { address, nat } = places[0] as Place;
    const random = new SeededRandom(this.random.u32());
    const env: IkeEnv = {
      crypto,
      random: (count) => random.octets(count),
      childrenBySpi: new Map(),
      broken,
    };
    const endpoint = newEndpoint(env, { ...config, trace: true }, answers);
    const traffic = new Traffic();
    const host = {
      name,
      address,
      endpoint,
      traffic,
      installed: traffic.installed,
      failures: [],
      nat,
      places,
      established: 0,
      unanswered: 0,
    };
    this.hosts.push(host);
    return host;
  }

  /**
   * Lets `from` dial `to`. `renews` is the IKE SA that the new one replaces after it has authenticated again,
   * and `trail` the redirections that led here.
   */
  dial(from: Host, to: Host, index = 0, how: HowDialled = {}): IkeSa {
    const { renews, trail, ticket } = how;
    const peerAddress = to.nat?.outside ?? to.address;
    const path = { ownAddress: from.address, ownPort: 500, peerAddress, peerPort: 500 };
    const sa = initiate(
      from.endpoint,
      { index, path, ...(renews ? { renews } : {}), ...(trail ? { trail } : {}), ticket },
      this.nowMs,
      this.#outbox(),
    );
    this.#perform(from);
    return sa;
  }

  /** Lets a host forget everything but its configuration, as a restart does; nobody is told. */
  restart(host: Host): void {
    const { endpoint } = host;
    for (const sa of endpoint.bySpi.values()) {
      sa.forgotten = true;
      sa.deadlineMs = Infinity;
    }
    host.traffic.clear();
    const env = { ...endpoint.env, childrenBySpi: new Map() };
    (host as { endpoint: Endpoint }).endpoint = newEndpoint(
      env,
      endpoint.config,
      endpoint.answers,
    );
    this.#note(`${host.name}: restarts`);
  }

  /** Gives an event to an SA at once. */
  tell(host: Host, sa: IkeSa, event: IkeEvent): void {
    dispatch(host.endpoint, { sa, event }, this.nowMs, this.#outbox());
    this.#perform(host);
  }

  /** Performs an action at a given time. */
  at(atMs: number, action: () => void): void {
    this.#agenda.add(atMs, { kind: "action", action });
  }

  /** Delivers a datagram that no host has sent, such as one of an attacker. */
  inject(to: Host, flight: Flight, delayMs = 0): void {
    this.#agenda.add(this.nowMs + delayMs, { kind: "arrival", to, flight });
  }

  /** Runs the world until nothing is due any more. @throws {BrokenInvariant} */
  run(): void {
    for (let events = 0; events < EVENTS_MAX; events++) {
      const waiting = this.#nextDeadline();
      const nextMs = Math.min(this.#agenda.nextMs, waiting?.sa.deadlineMs ?? Infinity);
      if (nextMs === Infinity) return;
      this.nowMs = Math.max(this.nowMs, nextMs);
      if (this.#agenda.nextMs <= nextMs) this.#process(this.#agenda.take());
      else this.tell(waiting!.host, waiting!.sa, { kind: "deadline" });
    }
    throw this.broken("the world comes to rest");
  }

  /** The network conditions of this world. */
  get conditions(): NetworkConditions {
    const { conditions } = this.#options;
    const { duplication, delayMs } = conditions;
    return this.lossless ? { loss: 0, duplication, delayMs } : conditions;
  }

  /** Seed and ladder, which are printed for a failing seed. */
  get transcript(): string {
    return [`seed ${this.#options.seed}`, ...this.ladder].join("\n");
  }

  /** An error with seed and ladder. */
  broken(invariant: string): BrokenInvariant {
    return new BrokenInvariant(`Broken: ${invariant}\n${this.transcript}`);
  }

  #nextDeadline(): { host: Host; sa: IkeSa } | undefined {
    let next: { host: Host; sa: IkeSa } | undefined;
    for (const host of this.hosts) {
      for (const sa of host.endpoint.bySpi.values()) {
        if (sa.deadlineMs < (next?.sa.deadlineMs ?? Infinity)) next = { host, sa };
      }
    }
    return next;
  }

  #process(event: WorldEvent): void {
    switch (event.kind) {
      case "arrival": {
        const { to, flight } = event;
        const place = placeAt(to, flight.path.ownAddress);
        const path = place?.nat
          ? place.nat.inward(flight.path, place.address, this.nowMs)
          : flight.path;
        if (!path) return this.#note(`${to.name}: its NAT has no mapping for it`);
        receive(to.endpoint, { ...flight, path }, this.nowMs, this.#outbox());
        return this.#perform(to);
      }
      case "computed": {
        const { host, sa, ticket, job } = event;
        const result = this.#options.keys.compute(job, this.random);
        return this.tell(host, sa, { kind: "computed", ticket, result });
      }
      case "action":
        return event.action();
    }
  }

  #outbox() {
    return {
      push: (effect: IkeEffect, sa: IkeSa | undefined) => void this.#effects.push([effect, sa]),
    };
  }

  #perform(host: Host): void {
    const effects = this.#effects;
    this.#effects = [];
    let brief = "";
    for (const [effect, sa] of effects) {
      if (effect.kind === "trace" && effect.sent) {
        brief = showBrief(effect.header, effect.payloads);
        const fault = this.#observer.observePayloads(host.name, effect.payloads);
        if (fault) throw this.broken(fault);
      } else this.#performOne(host, effect, sa, brief);
    }
    const fault = checkEverything(this.hosts) ??
      (this.seamless && !carriesTraffic(this.hosts) ? "traffic is never interrupted" : undefined) ??
      (this.unbroken && !carriesSomeTraffic(this.hosts) ? "some traffic passes" : undefined);
    if (fault) throw this.broken(fault);
  }

  #performOne(host: Host, effect: IkeEffect, sa: IkeSa | undefined, brief: string): void {
    switch (effect.kind) {
      case "send":
        return this.#send(host, effect, brief);
      case "keepalive":
        return this.#keepalive(host, sa!, effect.path);
      case "moved":
        host.traffic.moved(sa!);
        return this.#note(
          sa!.peer.mobility
            ? `${host.name}: goes by ${showPath(sa!.path)} now`
            : `${host.name}: its peer is at port ${sa!.path.peerPort} now`,
        );
      case "reauth_due": {
        const does = this.reauthenticates;
        if (does) this.at(this.nowMs, () => does(host, sa!));
        return;
      }
      case "renewed": {
        const { old } = effect;
        this.#note(`${host.name}: authenticated again`);
        const lacks = !old.children.every(({ configIndex }) =>
          sa!.children.some((child) => child.configIndex === configIndex)
        );
        const is = "an IKE SA that authenticated again has the CHILD_SAs of the one before";
        this.#check(lacks ? is : undefined);
        const closeCode = CloseCode.REAUTHENTICATED;
        return this.at(this.nowMs, () => this.tell(host, old, { kind: "close", closeCode }));
      }
      case "redirected":
        this.#note(`${host.name}: is redirected to ${showGateway(effect.to)}`);
        return this.#redirect(host, sa!, effect);
      case "ticket_given":
        this.tickets.set(host, effect.ticket);
        this.#check(
          sa!.peer.ticketDueMs < this.nowMs + TICKET_PAUSE_MS
            ? "a client that was given a ticket does not ask for another one at once"
            : undefined,
        );
        if (this.nowMs > TICKETS_UNTIL_MS) sa!.peer.ticketDueMs = Infinity;
        return;
      case "ticket_refused":
        this.ticketRefusals.push(effect.cause);
        return this.#note(`${host.name}: ${effect.cause}`);
      case "resumed":
        return this.#check(this.#countResumption(host, effect.oldSpi));
      case "move_failed":
        return this.#note(`${host.name}: ${effect.failure.text}`);
      case "compute": {
        const { ticket, job } = effect;
        const [min, max] = this.#options.computeMs;
        const drawnMs = min + this.random.fraction() * (max - min);
        const atMs = this.nowMs + (this.computationMs?.(host, job) ?? drawnMs);
        return this.#agenda.add(atMs, { kind: "computed", host, sa: sa!, ticket, job });
      }
      case "install":
        return this.#check(host.traffic.install(effect.child, effect.old));
      case "send_by":
        return this.#check(host.traffic.sendBy(effect.child));
      case "uninstall":
        return this.#check(host.traffic.uninstall(effect.child));
      case "established":
        host.established++;
        return this.#note(`${host.name}: established`);
      case "failed":
        host.failures.push(effect.failure.cause);
        return this.#note(`${host.name}: failed: ${effect.failure.text}`);
      case "child_failed":
        host.failures.push(effect.failure.cause);
        return this.#note(`${host.name}: no CHILD_SA: ${effect.failure.text}`);
      case "create_child_failed":
      case "rekey_ike_failed":
        return this.#note(`${host.name}: ${effect.failure.text}`);
      case "closed":
        if (effect.unanswered) host.unanswered++;
        return this.#note(`${host.name}: closed`);
      case "dropped":
        return this.#note(`${host.name}: dropped ${effect.reason}`);
      case "note":
        if (effect.level <= 3) this.#note(`${host.name}: ${effect.text}`);
        return;
      default:
        return;
    }
  }

  #countResumption({ endpoint }: Host, oldSpi: bigint): string | undefined {
    this.resumptions++;
    let before = this.#resumed.get(endpoint);
    if (!before) this.#resumed.set(endpoint, before = new Set());
    if (before.has(oldSpi)) return "an IKE SA is resumed once (RFC 5723 §4.3.1)";
    before.add(oldSpi);
    return undefined;
  }

  #redirect(host: Host, sa: IkeSa, effect: Extract<IkeEffect, { kind: "redirected" }>): void {
    const { to, trail } = effect;
    this.at(this.nowMs + 50, () => {
      if (sa.phase !== "closed") return this.#redirect(host, sa, effect);
      this.redirects?.(host, to, trail);
    });
  }

  #arrivals(): number[] {
    const { conditions } = this;
    const drawn = drawArrivals(conditions, this.random, this.nowMs);
    const fate = this.datagramFate?.();
    if (fate === "lost") return [];
    return fate === "twice" ? drawn.flatMap((atMs) => [atMs, atMs + 10]) : drawn;
  }

  #check(fault: string | undefined): void {
    if (fault) throw this.broken(fault);
  }

  #send(from: Host, effect: Extract<IkeEffect, { kind: "send" }>, brief: string): void {
    const { octets, path, fragment } = effect;
    const fault = this.#observer.observe(from.name, octets);
    if (fault) throw this.broken(fault);
    const to = this.hosts.find((host) => placeAt(host, path.peerAddress));
    const nat = from.places.find(({ address }) => isSame(address, path.ownAddress))?.nat;
    const passed = nat ? nat.outward(path, this.nowMs) : path;
    const cut = this.isUnreachable?.(passed.ownAddress, passed.peerAddress) ?? false;
    const arrivals = to && !cut ? this.#arrivals() : [];
    const what = brief || (effect.transmission > 1 ? `again (${effect.transmission})` : "again");
    const part = fragment ? ` [${fragment.number}/${fragment.total}]` : "";
    const way = arrivals.length ? "->" : "-×";
    const ends = `${end(from.name, path.ownPort)} ${way} ${end(to?.name, path.peerPort)}`;
    this.#note(`${ends}  ${what}${part}`);
    for (const atMs of arrivals) {
      const flight = { octets: this.alters?.(octets) ?? octets, path: mirrored(passed) };
      this.#agenda.add(atMs, { kind: "arrival", to: to!, flight });
    }
  }

  /** A NAT keepalive, which only renews the mapping of the NAT on its way and is not delivered. */
  #keepalive(from: Host, sa: IkeSa, path: Path): void {
    this.#check(
      sa.peer.natOwn ? undefined : "keepalives come from an end behind a NAT (RFC 3948 §4)",
    );
    const place = from.places.find(({ address }) => isSame(address, path.ownAddress));
    place?.nat?.outward(path, this.nowMs);
    this.#note(`${end(from.name, path.ownPort)} -> keepalive`);
  }

  #note(line: string): void {
    must(this.ladder.length <= LADDER_MAX, "a ladder stays below its limit");
    if (this.ladder.length < LADDER_MAX) {
      this.ladder.push(`${this.nowMs.toFixed(1).padStart(9)}  ${line}`);
    }
  }
}

/** The place of a host that the world sees at `address`. */
function placeAt({ places }: Host, address: Uint8Array): Place | undefined {
  return places.find((place) => isSame(place.nat?.outside ?? place.address, address));
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return compareAddresses(a, b) === 0;
}

/** The name of a host with its port, which is left out if it is the IKE port. */
function end(name = "nobody", port: number): string {
  return port === IKE_PORT ? name : `${name}:${port}`;
}

const IKE_PORT = 500;
