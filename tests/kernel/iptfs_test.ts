/**
 * IP-TFS (RFC 9347): payloads of a kernel and of ESP in our process, which were written by others and by us, are
 * taken apart by each other: pings, and TCP both ways, whose segments are aggregated and fragmented.
 * @module
 */
import assert from "node:assert/strict";
import { transferBothWays } from "./iperf.ts";
import { STRONGSWAN_6, strongSwanVersion } from "../interop/strongswan.ts";
import { kernelSays, type Kind, type TunnelWish, withTunnel } from "./tunnel.ts";

const TCP_OCTETS = 1 << 20;
const FORCED = { child: { iptfs: "force" } } as const;

const ROWS: readonly (readonly [string, TunnelWish])[] = [
  ["kernel ↔ kernel", FORCED],
  ["userland ↔ kernel", { ...FORCED, dataPath: "userland" }],
  ["userland ↔ kernel, extended sequence numbers", {
    child: { iptfs: "force", esn: true },
    dataPath: "userland",
  }],
  ["userland ↔ kernel, payloads of 300 octets", {
    child: { iptfs: "force", iptfssize: 300 },
    dataPath: "userland",
  }],
];

const WITH_STRONGSWAN: TunnelWish = {
  ...FORCED,
  dataPath: "userland",
  strongSwan: STRONGSWAN_6,
  childExtra: "mode = iptfs",
};

function row(name: string, kind: Kind, wish: TunnelWish, ignore = false): void {
  Deno.test({ name: `IP-TFS, ${name}`, ignore, fn: () => carries(kind, wish) });
}

for (const [name, wish] of ROWS) row(name, "ours → ours", wish);
row(
  "userland ↔ kernel of strongSwan 6",
  "ours → strongSwan",
  WITH_STRONGSWAN,
  await strongSwanVersion(STRONGSWAN_6) === undefined,
);

async function carries(kind: Kind, wish: TunnelWish): Promise<void> {
  await withTunnel(kind, wish, async ({ lab, ends, ping }) => {
    assert.equal(await ping(), 5);
    const states = await kernelSays(lab.theirs, "xfrm", "state");
    assert.match(states, /mode (iptfs|5|unknown)/, states);
    const { there, back, damaged } = await transferBothWays(lab, ends, TCP_OCTETS);
    assert.deepEqual([there, back, damaged], [TCP_OCTETS, TCP_OCTETS, 0]);
  });
}
