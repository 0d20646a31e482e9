/**
 * A gateway of ESP in a process of its own: two CHILD_SAs on a loopback socket. It prints its port and, for
 * every line that it reads, its counters, until its input ends.
 * @module
 */
import { parseAddress } from "@/base/address.ts";
import { chooseBackend } from "@/crypto/choose.ts";
import { UserlandDataPath } from "@/datapath/userland.ts";
import type { UserlandDrops } from "@/datapath/userland_counters.ts";
import { libcryptoOf } from "@/native/libcrypto.ts";
import { loadShim } from "@/native/load.ts";
import { openUdp } from "@/transport/open.ts";
import { gatewayPairs } from "./esp_garbage.ts";

/** A line that it prints. */
export interface Counted {
  /** Number of ESP datagrams that its socket received. */
  readonly arrived: number;
  /** Number of datagrams that its socket lost. */
  readonly lost: number;
  /** Number of inner packets that came out of tunnels. */
  readonly delivered: number;
  readonly drops: UserlandDrops;
}

const here = parseAddress("127.0.0.1")!;
const receiveBufferOctets = 8 << 20;
const transport = openUdp(
  { ownAddresses: [here], ikePort: 0, nattPort: 0, ownEsp: true, receiveBufferOctets },
  "auto",
);
const { symbols: shim } = loadShim();
const dataPath = new UserlandDataPath({
  crypto: {
    backend: await chooseBackend(shim && libcryptoOf(shim), "auto"),
    shim,
    random: (n) => new Uint8Array(n),
  },
  listener: { acquired() {}, expired() {}, peerMoved() {}, refused() {}, note() {} },
  udp: transport.esp,
  raw: undefined,
  system: undefined,
  pathMtu: () => undefined,
  closed() {},
});
let delivered = 0;
dataPath.inner.receiver = () => {
  delivered++;
  return true;
};
const peerAddress = parseAddress("127.9.0.1")!;
const path = { ownAddress: here, ownPort: transport.nattPort!, peerAddress, peerPort: 4500 };
for (const pair of gatewayPairs(path)) dataPath.installIn(pair);
dataPath.flush();
transport.listen({
  datagrams() {},
  failed(error) {
    console.error(error);
    Deno.exit(1);
  },
});
console.log(transport.nattPort);
for await (const _ of Deno.stdin.readable) {
  const { counters } = transport;
  const { drops } = dataPath;
  const counted: Counted = {
    arrived: counters.esp,
    lost: counters.receiveDrops ?? 0,
    delivered,
    drops,
  };
  console.log(JSON.stringify(counted));
}
await dataPath.close();
await transport.close();
