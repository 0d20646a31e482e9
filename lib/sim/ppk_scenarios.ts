/**
 * Plays about post-quantum pre-shared keys (RFC 8784, RFC 9867): at both ends, at one, of another name or value,
 * required or not, with rekeys after them.
 * @module
 */
import type { IkeConfig, PpkConfig } from "@/ike/records/config.ts";
import { hybrid } from "@/sim/key_exchange_scenarios.ts";
import { oneTunnel, pair, PATIENT, type Scenario, someone, up } from "@/sim/scenarios.ts";

const octets = (text: string) => new TextEncoder().encode(text);

function ppk(change: Partial<PpkConfig> = {}): PpkConfig {
  return {
    id: octets("quantum-1"),
    key: octets("a key of 32 octets in this world"),
    required: false,
    intermediate: false,
    ...change,
  };
}

/** Both ends know it: it is in the keys, whatever else is, and stays there. */
const shared: Scenario = {
  name: "ppk",
  play(world) {
    const chance = () => world.random.chance(0.5);
    const both = world.random.chance(0.3) ? { ...PATIENT, algorithms: hybrid(world) } : PATIENT;
    const hosts = pair(world, both, {
      a: { ppk: ppk({ required: chance(), intermediate: chance() }) },
      b: { ppk: ppk({ required: chance(), intermediate: chance() }) },
    });
    world.seamless = true;
    world.dial(hosts.a, hosts.b);
    someone(world, hosts, (host, sa) => {
      const child = sa.children[0];
      if (world.random.chance(0.5)) return world.tell(host, sa, { kind: "rekey_ike" });
      if (child) world.tell(host, sa, { kind: "rekey_child", child });
    });
    return {
      stands: true,
      check() {
        const without = [hosts.a, hosts.b].map(up).some((sa) => sa && !sa.peer.ppk);
        return without ? "a PPK that both ends know is in the keys" : oneTunnel(hosts);
      },
    };
  },
};

/** One end knows none, or another: they go without, where neither requires it. */
const lonely: Scenario = {
  name: "ppk_of_one_end",
  play(world) {
    const intermediate = world.random.chance(0.5);
    const other = ppk({ id: octets("quantum-2"), intermediate });
    const own = world.random.pick<{ a?: Partial<IkeConfig>; b?: Partial<IkeConfig> }>([
      { a: { ppk: ppk({ intermediate }) } },
      { b: { ppk: ppk({ intermediate }) } },
      { a: { ppk: ppk({ intermediate }) }, b: { ppk: other } },
    ]);
    const { a, b } = pair(world, PATIENT, own);
    world.dial(a, b);
    return {
      stands: true,
      check: () =>
        [a, b].map(up).some((sa) => sa?.peer.ppk) ? "a PPK is one that both ends know" : undefined,
    };
  },
};

/** It is required at one end at least, and the other has none, another, or another value. */
const missing: Scenario = {
  name: "ppk_missing",
  play(world) {
    const intermediate = world.random.chance(0.5);
    const wanted = { ppk: ppk({ required: true, intermediate }) };
    const lacks = world.random.pick<Partial<IkeConfig>>([
      {},
      { ppk: ppk({ id: octets("quantum-2"), intermediate }) },
      { ppk: ppk({ key: octets("another key of 32 octets, by them"), intermediate }) },
    ]);
    const [a, b] = world.random.chance(0.5) ? [wanted, lacks] : [lacks, wanted];
    const hosts = pair(world, {}, { a, b });
    world.dial(hosts.a, hosts.b);
    return { stands: false };
  },
};

/** Every play of this file. */
export const PPK_SCENARIOS: readonly Scenario[] = [shared, lonely, missing];
