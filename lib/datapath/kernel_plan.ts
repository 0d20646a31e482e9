/**
 * Derives what the kernel needs for a pair of SAs: two states, the policies of each pair of selectors, and
 * the routes to what the peer protects.
 * @module
 */
import { type IpAddress, isUnspecified } from "@/base/address.ts";
import { coveringPrefix } from "@/datapath/covering.ts";
import { type SaPair, type Selector, SEQUENCE_LEFT } from "@/datapath/data_path.ts";
import type { NextHop, Route } from "@/datapath/route_message.ts";
import { PolicyDirection, type XfrmPolicy } from "@/datapath/xfrm_policy.ts";
import { type XfrmState } from "@/datapath/xfrm_state.ts";

/** The routing table of tunnels. */
export const TUNNEL_TABLE = 330;
/** Base of policy priorities: prefix lengths of selectors count most, then the protocol, then the ports. */
const PRIORITY_OF_ANY = 0x8000;
const STEP_OF_BIT = 8;
const STEP_OF_PROTOCOL = 4;
const STEP_OF_PORT = 2;

/** Values that all pairs of one data path share. */
export interface KernelScope {
  /** The reqid to which the number of a rekey chain is added. */
  readonly reqidBase: number;
  /** The id of the XFRM interface; 0: there is none. */
  readonly ifId: number;
}

/** The inbound state of a pair. */
export function stateIn(pair: SaPair, { reqidBase, ifId }: KernelScope): XfrmState {
  const { path, suite, tunnelMode, encapsulation, replayWindow } = pair;
  return {
    spi: pair.spiIn,
    source: path.peerAddress,
    destination: path.ownAddress,
    suite,
    keys: pair.keysIn,
    tunnelMode,
    selectors: transportSelectors(pair, "in"),
    reqid: reqidBase + pair.rekeyChain,
    encapsulation,
    sourcePort: path.peerPort,
    destinationPort: path.ownPort,
    replayWindow,
    aggfrag: pair.aggfrag,
    ifId,
  };
}

/** The outbound state of a pair. */
export function stateOut(pair: SaPair, { reqidBase, ifId }: KernelScope): XfrmState {
  const { path, suite, tunnelMode, encapsulation } = pair;
  return {
    spi: pair.spiOut,
    source: path.ownAddress,
    destination: path.peerAddress,
    suite,
    keys: pair.keysOut,
    tunnelMode,
    selectors: transportSelectors(pair, "out"),
    reqid: reqidBase + pair.rekeyChain,
    encapsulation,
    sourcePort: path.ownPort,
    destinationPort: path.peerPort,
    replayWindow: undefined,
    aggfrag: pair.aggfrag,
    packetsSoft: suite.esn ? undefined : 2 ** 32 - SEQUENCE_LEFT,
    packetsHard: suite.esn ? undefined : 2 ** 32 - 1,
    ifId,
  };
}

/** Policies that let IKE pass, whatever other policies say, for sockets without a bypass of their own. */
export function bypassPolicies(): XfrmPolicy[] {
  const port = { protocol: 17, startPort: 500, endPort: 500 };
  return [4, 16].flatMap((octets) => {
    const all = { first: new Uint8Array(octets), last: new Uint8Array(octets).fill(255), ...port };
    return [PolicyDirection.IN, PolicyDirection.OUT].map((direction) => ({
      direction,
      from: all,
      to: all,
      priority: 1,
      ifId: 0,
      template: undefined,
    }));
  });
}

/** Policies of arriving packets, for this host and for the networks behind it. */
export function policiesIn(pair: SaPair, scope: KernelScope): XfrmPolicy[] {
  const directions = [PolicyDirection.IN, ...(pair.tunnelMode ? [PolicyDirection.FORWARD] : [])];
  const { ownAddress, peerAddress } = pair.path;
  return selectorPairs(pair).flatMap(({ own, peer }) =>
    directions.map((direction) =>
      policy(pair, scope, {
        direction,
        from: peer,
        to: own,
        source: peerAddress,
        destination: ownAddress,
      })
    )
  );
}

/** Policies of departing packets. */
export function policiesOut(pair: SaPair, scope: KernelScope): XfrmPolicy[] {
  const { ownAddress, peerAddress } = pair.path;
  const direction = PolicyDirection.OUT;
  return selectorPairs(pair).map(({ own, peer }) =>
    policy(pair, scope, {
      direction,
      from: own,
      to: peer,
      source: ownAddress,
      destination: peerAddress,
    })
  );
}

