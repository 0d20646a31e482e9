/**
 * Tunnels that two workers share, with packets in the kernel, and in the process with raw sockets:
 * each worker has the packets of its own tunnels, and removes nothing of the other.
 * @module
 */
import assert from "node:assert/strict";
import { atSite, ourClient, ourGateway, THEIR_ID, THEIRS } from "../interop/ends.ts";
import { Lab, mustRun, until } from "../interop/harness.ts";
import { merge, Ours } from "../interop/ours.ts";
import { MODERN } from "../interop/suites.ts";
import { kernelSays } from "./tunnel.ts";

const TUNNELS = 8;
const THEIR_INNER = "10.1.0.1";
const GCM = { encalg: ["aes-gcm-16:128"], integrityalg: [] };
const all = Array.from({ length: TUNNELS }, (_, i) => i);
const inner = (i: number) => `10.2.0.${i}`;

/** The line of the live view says so. */
const OWN_PINGS = new RegExp(`ping: ${TUNNELS} tasks, [1-9]\\d*/\\d+ answered`);
const OUR_PINGS = { destaddr: THEIR_INNER, autoaddr: true, interval: "250ms", startwith: "tunnel" };

/** Pings of another program, which the system gives to the tunnel of their source. */
async function pingThroughAll(lab: Lab, ours: Ours): Promise<void> {
  for (const i of all) {
    const words = ["-q", "-c", "1", "-W", "2", "-I", inner(i), THEIR_INNER];
    await until(`a ping through tunnel ${i}`, 60_000, async () => {
      ours.mustRun();
      return (await lab.exec(lab.ours, "ping", words)).stdout.includes(" 1 received");
    });
  }
}

for (const datapath of ["kernel", "userland"] as const) {
  Deno.test(`two workers, ${datapath}: packets of all tunnels, and nothing is left`, async () => {
    const lab = await Lab.open("w");
    try {
      const outer = all.map((i) => `addr add 10.77.4.${i + 1}/16 dev ${lab.ours.interface}\n`);
      const own = all.map((i) => `addr add ${inner(i)}/32 dev lo\n`);
      await mustRun("ip", ["-n", lab.ours.namespace, "-batch", "-"], [...outer, ...own].join(""));
      await mustRun("ip", ["-n", lab.theirs.namespace, "addr", "add", THEIR_INNER, "dev", "lo"]);
      const path = { installfastpath: true, datapath };
      const gateway = merge(ourGateway({}, MODERN), {
        shards: datapath === "kernel" ? 1 : 2,
        numberoftunnels: TUNNELS,
        bindifaddr: `${THEIRS.address4}/16`,
        ikeconf: {
          ...path,
          myid: THEIR_ID,
          childlist: [{
            ...GCM,
            ownts: [{ startaddr: THEIR_INNER, endaddr: THEIR_INNER }],
            peerts: [{ startaddr: inner(0), endaddr: inner(255) }],
          }],
        },
      });
      const theirs = await Ours.start(lab, lab.theirs, atSite(gateway, lab.theirs));
      const client = ourClient({
        shards: 2,
        numberoftunnels: TUNNELS,
        startclntaddr: "10.77.4.1/16",
        owntsaddrincrease: 1,
        peertsaddrincrease: 0,
        ...(datapath === "userland" ? { pingconf: OUR_PINGS } : {}),
        ikeconf: {
          ...path,
          childlist: [{
            ...GCM,
            ownts: [{ startaddr: inner(0), endaddr: inner(0) }],
            peerts: [{ startaddr: THEIR_INNER, endaddr: THEIR_INNER }],
          }],
        },
      }, MODERN);
      const ours = await Ours.start(lab, lab.ours, atSite(client, lab.ours));
      if (datapath === "kernel") await pingThroughAll(lab, ours);
      else await until("pings of our own", 60_000, () => OWN_PINGS.test(ours.said()));
      const result = await ours.stop();
      if (datapath === "userland") {
        assert.ok(result.ping!.received >= TUNNELS, JSON.stringify(result.ping));
        assert.deepEqual(result.packets!.drops, {}, "no packet came to a worker without its SA");
      }
      assert.equal(result.tunnels.established, TUNNELS);
      const gatewayResult = await theirs.stop();
      assert.equal(gatewayResult.tunnels.established, TUNNELS);
      for (const site of [lab.ours, lab.theirs]) {
        assert.equal(await kernelSays(site, "xfrm", "state"), "");
        assert.equal(await kernelSays(site, "xfrm", "policy"), "");
        assert.doesNotMatch(await kernelSays(site, "route", "show", "table", "all"), /table 330/);
        assert.doesNotMatch(await kernelSays(site, "rule"), /lookup 330/);
      }
    } finally {
      await lab.close();
    }
  });
}
