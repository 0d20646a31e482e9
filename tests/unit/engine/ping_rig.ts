/**
 * A client and a gateway in memory whose tunnels carry packets: ESP in this process at both ends, over a wire
 * with a delay of one millisecond that a test may cut.
 */
import { parseAddress, type Path, showAddress } from "@/base/address.ts";
import { portableBackend } from "@/crypto/portable.ts";
import type { RawEsp } from "@/datapath/raw_esp.ts";
import { UserlandDataPath } from "@/datapath/userland.ts";
import { pingPlanOf } from "@/engine/load/ping_plan.ts";
import { trafficPlanOf } from "@/engine/load/traffic_plan.ts";
import type { Setup } from "@/setup/setup.ts";
import type { TrafficSelector } from "@/wire/payloads/traffic_selector.ts";
import {
  clientPlan,
  CONFIG,
  FakeClock,
  FakeNetwork,
  gatewayPlan,
  rig,
  type RiggedRun,
} from "./rig.ts";
import { setup } from "./setups.ts";

type Options = ConstructorParameters<typeof UserlandDataPath>[0];
type Receiver = Parameters<NonNullable<Options["raw"]>>[0];

/** The options of a ping test; by default the addresses of task 0 are 10.2.0.1 → 10.3.0.1. */
export interface PingWish {
  readonly client?: Partial<Setup["pingconf"]> & { readonly off?: true };
  readonly gateway?: Partial<Setup["pingconf"]>;
  /** The test traffic of both ends; absent: none. */
  readonly clientTraffic?: Partial<Setup["trafficconf"]>;
  readonly gatewayTraffic?: Partial<Setup["trafficconf"]>;
  readonly tunnels?: number;
  readonly runningTimeMs?: number;
  /** Number of tunnels that flap every ten seconds, from the first on. */
  readonly flapping?: number;
}

/** Both ends and the wire. */
export class PingBench {
  readonly clock = new FakeClock();
  readonly network = new FakeNetwork(this.clock);
  /** Decides which ESP packets are lost. */
  loses: (from: string, number: number) => boolean = () => false;
  /** Number of ESP packets that were sent. */
  esp = 0;
  /** Milliseconds that ESP takes from one end to the other. */
  delayMs = 1;
  readonly #receivers = new Map<string, Receiver>();
  readonly client: RiggedRun;
  readonly gateway: RiggedRun;

  constructor(wish: PingWish = {}) {
    const { tunnels = 3, runningTimeMs = 0, flapping = 0 } = wish;
    const flap = flapping > 0 ? { flap: { tunnels: flapping, minMs: 10_000, maxMs: 10_000 } } : {};
    const children = CONFIG.children.map((child) => ({
      ...child,
      ownTs: [host("10.2.0.1")],
      peerTs: [host("10.3.0.1")],
      ownTsStep: 1,
      peerTsStep: 1,
    }));
    const run = { network: this.network, clock: this.clock };
    this.gateway = rig(run.network, run.clock, {
      plan: gatewayPlan({ tunnels }),
      openDataPath: (listener) => this.#open("10.9.0.1", listener),
      ping: wish.gateway && planOf(tunnels, wish.gateway),
      traffic: wish.gatewayTraffic && trafficOf(tunnels, wish.gatewayTraffic),
    });
    this.client = rig(run.network, run.clock, {
      plan: clientPlan({ tunnels, runningTimeMs, triesMax: 1, ...flap }),
      config: { ...CONFIG, children },
      openDataPath: (listener) => this.#open("10.1.", listener),
      ping: wish.client?.off ? undefined : planOf(tunnels, wish.client),
      traffic: wish.clientTraffic && trafficOf(tunnels, wish.clientTraffic),
    });
  }

  /** Starts both ends. */
  start(): void {
    this.gateway.run.start();
    this.client.run.start();
  }

  /** Lets time pass in small steps, so that promises are kept on the way. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 50) {
      this.clock.pass(Math.min(50, ms - passed));
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  #open(name: string, listener: Options["listener"]): UserlandDataPath {
    const crypto = {
      backend: portableBackend(),
      shim: undefined,
      random: (n: number) => new Uint8Array(n),
    };
    const raw = (receiver: Receiver) => {
      this.#receivers.set(name, receiver);
      const door = {
        open: () => undefined,
        send: (packet: Uint8Array, path: Path) => this.#carry(name, packet.slice(), path),
        flush: () => {},
        drain: () => 0,
        close: () => Promise.resolve(),
      };
      return door as unknown as RawEsp;
    };
    const nothing = { udp: undefined, system: undefined, pathMtu: () => 1500, closed: () => {} };
    return new UserlandDataPath({ crypto, listener, raw, ...nothing });
  }

  #carry(from: string, packet: Uint8Array, path: Path): void {
    if (this.loses(from, this.esp++)) return;
    const to = showAddress(path.peerAddress);
    this.clock.after(this.delayMs, () => {
      const name = [...this.#receivers.keys()].find((host) => to.startsWith(host));
      const receiver = name === undefined ? undefined : this.#receivers.get(name);
      receiver?.packet(packet, 0, packet.length, 0);
      receiver?.batchEnds();
    });
  }
}

/** A selector for one address. */
export function host(address: string): TrafficSelector {
  const [startAddress, endAddress] = [parseAddress(address)!, parseAddress(address)!];
  return { tsType: 7, protocol: 0, startPort: 0, endPort: 65_535, startAddress, endAddress };
}

function planOf(numberoftunnels: number, conf: Partial<Setup["pingconf"]> = {}) {
  const pingconf = {
    ...setup().pingconf,
    destaddr: parseAddress("10.3.0.1")!,
    srcaddr: parseAddress("10.2.0.1")!,
    interval: 1_000,
    setupinterval: 10,
    holdtime: 2_000,
    ...conf,
  };
  return pingPlanOf(setup({ numberoftunnels, pingconf }));
}

function trafficOf(numberoftunnels: number, conf: Partial<Setup["trafficconf"]>) {
  return trafficPlanOf(
    setup({ numberoftunnels, trafficconf: { ...setup().trafficconf, ...conf } }),
  );
}
