/**
 * Tests `assignsrc`: the source addresses of pings are added to the system's interface when their task
 * begins, and are removed with the test, or by the next one if the test was killed.
 * @module
 */
import assert from "node:assert/strict";
import { atSite, ourGateway } from "../interop/ends.ts";
import { until } from "../interop/harness.ts";
import { Ours } from "../interop/ours.ts";
import { INNER, kernelSays, type Tunnel, withTunnel } from "./tunnel.ts";

type Carrier = "kernel" | "userland";

for (const dataPath of ["kernel", "userland"] as const) {
  for (const family of [4, 6] as const) {
    Deno.test(`assignsrc, ${dataPath}, IPv${family}: the source comes and goes with the test`, () =>
      withSource(dataPath, family, async ({ ours, lab }) => {
        const { result, ping } = await ours.stop();
        assert.deepEqual([result, ping?.lost], ["passed", 0], ours.said());
        assert.ok(ping!.received >= 5, JSON.stringify(ping));
        assert.doesNotMatch(await onLo({ lab }), holds(family));
      }));
  }

  Deno.test(`assignsrc, ${dataPath}: what a killed test left the next one takes away`, () =>
    withSource(dataPath, 4, async ({ ours, lab }) => {
      await ours.kill();
      assert.match(await onLo({ lab }), holds(4), "nobody was there to take it away");
      const ikeconf = { installfastpath: true, datapath: dataPath };
      const next = await Ours.start(lab, lab.ours, atSite(ourGateway({ ikeconf }), lab.ours));
      await until("the address gone", 10_000, async () => !holds(4).test(await onLo({ lab })));
      await next.stop();
    }));
}

/** Sets up a tunnel with pings from an address that nobody had before, and hands it over. */
async function withSource(
  dataPath: Carrier,
  family: 4 | 6,
  take: (tunnel: Tunnel) => Promise<void>,
): Promise<void> {
  const [srcaddr, destaddr] = INNER[family];
  const pingconf = { assignsrc: true, srcaddr, destaddr, interval: "50ms", holdtime: "0s" };
  const wish = {
    dataPath,
    inner: family,
    setup: { pingconf },
    before: async ({ ours }: Tunnel["lab"]) => {
      const prefix = `${srcaddr}/${family === 4 ? 32 : 128}`;
      await kernelSays(ours, "addr", "del", prefix, "dev", "lo");
    },
  };
  await withTunnel("ours → ours", wish, async (tunnel) => {
    await until("the source on lo", 20_000, async () => holds(family).test(await onLo(tunnel)));
    await until("pings answered", 20_000, async () => await packets(tunnel) >= 5);
    await take(tunnel);
  });
}

function holds(family: 4 | 6): RegExp {
  return new RegExp(`inet6? ${INNER[family][0].replaceAll(".", "\\.")}/`);
}

function onLo({ lab }: Pick<Tunnel, "lab">): Promise<string> {
  return kernelSays(lab.ours, "addr", "show", "dev", "lo");
}

/** Number of packets that the other end's kernel has sent. */
async function packets({ lab }: Tunnel): Promise<number> {
  const states = await kernelSays(lab.theirs, "-s", "xfrm", "state");
  const [, count] = /^src 10\.77\.0\.1 dst[^]*?, (\d+)\(packets\)/m.exec(states) ?? [];
  return Number(count ?? 0);
}
