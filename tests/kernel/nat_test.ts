/**
 * Tests a NAT in front of the client whose mapping changes while packets are sent: the gateway's states
 * follow by ESP, as no IKE message is sent meanwhile (RFC 7296 §2.23).
 * @module
 */
import assert from "node:assert/strict";
import { OURS, THEIRS } from "../interop/ends.ts";
import { delay, type Lab } from "../interop/harness.ts";
import { hide, mappingsLast } from "../interop/nat.ts";
import { kernelSays, type Kind, KINDS, withTunnel } from "./tunnel.ts";

const FIRST_PORT = 20_000;
const OTHER_PORT = 30_000;

for (const dataPath of ["kernel", "userland"] as const) {
  for (const kind of KINDS) {
    Deno.test(`${dataPath}, ${kind}: a NAT's mapping changes under ESP, and both go on`, () =>
      remapped(kind, dataPath));
  }
}

async function remapped(kind: Kind, dataPath: "kernel" | "userland"): Promise<void> {
  const weBegin = kind !== "strongSwan → ours";
  const [client, gateway] = weBegin ? ["ours", "theirs"] as const : ["theirs", "ours"] as const;
  const seen = (weBegin ? OURS : THEIRS).many4.replace(/1$/, "120");
  const map = (lab: Lab, firstPort: number) => hide(lab[client], { as: seen, firstPort });
  const wish = {
    dataPath,
    // Without liveness checks only ESP shows the new mapping.
    ikeconf: { enablenatt: true, dpdinterval: "1h" },
    before: async (lab: Lab) => {
      await map(lab, FIRST_PORT);
      await mappingsLast(lab[client], 1);
    },
    ...(kind === "ours → strongSwan" ? { peerSeen: seen } : {}),
  };
  await withTunnel(kind, wish, async ({ lab, ours, ends }) => {
    const [from, to] = weBegin ? ends : ends.toReversed();
    const ping = async (...more: string[]) => {
      const words = ["-q", "-n", "-W", "5", "-I", from!, ...more, to!];
      const { stdout } = await lab.exec(lab[client], "ping", words);
      return Number(/(\d+) received/.exec(stdout)?.[1]);
    };
    const showsPorts = dataPath === "kernel" || gateway === "theirs";
    assert.equal(await ping("-c", "5", "-i", "0.1"), 5);
    if (showsPorts) await sendsTo(lab, gateway, { seen, firstPort: FIRST_PORT });
    await delay(2_500);
    await map(lab, OTHER_PORT);
    await mappingsLast(lab[client]);
    // The first replies of a kernel may still go to the old mapping.
    const received = await ping("-c", "20", "-i", "0.2");
    assert.ok(received >= 16, `${received} of 20`);
    if (showsPorts) await sendsTo(lab, gateway, { seen, firstPort: OTHER_PORT });
    assert.equal(await ping("-c", "5", "-i", "0.1"), 5);
    const { tunnels, rekeys } = await ours.stop();
    assert.deepEqual([tunnels.failed, tunnels.lost, rekeys.child], [0, 0, 0]);
  });
}

/**
 * Waits until the gateway's kernel has one state to the mapping, with a port of its range, and one from it.
 */
async function sendsTo(
  lab: Lab,
  gateway: "ours" | "theirs",
  { seen, firstPort }: { readonly seen: string; readonly firstPort: number },
): Promise<void> {
  const states = await kernelSays(lab[gateway], "xfrm", "state");
  const out = new RegExp(`^src \\S+ dst ${seen}$[^]*?sport 4500 dport (\\d+)`, "m").exec(states);
  const into = new RegExp(`^src ${seen} dst \\S+$[^]*?sport (\\d+) dport 4500`, "m").exec(states);
  assert.ok(out && into, states);
  for (const port of [out, into].map(([, port]) => Number(port))) {
    assert.ok(firstPort <= port && port < firstPort + 100, states);
  }
}
