/**
 * Tests many tunnels and much traffic: a thousand tunnels in the kernel at both ends, and rekeys during a
 * stream of UDP whose sequence numbers the receiver compares (iperf3).
 * @module
 */
import assert from "node:assert/strict";
import { atSite, connection, ourClient, ourGateway } from "../interop/ends.ts";
import { PSK, swanctl, THEIR_ID, THEIRS } from "../interop/ends.ts";
import { Lab, mustRun, type Site, until } from "../interop/harness.ts";
import { merge, Ours } from "../interop/ours.ts";
import { Charon } from "../interop/strongswan.ts";
import { MODERN } from "../interop/suites.ts";
import { stream } from "./iperf.ts";
import { kernelDrops, kernelSays, type Kind, KINDS, withTunnel } from "./tunnel.ts";

const TUNNELS = 1000;
/** The tunnels through which pings are sent. */
const SAMPLE = [0, 1, 255, 256, 511, 998, 999];
const FAST_PATH = { installfastpath: true, datapath: "kernel" };
const GCM = { encalg: ["aes-gcm-16:128"], integrityalg: [] };

/** The address that is `i` after 10.N.0.0. */
function inner(net: number, i: number): string {
  return `10.${net}.${i >> 8}.${i & 255}`;
}

async function addAddresses(site: Site, device: string, addresses: readonly string[]) {
  const lines = addresses.map((address) => `addr add ${address} dev ${device}\n`).join("");
  await mustRun("ip", ["-n", site.namespace, "-batch", "-"], lines);
}

async function withThousand(
  theirs: "ours" | "strongSwan",
  take: (lab: Lab, ours: Ours) => Promise<void>,
) {
  const lab = await Lab.open("m");
  try {
    const all = Array.from({ length: TUNNELS }, (_, i) => i);
    // The outer addresses of the tunnels, then the inner ones of those with pings.
    await addAddresses(lab.ours, lab.ours.interface, all.map((i) => `${inner(77, 1024 + i)}/16`));
    await addAddresses(lab.ours, "lo", SAMPLE.map((i) => `${inner(2, i)}/32`));
    await addAddresses(lab.theirs, "lo", ["10.1.0.1/32"]);
    await startTheirs(lab, theirs);
    const setup = ourClient({
      numberoftunnels: TUNNELS,
      startclntaddr: `${inner(77, 1024)}/16`,
      owntsaddrincrease: 1,
      tunnelmaxretry: 5,
      maxhalfopen: 32,
      ikeconf: {
        ...FAST_PATH,
        childlist: [{
          ...GCM,
          ownts: [{ startaddr: "10.2.0.0", endaddr: "10.2.0.0" }],
          peerts: [{ startaddr: "10.1.0.1", endaddr: "10.1.0.1" }],
        }],
      },
    }, MODERN);
    await take(lab, await Ours.start(lab, lab.ours, atSite(setup, lab.ours)));
  } finally {
    await lab.close();
  }
}

async function startTheirs(lab: Lab, who: "ours" | "strongSwan"): Promise<void> {
  if (who === "ours") {
    const gateway = merge(ourGateway({}, MODERN), {
      numberoftunnels: TUNNELS,
      bindifaddr: `${THEIRS.address4}/16`,
      ikeconf: {
        ...FAST_PATH,
        myid: THEIR_ID,
        childlist: [{
          ...GCM,
          ownts: [{ startaddr: "10.1.0.1", endaddr: "10.1.0.1" }],
          peerts: [{ startaddr: "10.2.0.0", endaddr: "10.2.255.255" }],
        }],
      },
    });
    await Ours.start(lab, lab.theirs, atSite(gateway, lab.theirs));
    return;
  }
  const settings = "  install_routes = yes\n  dos_protection = no";
  const charon = await Charon.start(lab, lab.theirs, settings, { kernelHasEsp: true });
  await charon.load(swanctl(
    connection({
      suite: MODERN,
      espProposals: "aes128gcm16",
      remoteAddress: "%any",
      localTs: "10.1.0.1/32",
      remoteTs: "10.2.0.0/16",
      // All tunnels have one identity; by default each would close the one before.
      extra: "mobike = no\n    unique = never",
    }),
    PSK,
  ));
}

function count(listing: string, pattern: RegExp): number {
  return listing.match(pattern)?.length ?? 0;
}

