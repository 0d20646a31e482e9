/**
 * Tunnels in TCP (RFC 9329) in a kernel that has ESP in TCP (espintcp): ours with ours.
 * @module
 */
import assert from "node:assert/strict";
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