/** Routes to what the peer protects; a transport mode SA needs none. */
export function routesOut(
  pair: SaPair,
  by: NextHop,
  innerAddresses: readonly IpAddress[],
): Route[] {
  if (!pair.tunnelMode) return [];
  return pair.peerSelectors.map((selector) => {
    const to = coveringPrefix(selector);
    const family = selector.first.length;
    const source = innerAddresses.find((address) => address.length === family);
    // A next hop is only valid in its own address family; routes of the other family lead to the device
    // directly.
    const hop = by.gateway && by.gateway.length !== family ? { ...by, gateway: undefined } : by;
    return { to, by: hop, source, table: TUNNEL_TABLE };
  });
}

/** The route by which ESP packets themselves reach the peer. */
export function routeToPeer({ path: { peerAddress } }: SaPair, by: NextHop): Route {
  const to = { address: peerAddress, bits: 8 * peerAddress.length };
  return { to, by, source: undefined, table: TUNNEL_TABLE };
}

/** The key of a policy: the kernel allows only one policy for each key. */
export function policyKey({ direction, from, to, ifId }: XfrmPolicy): string {
  return `${direction} ${ifId} ${selectorText(from)} ${selectorText(to)}`;
}
/** The content of a policy beyond its key: two policies of one key with the same text are equal. */
export function policyContent({ template, priority }: XfrmPolicy): string {
  if (!template) return `${priority}`;
  const { protocol, reqid, tunnelMode, aggfrag, source, destination } = template;
  return `${priority} ${protocol} ${reqid} ${tunnelMode} ${aggfrag} ${source} ${destination}`;
}
/** The key of a route: the kernel allows only one route for each key. */
export function routeKey({ to, table }: Route): string {
  return `${to.address}/${to.bits} ${table}`;
}
/** The content of a route beyond its key: two routes of one key with the same text are equal. */
export function routeContent({ by, source }: Route): string {
  return `${by.device} ${by.gateway ?? ""} ${source ?? ""}`;
}

interface Way {
  readonly direction: number;
  readonly from: Selector;
  readonly to: Selector;
  readonly source: IpAddress;
  readonly destination: IpAddress;
}

function policy(pair: SaPair, { reqidBase, ifId }: KernelScope, way: Way): XfrmPolicy {
  const { direction, from, to, source, destination } = way;
  const { suite: { protocol }, tunnelMode, rekeyChain } = pair;
  const aggfrag = pair.aggfrag !== undefined;
  const reqid = reqidBase + rekeyChain;
  const template = { protocol, source, destination, reqid, tunnelMode, aggfrag };
  return { direction, from, to, priority: priorityOf(from, to), ifId, template };
}

/**
 * The priority of a policy: the narrower its selectors, the lower the number. The kernel checks lower numbers
 * first.
 */
function priorityOf(from: Selector, to: Selector): number {
  const bits = coveringPrefix(from).bits + coveringPrefix(to).bits;
  const named = from.protocol !== 0 || to.protocol !== 0 ? STEP_OF_PROTOCOL : 0;
  const ports = [from, to].filter((s) => s.startPort !== 0 || s.endPort !== 65_535).length;
  return PRIORITY_OF_ANY - STEP_OF_BIT * bits - named - STEP_OF_PORT * ports / 2;
}

function selectorPairs(pair: SaPair): { own: Selector; peer: Selector }[] {
  return pair.ownSelectors.flatMap((own) =>
    pair.peerSelectors
      .filter((peer) => peer.first.length === own.first.length)
      .filter((peer) => !own.protocol || !peer.protocol || own.protocol === peer.protocol)
      .map((peer) => ({ own, peer }))
  );
}

/** The selectors of a transport mode state, which has room for one pair; with several only policies decide. */
function transportSelectors(pair: SaPair, direction: "in" | "out"): XfrmState["selectors"] {
  if (pair.tunnelMode) return undefined;
  const [first, ...more] = selectorPairs(pair);
  if (!first || more.length > 0) return undefined;
  const { own, peer } = first;
  return direction === "in" ? { from: peer, to: own } : { from: own, to: peer };
}

function selectorText(selector: Selector): string {
  const { address, bits } = coveringPrefix(selector);
  const { protocol, startPort, endPort } = selector;
  const where = isUnspecified(address) && bits === 0
    ? `any${address.length}`
    : `${address}/${bits}`;
  return `${where} ${protocol} ${startPort}-${endPort}`;
}
