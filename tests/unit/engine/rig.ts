/**
 * Runs in memory: a clock that jumps, transports that deliver to each other, and a backend whose key exchange
 * ends at once. The engine and the core are the real ones.
 */
import { parseAddress, type Path } from "@/base/address.ts";
import { SeededRandom } from "@/base/random.ts";
import { portableBackend } from "@/crypto/portable.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import type { Clock } from "@/engine/run/clock.ts";
import { EventHub, type RunEvent } from "@/engine/show/event_hub.ts";
import type { ClientPlan, GatewayPlan, RunPlan } from "@/engine/run/plan.ts";
import type { TestRunOptions } from "@/engine/run/run_options.ts";
import { TestRun } from "@/engine/run/test_run.ts";
import { Encr } from "@/iana/encr.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { Prf } from "@/iana/prf.ts";
import type { IkeEnv } from "@/ike/records/sa.ts";
import { bothByPsk } from "@/ike/auth/psk.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import { CHILD, worldConfig } from "@/sim/scenarios.ts";
import type { Setup } from "@/setup/setup.ts";
import { noDatagrams, type Transport, type TransportListener } from "@/transport/transport.ts";
import { withExchangeStock } from "../../exchange_stock.ts";

/** A clock whose time passes only when a test says so. */
export class FakeClock implements Clock {
  #nowMs = 1_000;
  #order = 0;
  #alarms: { atMs: number; order: number; ring: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  epochMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  after(delayMs: number, ring: () => void): () => void {
    const alarm = { atMs: this.#nowMs + delayMs, order: this.#order++, ring };
    this.#alarms.push(alarm);
    return () => this.#alarms = this.#alarms.filter((a) => a !== alarm);
  }

  /** Simulates a busy processor: time has passed, and no alarm could ring. */
  busy(ms: number): void {
    this.#nowMs += ms;
  }

  /** Lets `ms` pass, and rings all alarms that are due, in order. */
  pass(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const due = this.#alarms.filter((a) => a.atMs <= untilMs)
        .sort((a, b) => a.atMs - b.atMs || a.order - b.order)[0];
      if (!due) break;
      this.#alarms = this.#alarms.filter((a) => a !== due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.ring();
    }
    this.#nowMs = untilMs;
  }
}

/** A wire between any number of transports, with a delay of 1 ms. */
export class FakeNetwork {
  /** Decides which datagrams are lost; it may also only observe them. */
  loses: (octets: Uint8Array, path: Path) => boolean = () => false;
  /** Datagrams that were sent, in order. */
  readonly sent: { readonly octets: Uint8Array; readonly path: Path }[] = [];
  /** Number of transports so far. */
  opened = 0;
  readonly #clock: FakeClock;
  readonly #ends: { readonly host: string; readonly listener: TransportListener }[] = [];

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  /**
   * A transport that receives what is sent to addresses beginning with `host`; of several the last one does.
   */
  open(host: string): Transport {
    const waiting: { octets: Uint8Array; path: Path }[] = [];
    this.opened++;
    return {
      name: "portable",
      ikePort: 500,
      nattPort: undefined,
      halfOpenMax: 64,
      counters: noDatagrams(),
      listen: (listener: TransportListener) => void this.#ends.push({ host, listener }),
      send: (octets: Uint8Array, path: Path) => void waiting.push({ octets, path }),
      keepalive: () => {},
      flush: () => {
        for (const one of waiting.splice(0)) this.#carry(one.octets.slice(), one.path);
      },
      close: () => Promise.resolve(),
    };
  }

  /** Makes the socket of a host fail. */
  fail(host: string, error: Error): void {
    this.#ends.findLast((end) => end.host === host)!.listener.failed(error);
  }

  #carry(octets: Uint8Array, path: Path): void {
    this.sent.push({ octets, path });
    if (this.loses(octets, path)) return;
    const to = path.peerAddress.join(".");
    const end = this.#ends.findLast(({ host }) => to.startsWith(host));
    const turned = {
      ownAddress: path.peerAddress,
      ownPort: path.peerPort,
      peerAddress: path.ownAddress,
      peerPort: path.ownPort,
    };
    this.#clock.after(1, () => {
      // The octets are only valid during the call, as a real socket reads its next datagram into the same
      // place.
      const lent = octets.slice();
      end?.listener.datagrams([{ octets: lent, path: turned, encapsulated: false }]);
      lent.fill(0xee);
    });
  }
}

