/**
 * Complete tunnels in the kernel: our program at both ends, and with strongSwan's kernel data path, in both
 * directions. Each test reads the kernel's own listing.
 * @module
 */
import assert from "node:assert/strict";
import { atSite, ourGateway } from "../interop/ends.ts";
import { until } from "../interop/harness.ts";
import { Ours } from "../interop/ours.ts";
import { stream, transfer } from "./iperf.ts";
import {
  assertAgreed,
  assertCounted,
  kernelDrops,
  kernelSays,
  KINDS,
  type Tunnel,
  type TunnelWish,
  withTunnel,
} from "./tunnel.ts";

const FAST_PATH = { ikeconf: { installfastpath: true, datapath: "kernel" } };

const SUITES: readonly (readonly [string, TunnelWish])[] = [
  ["AES-GCM-16", {}],
  ["AES-CBC with HMAC-SHA2-256-128", {
    child: { encalg: ["aes-cbc:128"], integrityalg: ["sha256"] },
    proposal: "aes128-sha256",
  }],
  ["ChaCha20-Poly1305", {
    child: { encalg: ["chacha20-poly1305"] },
    proposal: "chacha20poly1305",
  }],
  ["extended sequence numbers", { child: { esn: true }, proposal: "aes128gcm16-esn" }],
];

/** Octets that are sent by TCP, and the rate and size of UDP datagrams. */
const OCTETS = 1 << 20;
const DATAGRAMS = { seconds: 1, packetsPerS: 200, octets: 400 };

/**
 * Checks pings, then iperf3 by TCP and by UDP: no datagram is lost, and both kernels have counted the same.
 */
async function carries({ lab, ends, ping }: Tunnel): Promise<void> {
  assert.equal(await ping(), 5);
  const { packets } = await assertAgreed(lab);
  assert.equal(packets, 5);
  const received = await transfer(lab, ends, OCTETS);
  assert.equal(received, OCTETS, await kernelDrops(lab));
  const { packets: sent, lost } = await stream(lab, ends, DATAGRAMS);
  assert.deepEqual([sent > 0, lost], [true, 0], await kernelDrops(lab));
  const carried = await assertAgreed(lab);
  assert.ok(carried.octets > received && carried.packets > sent, JSON.stringify(carried));
}

for (const kind of KINDS) {
  for (const [name, wish] of SUITES) {
    Deno.test(`${kind}: ${name}`, async () => {
      await withTunnel(kind, wish, async (tunnel) => {
        const { lab, ours } = tunnel;
        await carries(tunnel);
        const states = await kernelSays(lab.ours, "xfrm", "state");
        if (wish.child?.esn) assert.equal(states.match(/flag .*esn/g)?.length, 2, states);
        await ours.stop();
        assert.equal(await kernelSays(lab.ours, "xfrm", "state"), "");
        assert.equal(await kernelSays(lab.ours, "xfrm", "policy"), "");
        assert.doesNotMatch(await kernelSays(lab.ours, "rule"), /330/);
      });
    });
  }
  for (const outer of [4, 6] as const) {
    for (const inner of [4, 6] as const) {
      Deno.test(`${kind}: IPv${inner} in a tunnel over IPv${outer}`, async () => {
        await withTunnel(kind, { outer, inner }, carries);
      });
    }
    Deno.test(`${kind}: transport mode over IPv${outer}`, async () => {
      await withTunnel(kind, { outer, transport: true }, async (tunnel) => {
        await carries(tunnel);
        assert.match(await kernelSays(tunnel.lab.ours, "xfrm", "state"), /mode transport/);
      });
    });
  }
}

const FORCED = { enablenatt: true, tradtionalencapforceudp: true };

for (const kind of KINDS) {
  Deno.test(`${kind}: ESP in UDP where it is forced`, async () => {
    const wish = { ikeconf: FORCED, extra: "mobike = no\n    encap = yes" };
    await withTunnel(kind, wish, async (tunnel) => {
      await carries(tunnel);
      const states = await kernelSays(tunnel.lab.ours, "xfrm", "state");
      assert.match(states, /encap type espinudp sport 4500 dport 4500/);
    });
  });

  Deno.test(`${kind}: packets go by an XFRM interface, which is gone afterwards`, async () => {
    const wish = { ikeconf: { xfrmif: "esp0" } };
    await withTunnel(kind, wish, async ({ lab, ours, ping }) => {
      assert.equal(await ping(), 5);
      await assertCounted(lab, 5);
      const listed = await kernelSays(lab.ours, "-s", "-d", "link", "show", "esp0");
      const [, ifId] = /xfrm if_id (0x[0-9a-f]+)/.exec(listed) ?? [];
      const passed = [...listed.matchAll(/[RT]X:.*\n\s+\d+\s+(\d+)/g)].map(([, n]) => Number(n));
      assert.deepEqual(passed, [5, 5], listed);
      const states = await kernelSays(lab.ours, "xfrm", "state");
      assert.equal(states.match(new RegExp(`if_id ${ifId}$`, "gm"))?.length, 2, states);
      const routes = await kernelSays(lab.ours, "route", "show", "table", "330");
      assert.match(routes, /^10\.1\.0\.1 dev esp0 /m);
      await ours.stop();
      assert.equal(await kernelSays(lab.ours, "xfrm", "state"), "");
      assert.doesNotMatch(await kernelSays(lab.ours, "link"), /esp0/);
    });
  });

  Deno.test(`${kind}: CHILD_SAs are rekeyed again and again, and no packet is lost`, async () => {
    const child = { lifetime: "4s", pfsenabled: false };
    const ikeconf = { margintime: "2s", jitter: false };
    const childExtra = "rekey_time = 3s\n life_time = 20s\n rand_time = 0s";
    await withTunnel(kind, { child, ikeconf, childExtra }, async ({ lab, ours, ping }) => {
      const received = await ping(600, 0.02);
      assert.equal(received, 600, await kernelDrops(lab));
      const { rekeys } = await ours.stop();
      assert.ok(rekeys.child >= 3, `${rekeys.child} rekeys`);
    });
  });
}

Deno.test("what a killed process left is taken out by the next", async () => {
  await withTunnel("ours → ours", {}, async ({ lab, ours }) => {
    await ours.kill();
    assert.match(await kernelSays(lab.ours, "xfrm", "state"), /proto esp/);
    const next = await Ours.start(lab, lab.ours, atSite(ourGateway(FAST_PATH), lab.ours));
    await until(
      "the kernel empty",
      10_000,
      async () => !(await kernelSays(lab.ours, "xfrm", "state")).includes("proto esp"),
    );
    await next.stop();
    assert.equal(await kernelSays(lab.ours, "xfrm", "policy"), "");
    assert.equal(await kernelSays(lab.ours, "route", "show", "table", "all", "proto", "233"), "");
  });
});
