/**
 * Scenarios with post-quantum pre-shared keys (RFC 8784, RFC 9867): both ends have the key, or
 * one end has none, or one with another name or value; it is required or not; and rekeys follow.
 * @module
 */
import { sameOctets } from "@/base/bytes.ts";
import { LOGINS, named } from "@/sim/auth_scenarios.ts";
import type { IkeConfig, PpkConfig } from "@/ike/records/config.ts";
import { hybrid } from "@/sim/key_exchange_scenarios.ts";
import {
  establishedSa,
  oneTunnel,
  onRandomHosts,
  pair,
  PATIENT,
  type Scenario,
} from "@/sim/scenarios.ts";

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

/** Both ends have the PPK: the keys must depend on it, also after rekeys. */
const shared: Scenario = {
  name: "ppk",
  start(world) {
    const chance = () => world.random.chance(0.5);
    const both = world.random.chance(0.3) ? { ...PATIENT, algorithms: hybrid(world) } : PATIENT;
    const hosts = pair(world, both, {
      a: { ppk: ppk({ required: chance(), intermediate: chance() }) },
      b: { ppk: ppk({ required: chance(), intermediate: chance() }) },
    });
    world.seamless = true;
    world.dial(hosts.a, hosts.b);
    onRandomHosts(world, hosts, (host, sa) => {
      const child = sa.children[0];
      if (world.random.chance(0.5)) return world.tell(host, sa, { kind: "rekey_ike" });
      if (child) world.tell(host, sa, { kind: "rekey_child", child });
    });
    return {
      stands: true,
      check() {
        const without = [hosts.a, hosts.b].map(establishedSa).some((sa) => sa && !sa.peer.ppk);
        return without ? "a PPK that both ends know is in the keys" : oneTunnel(hosts);
      },
    };
  },
};

/**
 * With EAP: AUTH after EAP, and all keys from then on, depend on the PPK if both ends know it. If one end
 * does not, the tunnel is made without it, or fails if it is required.
 */
const behindEap: Scenario = {
  name: "ppk_eap",
  start(world) {
    const login = world.random.pick(LOGINS)(world);
    const chance = () => world.random.chance(0.3);
    const b = world.random.pick<PpkConfig | undefined>([
      ppk({ required: chance() }),
      ppk({ required: chance() }),
      ppk({ id: octets("quantum-2") }),
      ppk({ key: octets("another key of 32 octets, by them") }),
      undefined,
    ]);
    const a = ppk({ required: chance() });
    const hosts = pair(world, PATIENT, {
      a: { ownId: named("alice"), auth: login.a, ppk: a },
      b: { auth: login.b, ...(b ? { ppk: b } : {}) },
    });
    world.dial(hosts.a, hosts.b);
    onRandomHosts(world, hosts, (host, sa) => world.tell(host, sa, { kind: "rekey_ike" }));
    const isCommon = b !== undefined && sameOctets(a.id, b.id);
    const stands = isCommon ? sameOctets(a.key, b.key) : !a.required;
    return {
      stands,
      check() {
        const sas = [hosts.a, hosts.b].map(establishedSa);
        if (!stands) {
          return sas.some((sa) => sa) ? "a PPK that is required is in the keys" : undefined;
        }
        const wrong = sas.some((sa) => sa && sa.peer.ppk !== isCommon);
        return wrong ? "a PPK beside EAP is in the keys where both ends know it" : oneTunnel(hosts);
      },
    };
  },
};

/** One end has no PPK, or another one: the tunnel is made without it if neither end requires it. */
const lonely: Scenario = {
  name: "ppk_of_one_end",
  start(world) {
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
        [a, b].map(establishedSa).some((sa) => sa?.peer.ppk)
          ? "a PPK is one that both ends know"
          : undefined,
    };
  },
};

/**
 * At least one end requires the PPK, and the other has none, one of another name, or one of another
 * value: no tunnel may come up.
 */
const missing: Scenario = {
  name: "ppk_missing",
  start(world) {
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

/** All scenarios of this file. */
export const PPK_SCENARIOS: readonly Scenario[] = [shared, behindEap, lonely, missing];