const stock = withExchangeStock(portableBackend(), 4);

/** A backend that computes at once, from a small stock of pairs. */
function backend(random: SeededRandom): CryptoBackend {
  return {
    ...stock,
    keyExchange: (group) => {
      const exchange = stock.keyExchange(group);
      const source = (count: number) => random.octets(count);
      return exchange && {
        ...exchange,
        generate: () => exchange.generate(source),
        respond: (peerPublic) => exchange.respond(peerPublic, source),
      };
    },
  };
}

/** The environment of a run; every rig has its own. */
export function fakeEnv(seed: number): IkeEnv {
  const random = new SeededRandom(seed);
  return {
    crypto: backend(random),
    random: (count) => random.octets(count),
    childrenBySpi: new Map(),
    broken: new Set(),
  };
}

/** PSK, AES-GCM-16/128, PRF SHA-256, X25519; one ESP CHILD_SA for everything; no NAT-T. */
export const CONFIG: IkeConfig = worldConfig({
  algorithms: {
    encryption: [{ id: Encr.ENCR_AES_GCM_16, keyBits: 128 }],
    integrity: [],
    prf: [Prf.PRF_HMAC_SHA2_256],
    groups: [KeGroup.CURVE25519],
  },
  children: [{ ...CHILD, replayWindow: 256, peerTsStep: 1 }],
  auth: bothByPsk("a shared secret"),
  natt: undefined,
  halfOpenMax: 1_000,
  computingMax: 1_000,
  retransmitIntervalMs: 10_000,
  transmissionsMax: 4,
  trace: false,
});

/** Address of the gateway of all rigs. */
export const GATEWAY = parseAddress("10.9.0.1")!;
/** Address of tunnel 0 of all rigs. */
export const CLIENT = parseAddress("10.1.0.1")!;

/** The plan of a client with the differences of a test. */
export function clientPlan(part: Partial<ClientPlan & RunPlan> = {}): ClientPlan & RunPlan {
  return {
    role: "client",
    tunnels: 3,
    setupIntervalMs: 0,
    retryIntervalMs: 10_000,
    triesMax: 3,
    halfOpenMax: 64,
    halfOpenAdapts: false,
    ownAddress: CLIENT,
    addressStep: 1,
    ownPort: 500,
    peerAddress: GATEWAY,
    peerPort: 500,
    runningTimeMs: 0,
    stopTimeoutMs: 10_000,
    abortOnError: false,
    thresholds: [],
    abortOnFail: false,
    childHistoryMax: 0,
    ...part,
  };
}

/** The plan of a gateway with the differences of a test. */
export function gatewayPlan(part: Partial<GatewayPlan & RunPlan> = {}): GatewayPlan & RunPlan {
  return {
    role: "gateway",
    ownAddress: GATEWAY,
    ownPort: 500,
    tunnels: 3,
    runningTimeMs: 0,
    stopTimeoutMs: 10_000,
    abortOnError: false,
    thresholds: [],
    abortOnFail: false,
    childHistoryMax: 0,
    ...part,
  };
}

/** A run that has not started, with all its events. */
export interface RiggedRun {
  readonly run: TestRun;
  readonly events: RunEvent[];
  /** The messages of events up to a level. */
  said(level: number): string[];
}

/** A run on a simulated network. */
export function rig(
  network: FakeNetwork,
  clock: FakeClock,
  options: Partial<TestRunOptions> & { readonly plan: RunPlan },
): RiggedRun {
  const hub = new EventHub(() => clock.epochMs());
  const events: RunEvent[] = [];
  hub.attach({ filter: { level: 4, keyword: "" }, write: (event) => void events.push(event) });
  const client = options.plan.role === "client";
  const run = new TestRun({
    setup: {} as Setup,
    setupFileName: "test.setup",
    config: CONFIG,
    // Two clients with the same random octets would send the same IKE_SA_INIT request.
    env: fakeEnv(client ? 2 * network.opened + 1 : 2),
    transport: network.open(client ? "10.1." : "10.9."),
    events: hub,
    clock,
    ...options,
  });
  const said = (level: number) => events.filter((e) => e.level <= level).map((e) => e.msg);
  return { run, events, said };
}

/** Whether a datagram is a request of this exchange: IKE_SA_INIT (34), IKE_AUTH (35), INFORMATIONAL (37). */
export function isRequest(octets: Uint8Array, exchange: number): boolean {
  return octets[18] === exchange && (octets[19]! & 0x20) === 0;
}
