/**
 * Scenarios about attributes of the configuration payload beside addresses: what a client asked for is
 * what it has, its liveness checks follow what its gateway says (3GPP TS 24.302 §8.2.4.2), and a trust
 * anchor without a domain before it is ignored (RFC 8598 §4).
 * @module
 */
import { sameOctets } from "@/base/bytes.ts";
import { CfgAttribute } from "@/iana/cfg_attribute.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { establishedSa, onRandomHosts, pair, PATIENT, type Scenario } from "@/sim/scenarios.ts";
import type { ConfigurationAttribute } from "@/wire/payloads/configuration.ts";

const PERIOD_SEC = 2;
const PERIOD = given(CfgAttribute.TIMEOUT_PERIOD_FOR_LIVENESS_CHECK, 0, 0, 0, PERIOD_SEC);
const DOMAIN = given(CfgAttribute.INTERNAL_DNS_DOMAIN, 0x61, 0x2e, 0x62);
const ANCHOR = given(CfgAttribute.INTERNAL_DNSSEC_TA, 0xaa, 0x1b, 8, 1, 7, 7);
const P_CSCF = given(CfgAttribute.P_CSCF_IP4_ADDRESS, 10, 3, 0, 1);
const NOWHERE = given(16_384, 1, 2, 3);
const POOL = {
  first: Uint8Array.of(172, 17, 0, 1),
  last: Uint8Array.of(172, 17, 0, 9),
  prefixBits: 24,
  dns: [],
};

function given(attribute: number, ...value: number[]): ConfigurationAttribute {
  return { attribute, value: Uint8Array.from(value) };
}

const attributes: Scenario = {
  name: "configuration_attributes",
  start(world) {
    const misplaced = world.random.chance(0.7);
    const has = [PERIOD, NOWHERE, ...(misplaced ? [ANCHOR, DOMAIN] : [DOMAIN, ANCHOR]), P_CSCF];
    const asked = has.filter((one) => one === ANCHOR || world.random.chance(0.8));
    const assigns = world.random.chance(0.5);
    const hosts = pair(world, PATIENT, {
      a: {
        remoteAccess: assigns,
        livenessIntervalMs: world.random.pick([0, 600_000]),
        cfgAttributes: asked.map(({ attribute }) => ({ attribute, value: new Uint8Array(0) })),
      },
      b: { cfgAttributes: has, pools: assigns ? { v4: POOL, v6: undefined } : undefined },
    });
    world.dial(hosts.a, hosts.b);
    onRandomHosts(world, hosts, (host, sa) => world.tell(host, sa, { kind: "rekey_ike" }));
    const anchored = !misplaced && asked.includes(DOMAIN);
    const expected = asked.filter((one) => one !== ANCHOR || anchored);
    let broken: string | undefined;
    const verdict = () => {
      // An IKE SA that has been rekeyed only waits for its Delete.
      const sas = [...hosts.a.endpoint.bySpi.values()];
      const sa = sas.findLast(({ phase }) => phase === "established");
      if (!sa) return;
      const { configured } = sa.peer;
      const isSame = configured.length === expected.length &&
        configured.every(({ attribute, value }, i) =>
          attribute === expected[i]!.attribute && sameOctets(value, expected[i]!.value)
        );
      if (!isSame) broken ??= "a client has what it asked for, and what stands where it may";
      // The last answer may have come long after the check that it answers, as requests are lost.
      const { establishedMs = Infinity, lastLivenessMs = 0, lastReceivedMs = 0 } = sa;
      const quietMs = world.nowMs - Math.max(establishedMs, lastLivenessMs, lastReceivedMs);
      const isBusy = sa.window.request !== undefined || sa.active !== undefined;
      const isLate = !isBusy && quietMs > 3 * PERIOD_SEC * 1_000;
      if (asked.includes(PERIOD) && isLate) {
        broken ??= "a client checks liveness as often as its gateway says (TS 24.302)";
      }
    };
    for (let atMs = 2_000; atMs < 28_000; atMs += 2_000) world.at(atMs, verdict);
    for (let atMs = 28_000; atMs <= 120_000; atMs += 4_000) {
      world.at(atMs, () => {
        verdict();
        const sa = establishedSa(hosts.a);
        // Without an end of the tunnel there is no end of liveness checks.
        if (sa) world.tell(hosts.a, sa, { kind: "close", closeCode: CloseCode.STOPPED });
      });
    }
    return { stands: false, check: () => broken };
  },
};

/** All scenarios of this file. */
export const CONFIGURATION_SCENARIOS: readonly Scenario[] = [attributes];
