/**
 * Tests our ping test through tunnels: by sockets of the system if the kernel carries them, by inner packets
 * if this process does. What the API tells is compared with the counters of the other end's kernel.
 * @module
 */
import assert from "node:assert/strict";
import { startEchosvr } from "./echosvr.ts";
import { ROOT } from "../interop/ours.ts";
import type { Setup } from "../interop/ours.ts";
import { until } from "../interop/harness.ts";
import {
  INNER,
  kernelSays,
  type Kind,
  KINDS,
  type Tunnel,
  type TunnelWish,
  withTunnel,
} from "./tunnel.ts";

const API_PORT = 12331;

interface Row {
  readonly wish: TunnelWish;
  readonly pingconf?: Setup;
  /** Set if the system at the far end has to be asked by UDP. */
  readonly echosvr?: true;
  /** The kinds of tunnels that are tried; absent: all. */
  readonly kinds?: readonly Kind[];
}

const ONE: readonly Kind[] = ["ours → strongSwan"];

const ROWS: Readonly<Record<string, Row>> = {
  "ICMP": { wish: {} },
  "ICMPv6": { wish: { inner: 6 }, kinds: ONE },
  "UDP": { wish: {}, pingconf: { ptype: "udp", holdtime: "10s" }, echosvr: true, kinds: ONE },
  "ICMP in IPv6, transport mode": { wish: { outer: 6, transport: true }, kinds: ONE },
  "ICMP, 1200 octets, with the tunnel": {
    wish: {},
    pingconf: { pktlen: 1200, startwith: "tunnel" },
    kinds: ["ours → ours", "strongSwan → ours"],
  },
  "addresses from the selectors": {
    wish: {},
    pingconf: { autoaddr: true, srcaddr: "" },
    kinds: ONE,
  },
};

/** A page of `GetPingSummary` as `psummary --json` prints it. */
interface PingSummary {
  readonly ResultList: readonly {
    readonly LocalAddr: string;
    readonly RemoteAddr: string;
    readonly TotalSentPkt: number;
    readonly TotalRecvPkt: number;
  }[];
  readonly TotalSent: number;
  readonly TotalRecv: number;
}

for (const dataPath of ["kernel", "userland"] as const) {
  for (const kind of KINDS) {
    for (const [name, row] of Object.entries(ROWS)) {
      if (!(row.kinds ?? KINDS).includes(kind)) continue;
      Deno.test(`ping by ${dataPath}, ${kind}: ${name}`, () => pings(kind, row, dataPath));
    }
  }
}

async function pings(kind: Kind, row: Row, dataPath: "kernel" | "userland"): Promise<void> {
  const { wish, pingconf } = row;
  const [srcaddr, destaddr] = endsOf(wish);
  // A gateway that only waits from its start on would ping before the tunnel exists.
  const startwith = kind === "strongSwan → ours" ? "tunnel" : "tunnels";
  const setup = {
    apilistenport: API_PORT,
    pingconf: { destaddr, srcaddr, startwith, interval: "50ms", holdtime: "0s", ...pingconf },
  };
  await withTunnel(kind, { ...wish, dataPath, setup }, async (tunnel) => {
    const server = row.echosvr && await startEchosvr(tunnel.lab, tunnel.lab.theirs, [
      "--startip",
      destaddr,
    ]);
    await answered(tunnel, wish);
    await server?.stop();
  });
}

/** The own and the peer's address as seen from our site. */
function endsOf({ outer = 4, inner = 4, transport }: TunnelWish): readonly [string, string] {
  if (!transport) return INNER[inner];
  return outer === 4 ? ["10.77.0.2", "10.77.0.1"] : ["fd77::2", "fd77::1"];
}

/** Checks that all pings are answered, and that the kernel of the other end has counted them. */
async function answered(tunnel: Tunnel, wish: TunnelWish): Promise<void> {
  const { ours } = tunnel;
  const family = wish.outer ?? 4;
  const [own, peer] = endsOf(wish);
  await until("twenty pings answered", 40_000, async () => {
    ours.mustRun();
    return ((await packetsOf(tunnel, family))[1] ?? 0) >= 20;
  });
  const before = await psummary(tunnel);
  const [into, outOf] = await packetsOf(tunnel, family);
  const after = await psummary(tunnel);
  const [task] = after.ResultList;
  assert.deepEqual([task!.LocalAddr, task!.RemoteAddr, after.ResultList.length], [own, peer, 1]);
  const told = JSON.stringify({ before, after, into, outOf });
  assert.ok(before.TotalRecv <= outOf! && outOf! <= after.TotalSent, told);
  assert.ok(before.TotalSent <= into! + 1 && into! <= after.TotalSent + 1, told);
  const { result, ping } = await ours.stop();
  assert.ok(ping);
  const { sent, received, lost, unsent, duplicates, altered } = ping;
  assert.deepEqual(
    [result, lost, unsent, duplicates, altered],
    ["passed", 0, 0, 0, 0],
    ours.said(),
  );
  assert.ok(sent === received && sent >= after.TotalSent, JSON.stringify(ping));
  assert.ok(ping.latencyMs.p50! > 0 && ping.latencyMs.max! < 1_000);
}

/** The counters of the other end's kernel, into the tunnels and out of them. */
async function packetsOf({ lab }: Tunnel, family: 4 | 6): Promise<(number | undefined)[]> {
  const states = await kernelSays(lab.theirs, "-s", "xfrm", "state");
  const theirs = family === 4 ? "10.77.0.1" : "fd77::1";
  const counted = new Map<string, number>();
  for (const [, source, current] of states.matchAll(/^src (\S+) dst[^]*?, (\d+)\(packets\)/gm)) {
    counted.set(source === theirs ? "out" : "in", Number(current));
  }
  return [counted.get("in"), counted.get("out")];
}

async function psummary({ lab }: Tunnel): Promise<PingSummary> {
  const words = ["run", "-A", `${ROOT}main.ts`, "cli", "--svr", `127.0.0.1:${API_PORT}`];
  const { stdout, stderr } = await lab.exec(lab.ours, Deno.execPath(), [
    ...words,
    "psummary",
    "--json",
  ]);
  assert.match(stdout, /^\{/, stderr);
  return JSON.parse(stdout);
}
