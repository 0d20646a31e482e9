/** A gateway and clients over real sockets on loopback, each a whole run of a setup. */
import assert from "node:assert/strict";
import { parsePrefix } from "@/base/address.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { ikeConfigOf, ownAddressesOf, planOf } from "@/engine/run/config_of.ts";
import { NO_CERTIFICATES } from "@/engine/run/certificate_files.ts";
import { EventHub } from "@/engine/show/event_hub.ts";
import { TestRun } from "@/engine/run/test_run.ts";
import type { IkeConf, Setup } from "@/setup/setup.ts";
import type { Transport } from "@/transport/transport.ts";
import { openPortableUdp } from "@/transport/udp_portable.ts";
import { setup } from "./setups.ts";

const crypto = portableBackend();
const IKE: Partial<IkeConf> = { psk: "one for both", dhgrpid: [31], retraninterval: 500 };
const FREE = { ownport: 0, ownnattport: 0, setupinterval: 0, numberoftunnels: 2 };

/** A run, its messages so far, and its sockets. */
export interface Begun {
  readonly run: TestRun;
  readonly said: string[];
  readonly transport: Transport;
}

/** The certificates of a setup, and the secrets of a gateway that was there before. */
type Material = Partial<NonNullable<Parameters<typeof ikeConfigOf>[2]>>;

/** Starts a run of a setup with its sockets, and keeps its messages of levels 1 to 4. */
export function startRun(whole: Setup, transport: Transport, material: Material = {}): Begun {
  const events = new EventHub();
  const said: string[] = [];
  const write = ({ msg }: { readonly msg: string }) => void said.push(msg);
  events.attach({ filter: { level: 4, keyword: "" }, write });
  const all = { certificates: NO_CERTIFICATES, ...material };
  const run = new TestRun({
    setup: whole,
    setupFileName: "my.yaml",
    config: ikeConfigOf(whole, transport.nattPort, all),
    plan: planOf(whole, transport),
    env: {
      crypto,
      random: crypto.randomOctets,
      childrenBySpi: new Map(),
      broken: new Set(),
      ...(material.spent ? { spentTickets: material.spent } : {}),
    },
    ...(material.tickets ? { tickets: material.tickets } : {}),
    transport,
    events,
  });
  run.start();
  return { run, said, transport };
}

/** Opens sockets and starts a run of a setup; `material` has what was there before. */
export function begin(whole: Setup, material: Material = {}): Begun {
  const transport = openPortableUdp({
    ownAddresses: ownAddressesOf(whole, () => []),
    ikePort: whole.ownport,
    nattPort: 0,
  });
  return startRun(whole, transport, material);
}

/** A gateway at an address of loopback. */
export function gatewayAt(
  address: string,
  ike: Partial<IkeConf> = {},
  top: Partial<Setup> & Pick<Material, "secrets" | "spent"> = {},
): Begun {
  const { secrets, spent, ...others } = top;
  const bindifaddr = parsePrefix(`${address}/8`)!;
  const whole = setup({ ...FREE, role: "gateway", bindifaddr, ...others }, { ...IKE, ...ike });
  return begin(whole, { secrets, spent });
}

/** A client with two tunnels to a gateway. */
export function clientOf(
  gateway: Begun,
  address: string,
  ike: Partial<IkeConf> = {},
  top: Partial<Setup> = {},
  material: Material = {},
): Begun {
  const startclntaddr = parsePrefix("127.0.2.1/8")!;
  const peeraddr = parsePrefix(`${address}/8`)!.address;
  const peerport = gateway.transport.ikePort;
  const common = { ...FREE, role: "client", startclntaddr, peeraddr, peerport } as const;
  return begin(setup({ ...common, tunnelmaxretry: 1, ...top }, { ...IKE, ...ike }), material);
}

/** Waits until a condition holds. */
export async function until(done: () => boolean): Promise<void> {
  const endMs = performance.now() + 30_000;
  while (!done()) {
    assert.ok(performance.now() < endMs, "30 s were not enough");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Stops a run, and returns its result. */
export async function stopped({ run }: Begun) {
  run.stop(true);
  return await run.finalResult;
}
