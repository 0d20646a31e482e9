/**
 * Scenarios about what a CHILD_SA negotiates in addition to ciphers and selectors: mode, sequence numbers,
 * AH, TFC padding, IPComp.
 * @module
 */
import { sameOctets } from "@/base/bytes.ts";
import { Integ } from "@/iana/integ.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import type { ChildConfig } from "@/ike/records/config.ts";
import { boxOfA, boxOfB, natPair } from "@/sim/nat_scenarios.ts";
import {
  CHILD,
  establishedSa,
  oneTunnel,
  onRandomHosts,
  pair,
  PATIENT,
  range4,
  type Scenario,
} from "@/sim/scenarios.ts";
import type { Host, World } from "@/sim/world.ts";
import type { TrafficSelector } from "@/wire/payloads/traffic_selector.ts";

const AH: Partial<ChildConfig> = {
  protocol: ProtocolId.AH,
  encryption: [],
  integrity: [Integ.AUTH_HMAC_SHA2_256_128],
};

/** A random mode and protocol; `tfc` and `ipcomp` are drawn for each end. */
function drawn({ random }: World): Partial<ChildConfig> {
  return {
    ...(random.chance(0.5) ? AH : {}),
    tunnelMode: random.chance(0.5),
    esn: random.chance(0.5),
  };
}

function own({ random }: World, kind: Partial<ChildConfig>) {
  const child = { ...CHILD, ...kind, tfc: random.chance(0.5), ipcomp: random.chance(0.5) };
  return { children: [child] };
}

const modes: Scenario = {
  name: "child_modes",
  start(world) {
    const kind = drawn(world);
    const a = own(world, kind);
    const b = own(world, kind);
    const hosts = pair(world, PATIENT, { a, b });
    world.seamless = true;
    world.dial(hosts.a, hosts.b);
    onRandomHosts(world, hosts, (host, sa) => {
      const child = sa.children[0];
      if (child) world.tell(host, sa, { kind: "rekey_child", child });
    });
    const wanted = a.children[0]!.ipcomp && b.children[0]!.ipcomp;
    return {
      stands: true,
      check() {
        const made = establishedSa(hosts.a)?.children[0];
        if (made && (made.ipcomp !== undefined) !== wanted) {
          return "IPComp is settled exactly where both ends want it";
        }
        if (made && kind.protocol !== ProtocolId.AH && made.peerTakesTfc !== b.children[0]!.tfc) {
          return "who takes TFC padding is known to the other end";
        }
        return oneTunnel(hosts);
      },
    };
  },
};

/** The ends differ in one property, or in several. */
const misfits: Scenario = {
  name: "child_misfits",
  start(world) {
    const kind = drawn(world);
    const other = drawn(world);
    const one = {
      ...kind,
      ...world.random.pick([{ tunnelMode: !kind.tunnelMode }, { esn: !kind.esn }]),
    };
    const same = JSON.stringify(kind) === JSON.stringify(other);
    const theirs = same || world.random.chance(0.7) ? one : other;
    const hosts = pair(world, {}, { a: own(world, kind), b: own(world, theirs) });
    world.dial(hosts.a, hosts.b);
    return {
      stands: false,
      // The responder may have made its part of what it declined, until the Delete arrives.
      check: () =>
        hosts.a.installed.size > 0 ? "ends that want different things have no CHILD_SA" : undefined,
    };
  },
};

/** The tunnel is established and its second CHILD_SA declined, so that it is gone at both ends (§1.3.1). */
const declined: Scenario = {
  name: "declined_later",
  start(world) {
    const second = [range4([10, 2, 0, 0], [10, 2, 255, 255])];
    const first = [range4([10, 1, 0, 0], [10, 1, 255, 255])];
    const a = {
      children: [{ ...CHILD, peerTs: first }, { ...CHILD, peerTs: second, tunnelMode: false }],
    };
    const b = { children: [{ ...CHILD, ownTs: first }, { ...CHILD, ownTs: second }] };
    const hosts = pair(world, PATIENT, { a, b });
    world.dial(hosts.a, hosts.b);
    return {
      stands: true,
      check() {
        const gone = oneTunnel(hosts);
        return gone && `a declined CHILD_SA is gone at both ends: ${gone}`;
      },
    };
  },
};

/** Transport mode with a NAT in front of either end, or of both (RFC 7296 §2.23.1). */
const natted: Scenario = {
  name: "nat_transport",
  start(world) {
    const children = [{ ...CHILD, tunnelMode: false }];
    const { random } = world;
    const [atA, atB] = random.pick([[true, false], [false, true], [true, true]]);
    const boxes = { ...(atA ? { boxA: boxOfA() } : {}), ...(atB ? { boxB: boxOfB() } : {}) };
    const hosts = natPair(world, { children, ...boxes });
    world.seamless = true;
    world.dial(hosts.a, hosts.b);
    onRandomHosts(world, hosts, (host, sa) => {
      const child = sa.children[0];
      if (child) world.tell(host, sa, { kind: "rekey_child", child });
    });
    return {
      stands: true,
      check: () => oneTunnel(hosts) ?? seen(hosts.a) ?? seen(hosts.b),
    };
  },
};

/** The selectors of a host if they name the two addresses of the path as it sees them. */
function seen(host: Host): string | undefined {
  const sa = establishedSa(host);
  const child = sa?.children[0];
  if (!sa || !child) return undefined;
  const is = ([ts]: readonly TrafficSelector[], address: Uint8Array) =>
    ts !== undefined && sameOctets(ts.startAddress, address) && sameOctets(ts.endAddress, address);
  return is(child.ownTs, sa.path.ownAddress) && is(child.peerTs, sa.path.peerAddress)
    ? undefined
    : `${host.name} names the addresses that it sees`;
}

/** All scenarios of this file. */
export const CHILD_SCENARIOS: readonly Scenario[] = [modes, misfits, declined, natted];