for (const theirs of ["ours", "strongSwan"] as const) {
  Deno.test(`ours → ${theirs}: a thousand tunnels, in both kernels' listings`, async () => {
    await withThousand(theirs, async (lab, ours) => {
      for (const site of [lab.ours, lab.theirs]) {
        await until("2,000 states", 180_000, async () => {
          ours.mustRun();
          return count(await kernelSays(site, "xfrm", "state"), /^\s+proto esp spi/gm) ===
            2 * TUNNELS;
        });
        const policies = await kernelSays(site, "xfrm", "policy");
        assert.equal(count(policies, /^\s+dir (in|out|fwd) /gm) >= 3 * TUNNELS, true);
      }
      for (const i of SAMPLE) {
        const words = ["-q", "-c", "2", "-i", "0.1", "-W", "2", "-I", inner(2, i), "10.1.0.1"];
        const { stdout } = await lab.exec(lab.ours, "ping", words);
        assert.match(stdout, / 2 received/, `tunnel ${i}`);
      }
      const result = await ours.stop();
      assert.equal(result.tunnels.established, TUNNELS);
      assert.equal(await kernelSays(lab.ours, "xfrm", "state"), "");
      assert.equal(await kernelSays(lab.ours, "xfrm", "policy"), "");
    });
  });
}

/** The least number of rekeys that the end which makes them must reach. */
const REKEYS_MIN = 20;
const STREAM_S = 28;
const PACKETS_PER_S = 5000;
const API_PORT = 12330;
/** Octets of a datagram. */
const DATAGRAM = 200;
const ENDS = ["10.2.0.1", "10.1.0.1"] as const;

async function rekeysUnderLoad(kind: Kind, who: "we" | "they"): Promise<void> {
  const wish = { child: { lifetime: "1h", pfsenabled: false }, apilistenport: API_PORT };
  await withTunnel(kind, wish, async ({ lab, ours, charon }) => {
    const wish = { seconds: 2, packetsPerS: 3 * PACKETS_PER_S, octets: DATAGRAM };
    const capacity = (await stream(lab, ENDS, wish)).perSecond;
    const rate = Math.round(Math.min(PACKETS_PER_S, capacity / 2));
    const streaming = stream(lab, ENDS, { ...wish, seconds: STREAM_S, packetsPerS: rate });
    const rekeying = who === "they" && charon
      ? rekeyByCharon(charon)
      : rekeyByApi(lab, who === "we" ? lab.ours : lab.theirs);
    const [{ packets, lost, perSecond }, rekeys] = await Promise.all([streaming, rekeying]);
    const told = `${rekeys} rekeys, ${lost} of ${packets} packets lost, ` +
      `${Math.round(perSecond)}/s of ${Math.round(capacity)}/s`;
    console.log(told);
    assert.equal(lost, 0, `${told}\n${await kernelDrops(lab)}`);
    // A machine that does something else too sends less than was asked for.
    assert.ok(packets >= 0.25 * rate * STREAM_S, told);
    assert.ok(rekeys >= REKEYS_MIN, told);
    const result = await ours.stop();
    assert.ok(result.rekeys.child >= rekeys, `we counted ${result.rekeys.child}: ${told}`);
  });
}

const REKEY_EVERY_MS = 400;

async function rekeyByApi(lab: Lab, site: Site): Promise<number> {
  const script = new URL("rekey.ts", import.meta.url).pathname;
  const words = [API_PORT, STREAM_S - 3, REKEY_EVERY_MS].map(String);
  const run = ["run", "-A", "--no-code-cache", "--no-check", script, ...words];
  const { code, stdout, stderr } = await lab.exec(site, Deno.execPath(), run);
  assert.match(stdout, /^\d+\n$/, `the API's client ended with ${code}: ${stderr}`);
  return Number(stdout);
}

async function rekeyByCharon(charon: Charon): Promise<number> {
  const endMs = Date.now() + (STREAM_S - 3) * 1000;
  let count = 0;
  for (; Date.now() < endMs; count++) {
    await charon.swanctl(["--rekey", "--child", "net"]);
    await new Promise((resolve) => setTimeout(resolve, REKEY_EVERY_MS));
  }
  return count;
}

for (const kind of KINDS) {
  for (const who of ["we", "they"] as const) {
    Deno.test(`${kind}: ${who} rekey under load, and no packet is lost`, () =>
      rekeysUnderLoad(kind, who));
  }
}
