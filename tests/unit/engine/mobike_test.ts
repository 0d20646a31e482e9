// MOBIKE over real sockets: tunnels move between addresses of loopback, in each possible way.
import assert from "node:assert/strict";
import { parsePrefix } from "@/base/address.ts";
import { ownAddressesOf } from "@/engine/run/config_of.ts";
import { RunResult } from "@/engine/show/view.ts";
import type { IkeConf, Setup } from "@/setup/setup.ts";
import { VARIANTS } from "../transport/_variants.ts";
import { setup } from "./setups.ts";
import { startRun, until } from "./two_runs.ts";

const GATEWAY = parsePrefix("127.0.0.1/8")!;

const IKE: Partial<IkeConf> = { psk: "one for both", dhgrpid: [31], retraninterval: 500 };
const FREE = { ownport: 0, ownnattport: 0, setupinterval: 0, numberoftunnels: 2, mobike: true };

for (const { name, open } of VARIANTS) {
  for (const [moves, enablenatt] of [["own-only", true], ["both", false]] as const) {
    const how = `${moves}, ${enablenatt ? "with" : "without"} NAT traversal`;
    Deno.test(`${name}: tunnels move (MOBIKE, ${how}), and the gateway follows`, async () => {
      const sockets = (whole: Setup) =>
        open({
          ownAddresses: ownAddressesOf(whole, () => []),
          ikePort: 0,
          nattPort: 0,
        });
      const ike = { ...IKE, enablenatt };
      const ofGateway = setup({ ...FREE, role: "gateway", bindifaddr: GATEWAY }, ike);
      const atGateway = sockets(ofGateway);
      const gateway = startRun(ofGateway, atGateway);
      const ofClient = setup({
        ...FREE,
        role: "client",
        startclntaddr: parsePrefix("127.0.2.1/8")!,
        peeraddr: GATEWAY.address,
        peerport: atGateway.ikePort,
        peernattport: atGateway.nattPort!,
        mobikeaddrpertunnel: 2,
        mobikeiplifetime: 300,
        mobikechangeaddrtype: moves,
      }, ike);
      const client = startRun(ofClient, sockets(ofClient));
      const ends = new Set<string>();
      await until(() => {
        for (const { spi } of client.run.sas.ikeSas(0, 0)) {
          const { ownAddress, peerAddress } = client.run.sas.ikeSa(spi)!;
          ends.add(`${ownAddress[3]} ${peerAddress[3]}`);
        }
        const { moves } = client.run.figures();
        return moves >= 8 && gateway.run.figures().moves >= 8;
      });
      const expected = moves === "own-only"
        ? ["1 1", "2 1", "3 1", "4 1"]
        : ["1 1", "2 2", "3 1", "4 2"];
      assert.deepEqual([...ends].sort(), expected);
      client.run.stop(true);
      const ending = await client.run.finalResult;
      assert.deepEqual([ending.result, ending.figures.deletesUnanswered], [RunResult.PASSED, 0]);
      assert.equal(ending.figures.movesFailed.count, 0);
      assert.match(client.said.join("\n"), /Moved from 127\.0\.2\.\d/);
      gateway.run.stop(true);
      await gateway.run.finalResult;
    });
  }
}

/** Runs `ip` with the words of a line. @throws {AssertionError} if it fails. */
async function ip(line: string): Promise<void> {
  const args = line.split(" ");
  const { success, stderr } = await new Deno.Command("ip", { args, stderr: "piped" }).output();
  assert.ok(success, `ip ${line}: ${new TextDecoder().decode(stderr)}`);
}

/** Both ends in a namespace of the test's own, as loopback has but one IPv6 address. */
async function movesBetweenFamilies(moves: "peer-only" | "both", namespace: string): Promise<void> {
  const begin = (whole: Setup) => {
    const ownAddresses = ownAddressesOf(whole, () => []);
    const native = VARIANTS.find(({ name }) => name === "native")!;
    return startRun(whole, native.open({ ownAddresses, ikePort: 0, nattPort: 0, namespace }));
  };
  const ike = { ...IKE, enablenatt: true };
  const ofGateway = { role: "gateway", bindifaddr: GATEWAY, mobikeaddrpergw: 1 } as const;
  const gateway = begin(
    setup({ ...FREE, ...ofGateway, mobikeotheraddr: parsePrefix("fd77::1/64")! }, ike),
  );
  const client = begin(setup({
    ...FREE,
    role: "client",
    startclntaddr: parsePrefix("127.0.2.1/8")!,
    mobikeotheraddr: parsePrefix("fd77::11/64")!,
    peeraddr: GATEWAY.address,
    peerport: gateway.transport.ikePort,
    peernattport: gateway.transport.nattPort!,
    mobikeaddrpertunnel: 1,
    mobikeiplifetime: 300,
    mobikechangeaddrtype: moves,
  }, ike));
  await until(() => client.run.figures().moves >= 6 && gateway.run.figures().moves >= 6);
  client.run.stop(true);
  const { result, figures } = await client.run.finalResult;
  assert.deepEqual([result, figures.deletesUnanswered], [RunResult.PASSED, 0]);
  assert.equal(figures.movesFailed.count, 0);
  const said = client.said.join("\n");
  for (const n of [1, 2]) {
    const at6 = `\\[fd77::1${n}\\]:\\d+ → \\[fd77::1\\]:\\d+`;
    const at4 = `127\\.0\\.2\\.${n}:\\d+ → 127\\.0\\.0\\.1:\\d+`;
    assert.match(said, new RegExp(`Moved from ${at4}.*${at6}`));
    assert.match(said, new RegExp(`Moved from ${at6}.*${at4}`));
  }
  gateway.run.stop(true);
  await gateway.run.finalResult;
}

const canTry = Deno.uid() === 0 && VARIANTS.length > 1;

for (const moves of ["peer-only", "both"] as const) {
  const name = `native: tunnels move to IPv6 and back (MOBIKE, ${moves}; needs root)`;
  Deno.test({ name, ignore: !canTry }, async () => {
    const namespace = `myikev2-mobike-${Deno.pid}`;
    await ip(`netns add ${namespace}`);
    try {
      await ip(`-n ${namespace} link set lo up`);
      for (const address of ["fd77::1", "fd77::11", "fd77::12"]) {
        await ip(`-n ${namespace} addr add ${address}/128 dev lo nodad`);
      }
      await movesBetweenFamilies(moves, namespace);
    } finally {
      await ip(`netns del ${namespace}`);
    }
  });
}
