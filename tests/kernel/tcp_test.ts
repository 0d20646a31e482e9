/**
 * Tunnels in TCP (RFC 9329) in a kernel that has ESP in TCP (espintcp): ours with ours, and with
 * libreswan's kernel data path in both directions. Each reads the kernels' own listings.
 * @module
 */
import assert from "node:assert/strict";
import { THEIRS } from "../interop/ends.ts";
import { until } from "../interop/harness.ts";
import { hasLibreswan, withLibreswan } from "./libreswan_tunnel.ts";
import { assertCounted, kernelSays, withTunnel } from "./tunnel.ts";

const TCP = { ikeconf: { tcpencap: true } };

for (const outer of [4, 6] as const) {
  Deno.test(`in TCP, ours → ours: ESP in the kernel over IPv${outer}`, async () => {
    await withTunnel("ours → ours", { ...TCP, outer }, async ({ lab, ours, ping }) => {
      assert.equal(await ping(), 5);
      await assertCounted(lab, 5);
      const states = await kernelSays(lab.ours, "xfrm", "state");
      assert.match(states, /encap type espintcp sport 4500 dport 4500/);
      await ours.stop();
      assert.equal(await kernelSays(lab.ours, "xfrm", "state"), "");
    });
  });

  Deno.test(`in TCP, ours → ours: ESP in the process and in the kernel over IPv${outer}`, async () => {
    const wish = { ...TCP, outer, dataPath: "userland" } as const;
    await withTunnel("ours → ours", wish, async ({ lab, ours, ping }) => {
      assert.equal(await ping(), 5);
      const states = await kernelSays(lab.theirs, "-s", "xfrm", "state");
      assert.equal(states.match(/\(bytes\), 5\(packets\)/g)?.length, 2, states);
      assert.match(states, /encap type espintcp sport 4500 dport 4500/);
      await ours.stop();
    });
  });
}

for (const dataPath of ["kernel", "userland"] as const) {
  Deno.test(`in TCP, ours → ours: a lost connection is begun anew, with ESP by ${dataPath}`, async () => {
    const wish = { ...TCP, dataPath, setup: { loglevel: 4 } };
    await withTunnel("ours → ours", wish, async ({ lab, ours, ping }) => {
      assert.equal(await ping(), 5);
      // No host has this address: nothing arrives, and the system gives up after the first repetitions.
      const neighbour = [THEIRS.address4, "dev", lab.ours.interface];
      await lab.exec(lab.ours, "sysctl", ["-qw", "net.ipv4.tcp_retries2=1"]);
      await kernelSays(lab.ours, "neigh", "replace", ...neighbour, "lladdr", "02:00:00:00:00:99");
      assert.equal(await ping(3), 0);
      await ours.logs(/in TCP is lost: ETIMEDOUT/);
      await kernelSays(lab.ours, "neigh", "del", ...neighbour);
      await ours.logs(/Another connection is begun/);
      // It had nothing to report except its existence.
      await ours.logs(/The connection .* in TCP is .* in TCP now/);
      await until("packets", 20_000, async () => await ping(1) === 1);
      assert.equal(await ping(), 5);
      const { tunnels } = await ours.stop();
      assert.deepEqual([tunnels.established, tunnels.lost], [1, 0]);
    });
  });
}

// A missing program is a failure if everything has to be tested.
const theirs = Deno.env.get("CI") === "true" || await hasLibreswan();

for (const kind of ["ours → libreswan", "libreswan → ours"] as const) {
  for (const transport of [false, true]) {
    const mode = transport ? "transport" : "tunnel";
    Deno.test({
      name: `in TCP, ${kind}: ESP in both kernels, ${mode} mode`,
      ignore: !theirs,
      fn: async () => {
        await withLibreswan(kind, { transport }, async ({ lab, ours, ping }) => {
          assert.equal(await ping(), 5);
          await assertCounted(lab, 5);
          for (const site of [lab.ours, lab.theirs]) {
            const states = await kernelSays(site, "xfrm", "state");
            assert.equal(states.match(/encap type espintcp/g)?.length, 2, states);
            assert.equal(states.match(new RegExp(`mode ${mode}`, "g"))?.length, 2, states);
          }
          const { retransmissions } = await ours.stop();
          assert.equal(retransmissions, 0);
          assert.equal(await kernelSays(lab.ours, "xfrm", "state"), "");
        });
      },
    });
  }

  Deno.test({
    name: `in TCP, ${kind}: ESP in our process, and in their kernel`,
    ignore: !theirs,
    fn: async () => {
      await withLibreswan(kind, { dataPath: "userland" }, async ({ lab, ours, ping }) => {
        assert.equal(await ping(), 5);
        const states = await kernelSays(lab.theirs, "-s", "xfrm", "state");
        assert.equal(states.match(/\(bytes\), 5\(packets\)/g)?.length, 2, states);
        assert.equal(states.match(/encap type espintcp/g)?.length, 2, states);
        assert.match(await kernelSays(lab.ours, "-s", "link", "show", "myikev2t0"), /myikev2t0/);
        await ours.stop();
      });
    },
  });
}
