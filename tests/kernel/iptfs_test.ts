/**
 * IP-TFS (RFC 9347): payloads of a kernel and of ESP in our process, which were written by others and by us, are
 * taken apart by each other: pings, and TCP both ways, whose segments are aggregated and fragmented.
 * @module
 */
import assert from "node:assert/strict";
import { transferBothWays } from "./iperf.ts";
import { kernelSays, type TunnelWish, withTunnel } from "./tunnel.ts";

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

for (const [name, wish] of ROWS) {
  Deno.test(`IP-TFS, ${name}`, async () => {
    await withTunnel("ours → ours", wish, async ({ lab, ends, ping }) => {
      assert.equal(await ping(), 5);
      const states = await kernelSays(lab.theirs, "xfrm", "state");
      assert.match(states, /mode (iptfs|5|unknown)/, states);
      const { there, back, damaged } = await transferBothWays(lab, ends, TCP_OCTETS);
      assert.deepEqual([there, back, damaged], [TCP_OCTETS, TCP_OCTETS, 0]);
    });
  });
}
