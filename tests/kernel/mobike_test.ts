/**
 * Tunnels that move (MOBIKE, RFC 4555) while they carry packets: the states and policies of the kernel, or
 * ESP in our process, follow from address to address, and the packets that are lost are counted.
 * @module
 */
import assert from "node:assert/strict";
import { OURS, THEIRS } from "../interop/ends.ts";
import { type Lab, mustRun } from "../interop/harness.ts";
import { kernelDrops, kernelSays, type Kind, withTunnel } from "./tunnel.ts";

/** The second address of the client. */
const NEXT = { 4: "10.77.0.3", 6: "fd77::3" } as const;
const KINDS: readonly Kind[] = ["ours → ours", "ours → strongSwan"];
const PINGS = 200;

async function addNext(lab: Lab): Promise<void> {
  const { namespace, interface: name } = lab.ours;
  await mustRun("ip", ["-n", namespace, "addr", "replace", `${NEXT[4]}/16`, "dev", name]);
  const six = ["addr", "replace", `${NEXT[6]}/64`, "dev", name, "nodad"];
  await mustRun("ip", ["-n", namespace, "-6", ...six]);
}

/** Moves about once a second while a ping is sent every 20 ms. */
async function moves(
  kind: Kind,
  { dataPath, outer, enablenatt, families = false }: {
    readonly dataPath: "kernel" | "userland";
    readonly outer: 4 | 6;
    readonly enablenatt: boolean;
    /** Whether each end has one address of each family, between which the client moves. */
    readonly families?: boolean;
  },
): Promise<void> {
  const wish = {
    dataPath,
    outer,
    ikeconf: { enablenatt },
    setup: {
      mobike: true,
      mobikeiplifetime: "900ms",
      mobikechangeaddrtype: families ? "both" : "own-only",
      ...(families ? { mobikeaddrpertunnel: 1, mobikeotheraddr: `${OURS.address6}/64` } : {}),
    },
    theirSetup: {
      mobike: true,
      mobikeaddrpergw: 1,
      ...(families ? { mobikeotheraddr: `${THEIRS.address6}/64` } : {}),
    },
    extra: "mobike = yes",
    before: addNext,
  };
  await withTunnel(kind, wish, async ({ lab, ours, ping }) => {
    const received = await ping(PINGS, 0.02);
    const sites = dataPath === "kernel" ? [lab.ours, lab.theirs] : [lab.theirs];
    for (const site of sites) {
      const states = await kernelSays(site, "xfrm", "state");
      const ends = [...states.matchAll(/^src (\S+) dst (\S+)$/gm)].map(([, a, b]) => `${a} ${b}`);
      assert.equal(ends.length, 2, states);
      assert.equal(ends[0]!.split(" ").toReversed().join(" "), ends[1], "both go by one path");
      const policies = await kernelSays(site, "xfrm", "policy");
      for (const direction of ["in", "out", "fwd"]) {
        assert.match(policies, new RegExp(`^\\s+dir ${direction} `, "m"), "no policy is lost");
      }
    }
    const result = await ours.stop();
    const { done, failed } = result.moves;
    console.log(
      `${kind}, ${dataPath}, IPv${outer}${enablenatt ? ", NAT detection" : ""}: ` +
        `${done} moves, ${PINGS - received} of ${PINGS} pings lost`,
    );
    assert.ok(done >= 3, `${done} moves`);
    assert.equal(failed.count, 0);
    assert.equal(result.tunnels.lost, 0);
    // A move loses the packets that are in flight to the previous address; strongSwan removes its policies
    // meanwhile.
    const drops = await kernelDrops(lab);
    assert.ok(
      PINGS - received <= (kind === "ours → ours" ? 2 : 6) * done,
      `${PINGS - received} pings lost\n${drops}`,
    );
    assert.equal(await kernelSays(lab.ours, "xfrm", "state"), "", "nothing is left");
  });
}

for (const kind of KINDS) {
  for (const dataPath of ["kernel", "userland"] as const) {
    for (const enablenatt of [false, true]) {
      // Without NAT traversal ESP in our process uses raw sockets.
      const natt = enablenatt ? "with NAT detection" : "without NAT detection";
      Deno.test(`${kind}, ${dataPath}: pings go on while the client moves, ${natt}`, () =>
        moves(kind, { dataPath, outer: 4, enablenatt }));
    }
  }
}

Deno.test("pings go on while the client moves from IPv4 to IPv6 and back", () =>
  moves("ours → ours", { dataPath: "kernel", outer: 4, enablenatt: true, families: true }));

Deno.test(`IPv6 outside: pings go on while the client moves between ${OURS.address6} and ${NEXT[6]}`, () =>
  moves("ours → ours", { dataPath: "kernel", outer: 6, enablenatt: true }));
