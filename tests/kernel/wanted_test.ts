/**
 * What the kernel reports by itself: that traffic needs a state which was removed (ACQUIRE), and that a state
 * has sent as many packets as it may (EXPIRE). In both cases a new CHILD_SA is made.
 * @module
 */
import assert from "node:assert/strict";
import { mustRun, until } from "../interop/harness.ts";
import { kernelSays, KINDS, type Tunnel, withTunnel } from "./tunnel.ts";

for (const kind of KINDS) {
  Deno.test(`${kind}: states that somebody flushed are made anew when traffic wants them`, async () => {
    await withTunnel(kind, {}, async (tunnel) => {
      const { lab, ours, ping } = tunnel;
      assert.equal(await ping(), 5);
      await kernelSays(lab.ours, "xfrm", "state", "flush");
      await until("a ping through the new CHILD_SA", 15_000, async () => await ping(1) === 1);
      assert.equal(await ping(), 5);
      const states = await kernelSays(lab.ours, "xfrm", "state");
      assert.equal(states.match(/^\s+proto esp spi/gm)?.length, 2, states);
      assert.equal((await ours.stop()).rekeys.child, 1);
      assert.equal(await kernelSays(lab.ours, "xfrm", "state"), "");
    });
  });

  Deno.test(`${kind}: a state that has sent its packets is replaced, and none is lost`, async () => {
    await withTunnel(kind, {}, async (tunnel) => {
      const { lab, ours, ping } = tunnel;
      const { spi, limit } = await outbound(tunnel);
      // 2^32 sequence numbers, but for 2^24 of them (RFC 4303 §3.3.3).
      assert.equal(limit, 4_278_190_080);
      await limitPackets(tunnel, 3);
      assert.equal(await ping(20), 20);
      assert.notEqual((await outbound(tunnel)).spi, spi);
      assert.equal(await ping(), 5);
      assert.equal((await ours.stop()).rekeys.child, 1);
      assert.equal(await kernelSays(lab.ours, "xfrm", "state"), "");
    });
  });
}

interface Outbound {
  readonly spi: string;
  readonly reqid: string;
  /** The description of its keys. */
  readonly aead: string;
  /** Packets after which the kernel reports it. */
  readonly limit: number;
}

/** The state by which our packets are sent: the first one that the kernel lists is the newest. */
async function outbound({ lab }: Tunnel): Promise<Outbound> {
  const listed = await kernelSays(lab.ours, "-s", "xfrm", "state");
  const pattern = new RegExp(
    `^src ${lab.ours.address4} dst ${lab.theirs.address4}\\n\\s+proto esp spi (0x\\w+)\\S* ` +
      "reqid (\\d+)[^]*?aead (\\S+ 0x\\w+) [^]*?soft (\\d+|\\(INF\\))\\(packets\\)",
    "m",
  );
  const [, spi, reqid, aead, limit] = pattern.exec(listed) ?? [];
  assert.ok(spi && reqid && aead, listed);
  return { spi, reqid, aead, limit: Number(limit) };
}

/** Changes the limit of packets of a state, as an administrator could, and nothing else. */
async function limitPackets(tunnel: Tunnel, packets: number): Promise<void> {
  const { lab } = tunnel;
  const { spi, reqid, aead } = await outbound(tunnel);
  const [name, key] = aead.split(" ") as [string, string];
  const where = `src ${lab.ours.address4} dst ${lab.theirs.address4} proto esp spi ${spi}`;
  const words = `xfrm state update ${where} reqid ${reqid} mode tunnel flag af-unspec`.split(" ");
  const limit = ["limit", "packet-soft", `${packets}`, "limit", "packet-hard", "1000000"];
  const keys = ["aead", name, key, "128"];
  await mustRun("ip", ["-n", lab.ours.namespace, ...words, ...limit, ...keys]);
}
