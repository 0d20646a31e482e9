/**
 * What must hold in a world after every event, whatever the network does. Each invariant is a sentence, which
 * is the text of the failure if it is broken.
 * @module
 */
import { samePath, showAddress } from "@/base/address.ts";
import { sameOctets, toHex } from "@/base/bytes.ts";
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";
import { identityKey } from "@/ike/negotiate/identity.ts";
import { keysOfIdentity } from "@/ike/auth/raw_key_table.ts";
import type { OwnAuthConfig, PeerAuthConfig } from "@/ike/records/config.ts";
import type { Endpoint } from "@/ike/endpoint.ts";
import type { FragmentPlace } from "@/ike/records/event.ts";
import type { Reassembly } from "@/ike/records/window.ts";
import { patienceMs } from "@/ike/window/patience.ts";
import { REASSEMBLED_OCTETS_MAX } from "@/ike/window/fragments.ts";
import { isReplaced, isStranger } from "@/ike/records/ike_sa.ts";
import { isHalfOpen } from "@/ike/newcomers.ts";
import { allCovered, sameSelector, shifted } from "@/ike/negotiate/selectors.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { isSomeTaken, isTaken, type Traffic } from "@/sim/traffic.ts";
import { isInClear } from "@/wire/exchange_rules.ts";
import { HEADER_OCTETS, type Payload, PAYLOAD_HEADER_OCTETS } from "@/wire/message.ts";
import type { DeletePayload } from "@/wire/payloads/delete.ts";
import type { TrafficSelector } from "@/wire/payloads/traffic_selector.ts";

/** What invariants examine of a host. */
export interface Observed {
  readonly name: string;
  readonly endpoint: Endpoint;
  readonly installed: ReadonlySet<ChildSa>;
  readonly traffic: Traffic;
  /** Number of tunnels that were established here so far. */
  readonly established: number;
}

/**
 * Whether traffic passes once both ends are established: there is a CHILD_SA, and the peer accepts what is
 * sent by it. A rekey must never interrupt it (RFC 7296 §2.8).
 */
export function carriesTraffic([a, b]: readonly Observed[]): boolean {
  if (!a || !b || !a.established || !b.established) return true;
  if (a.traffic.senders().size === 0 || b.traffic.senders().size === 0) return false;
  return isTaken(a.traffic, b.traffic) && isTaken(b.traffic, a.traffic);
}

/**
 * Whether some traffic passes once both ends are established: what must hold while an IKE SA authenticates
 * again beside another, which the responder has before the initiator does.
 */
export function carriesSomeTraffic([a, b]: readonly Observed[]): boolean {
  if (!a || !b || !a.established || !b.established) return true;
  return isSomeTaken(a.traffic, b.traffic) && isSomeTaken(b.traffic, a.traffic);
}

/** The first broken invariant, or undefined. */
export function checkEverything(hosts: readonly Observed[]): string | undefined {
  for (const host of hosts) {
    const fault = checkHost(host);
    if (fault) return `${host.name}: ${fault}`;
  }
  return checkPairs(hosts);
}

function checkHost({ endpoint, installed }: Observed): string | undefined {
  let halfOpen = 0;
  const requests = new Set<string>();
  const children = new Set<ChildSa>();
  for (const [spi, sa] of endpoint.bySpi) {
    const fault = checkSa(sa);
    if (fault) return `${fault} (SA ${spi.toString(16)}, ${sa.phase})`;
    if (isHalfOpen(sa)) {
      halfOpen++;
      if (endpoint.newcomers.byRequest.get(sa.initHash) !== sa) {
        return "a half-open SA is known by its IKE_SA_INIT request";
      }
    }
    for (const child of sa.children) children.add(child);
    if (sa.initHash === "") continue;
    if (requests.has(sa.initHash)) return "one IKE_SA_INIT request makes one SA (§2.1)";
    requests.add(sa.initHash);
  }
  const sums = checkSums(endpoint);
  if (sums) return sums;
  const leases = checkLeases(endpoint);
  if (leases) return leases;
  if (endpoint.halfOpen !== halfOpen) return "the count of half-open SAs is right";
  if (endpoint.env.childrenBySpi.size !== children.size) return "each CHILD SPI belongs to an SA";
  for (const child of installed) {
    if (!children.has(child)) return "nothing stays in the data path without its SA";
  }
  for (const child of children) {
    if (endpoint.env.childrenBySpi.get(child.spiIn) !== child) return "a CHILD SPI names its SA";
    if (child.state === "established" && !installed.has(child)) {
      return "an established CHILD_SA is in the data path";
    }
  }
  return undefined;
}

/**
 * Checks that the counted octets of half-open SAs are those that they keep (RFC 7296 §2.6, RFC 7383 §2.6).
 */
function checkSums({ bySpi, newcomers, env }: Endpoint): string | undefined {
  let fragments = 0;
  let kept = 0;
  let computing = 0;
  for (const sa of bySpi.values()) {
    fragments += (sa.window.partialRequest?.contentOctets ?? 0) +
      (sa.window.partialResponse?.contentOctets ?? 0);
    if (!isHalfOpen(sa)) continue;
    kept += sa.setup!.keptOctets;
    if (sa.phase === "init") computing++;
  }
  if (env.reassembly!.octets !== fragments) return "the count of fragments' octets is right";
  if (newcomers.keptOctets !== kept) return "the count of octets of half-open SAs is right";
  if (newcomers.computing.size !== computing) return "the count of computing SAs is right";
  return undefined;
}

/**
 * Checks that each leased address belongs to an IKE SA that is not closed (RFC 7296 §2.19), and to several only
 * while the same peer has them, which authenticates again or is resumed.
 */
function checkLeases({ env: { pools }, bySpi }: Endpoint): string | undefined {
  if (!pools) return undefined;
  const holders = new Map<string, string[]>();
  for (const { inner, peer } of bySpi.values()) {
    for (const address of inner?.addresses ?? []) {
      const name = showAddress(address);
      holders.set(name, [...holders.get(name) ?? [], identityKey(peer.id!)]);
    }
  }
  for (const identities of holders.values()) {
    if (new Set(identities).size > 1) return "no inner address is leased to two peers";
  }
  const held = [...holders.values()].flat().length;
  const leased = (pools.v4?.leases ?? 0) + (pools.v6?.leases ?? 0);
  return leased === held ? undefined : "each leased address belongs to an SA";
}

/** Checks that an SA is complete, and its window in a legal state (RFC 7296 §2.3). */
function checkSa(sa: IkeSa): string | undefined {
  const { phase, window: { request }, active } = sa;
  if (request && request.messageId !== sa.window.nextRequestId) {
    return "the request in flight is the next";
  }
  if (request && !active) return "a request in flight has its task";
  if (request && request.transmissions > sa.config.transmissionsMax) {
    return "a request is sent as often as maxretran says";
  }
  if (phase === "init" && sa.children.length > 0) return "no CHILD_SA before there are keys";
  if (phase === "closed") {
    const left = request || active || sa.answering || sa.queue.length || sa.children.length ||
      sa.followups.length;
    if (left) return "a closed SA has nothing left to do";
    if (sa.closeCode === 0) return "a closed SA says why";
    if (isStranger(sa) && sa.peer.id) return "a closed SA keeps no identity that was not proved";
  }
  if (phase === "established") {
    const whole = sa.keys && sa.suite && sa.peer.ownId && sa.peer.id && sa.peer.ownAuth &&
      sa.peer.auth;
    if (sa.config.ppk?.required && !sa.peer.ppk) {
      return "no IKE SA without the PPK that is required";
    }
    if (!whole || sa.setup) return "an established SA is whole, and has dropped its set-up";
    // RFC 7296 §2.23: if there is a NAT, only IKE_SA_INIT uses the IKE port.
    if (sa.peer.encapsulated && sa.path.ownPort !== sa.config.natt?.ownPort) {
      return "an SA whose ESP goes in UDP is at the NAT-T port";
    }
    if (isReplaced(sa) && sa.children.length > 0) return "a replaced IKE SA has no CHILD_SA left";
  }
  if (phase === "created" && sa.originalInitiator && sa.window.nextPeerId > 0) {
    return "an initiator answers nobody before IKE_AUTH is through";
  }
  if (phase === "created" && !sa.keys) return "an SA past IKE_SA_INIT has keys";
  const waits = sa.deadlineMs < Infinity || active !== undefined || sa.answering !== undefined;
  if (!waits && (phase === "created" || phase === "closing")) {
    return "an SA under way waits for something";
  }
  const overdue = sa.followups.some(({ untilMs }) => untilMs < sa.deadlineMs);
  const tooLong = sa.followups.some(({ untilMs }) =>
    untilMs > (sa.lastSentMs ?? 0) + 2 * patienceMs(sa.config)
  );
  if (phase === "established" && (overdue || tooLong)) {
    return "what IKE_FOLLOWUP_KE is to complete is waited for so long only (RFC 9370 §2.2.4)";
  }
  const partial = checkPartial(sa, sa.window.partialRequest) ??
    checkPartial(sa, sa.window.partialResponse);
  if (partial) return partial;
  for (const child of sa.children) {
    if (child.parent !== sa) return "a CHILD_SA knows its IKE SA";
    const made = child.suite && child.keys && child.spiOut;
    if (child.state === "established" && !made) return "an established CHILD_SA is whole";
    if (child.state === "closed") return "a closed CHILD_SA is off its IKE SA";
    const unlike = unlikeConfig(sa, child);
    if (unlike) return unlike;
    if (!withinConfig(sa, child)) return "the selectors of a CHILD_SA are within the setup's";
  }
  return undefined;
}

/** Checks that mode, protocol and sequence numbers of a CHILD_SA are the configured ones. */
function unlikeConfig(sa: IkeSa, child: ChildSa): string | undefined {
  if (child.state !== "established") return undefined;
  const { tunnelMode, esn, protocol, ipcomp } = sa.config.children[child.configIndex]!;
  if (child.tunnelMode !== tunnelMode) return "a CHILD_SA has the mode of its entry";
  if (child.suite!.esn !== esn) return "a CHILD_SA has the sequence numbers of its entry";
  if (child.suite!.protocol !== protocol) return "a CHILD_SA has the protocol of its entry";
  return child.ipcomp && !ipcomp ? "IPComp is settled where it is wanted" : undefined;
}

function withinConfig(sa: IkeSa, child: ChildSa): boolean {
  const { ownTs, peerTs, ownTsStep, peerTsStep } = sa.config.children[child.configIndex]!;
  const tunnel = sa.dialled ? sa.index : 0;
  return allCovered(shifted(ownTs, ownTsStep, tunnel), child.ownTs) &&
    allCovered(shifted(peerTs, peerTsStep, tunnel), child.peerTs);
}

/** Checks that ends which are both established agree on everything. */
function checkPairs(hosts: readonly Observed[]): string | undefined {
  const initiators = new Map<string, IkeSa>();
  for (const { endpoint } of hosts) {
    for (const sa of endpoint.bySpi.values()) {
      if (sa.originalInitiator && sa.spiR !== 0n) initiators.set(pairName(sa), sa);
    }
  }
  for (const { endpoint } of hosts) {
    for (const sa of endpoint.bySpi.values()) {
      if (sa.originalInitiator) continue;
      const other = initiators.get(pairName(sa));
      const fault = other && checkPair(other, sa);
      if (fault) return fault;
    }
  }
  return undefined;
}

function pairName(sa: IkeSa): string {
  return `${sa.spiI} ${sa.spiR}`;
}

function checkPair(i: IkeSa, r: IkeSa): string | undefined {
  const areKeyed = i.keys && r.keys && exchangesDone(i) === exchangesDone(r) &&
    ppkOf(i) === ppkOf(r);
  if (areKeyed && !sameOctets(i.keys!, r.keys!)) return "both ends have the same keys";
  const ahead = r.window.nextPeerId - i.window.nextRequestId;
  const back = i.window.nextPeerId - r.window.nextRequestId;
  if (i.keys && r.phase !== "closed" && (ahead < 0 || ahead > 1)) {
    return "the initiator's window is one";
  }
  if (r.keys && i.phase !== "closed" && (back < 0 || back > 1)) {
    return "the responder's window is one";
  }
  if (i.phase !== "established" || r.phase !== "established") return undefined;
  if (ppkOf(i) !== ppkOf(r)) return "both ends have the same PPK in the keys, or none";
  if (i.peer.encapsulated !== r.peer.encapsulated && !isMoving(i) && !isMoving(r)) {
    return "both ends have ESP in UDP, or none";
  }
  if (!sameSecret(i, r)) return "no SA is established between different secrets";
  for (const child of i.children) {
    const peer = r.children.find((c) => c.spiIn === child.spiOut);
    if (!peer || child.state !== "established" || peer.state !== "established") continue;
    const fault = checkChildPair(child, peer);
    if (fault) return fault;
  }
  return undefined;
}

/**
 * Whether an update of the path is in progress, so that the two ends may have different paths (RFC 4555
 * §3.5).
 */
function isMoving({ peer: { mobility }, active, queue }: IkeSa): boolean {
  const kinds = [active?.kind, ...queue.map(({ kind }) => kind)];
  return mobility !== undefined && (!samePath(mobility.path, mobility.settled) ||
    kinds.includes("update_addresses") || kinds.includes("check_path"));
}

/**
 * Number of additional key exchanges that are complete: the responder has the keys of one before its
 * initiator.
 */
function exchangesDone({ setup, suite }: IkeSa): number {
  return setup?.intermediate?.done ?? suite!.additional.length;
}

/**
 * The PPK in the keys, whether it is agreed already or not; empty: none. The two ends learn of it at
 * different times.
 */
function ppkOf({ setup, peer, config }: IkeSa): string {
  return setup?.ppk?.isMixed ?? peer.ppk ? toHex(config.ppk!.key) : "";
}

function sameSecret(i: IkeSa, r: IkeSa): boolean {
  return anyMeets(i, r) && anyMeets(r, i);
}

/** Whether one of the methods of one end (RFC 9593) can authenticate it to the other. */
function anyMeets(sa: IkeSa, other: IkeSa): boolean {
  const { own, ownOthers = [] } = sa.config.auth;
  const { peer, peerOthers = [] } = other.config.auth;
  const takes = [peer, ...peerOthers];
  return [own, ...ownOthers].some((mine) => takes.some((one) => meets(mine, one, other)));
}

/** Whether one end can authenticate to the other: by the same secret, or by what the other trusts. */
function meets(own: OwnAuthConfig, peer: PeerAuthConfig, other: IkeSa): boolean {
  // Worlds have no tables of secrets.
  if (own.kind === "psk") {
    return peer.kind === "psk" && sameOctets(own.secret!, peer.secret!);
  }
  // The server of EAP decides which users are accepted.
  if (own.kind !== "signature" || peer.kind !== "signature") return own.kind === peer.kind;
  const { anchors } = peer.trust;
  if (own.rawKeys) {
    const table = peer.rawKeys;
    if (!table) return false;
    return own.rawKeys.every(({ publicKey }) =>
      keysOfIdentity(table, other.peer.id!, other).some(({ spki }) =>
        sameOctets(spki, publicKey.spki)
      )
    );
  }
  return own.credentials.every(({ certificate }) =>
    anchors.some(({ subject }) => subject.key === certificate.issuer.key)
  );
}

function checkChildPair(a: ChildSa, b: ChildSa): string | undefined {
  if (a.spiIn !== b.spiOut) return "the SPIs of a CHILD_SA cross";
  if (!sameOctets(a.keys!, b.keys!)) return "both ends of a CHILD_SA have the same keys";
  if (JSON.stringify(a.suite) !== JSON.stringify(b.suite)) {
    return "both ends run the same transforms";
  }
  if (a.tunnelMode !== b.tunnelMode) return "both ends of a CHILD_SA have the same mode";
  if ((a.aggfrag === undefined) !== (b.aggfrag === undefined)) {
    return "both ends of a CHILD_SA have IP-TFS, or none has (RFC 9347 §5.1)";
  }
  if ((a.resource === undefined) !== (b.resource === undefined)) {
    return "a CHILD_SA is one of several at both ends, or at none (RFC 9611)";
  }
  if (a.ipcomp?.cpiOut !== (b.ipcomp && b.cpiIn) || b.ipcomp?.cpiOut !== (a.ipcomp && a.cpiIn)) {
    return "the CPIs of a CHILD_SA cross";
  }
  // With a NAT the selectors of each end are the addresses that it sees itself (RFC 7296 §2.23.1).
  const natted = !a.tunnelMode && (a.parent.peer.natOwn || a.parent.peer.natPeer);
  const same = natted ? samePorts : sameSelectors;
  if (!same(a.ownTs, b.peerTs) || !same(a.peerTs, b.ownTs)) {
    return "both ends of a CHILD_SA have the same selectors";
  }
  return undefined;
}

function sameSelectors(a: readonly TrafficSelector[], b: readonly TrafficSelector[]): boolean {
  return a.length === b.length && a.every((ts, i) => sameSelector(ts, b[i]!));
}

function samePorts(a: readonly TrafficSelector[], b: readonly TrafficSelector[]): boolean {
  const shown = ({ protocol, startPort, endPort }: TrafficSelector) =>
    `${protocol} ${startPort}-${endPort}`;
  return a.map(shown).join() === b.map(shown).join();
}

/** Where the type of the first payload stands in an IKE header (RFC 7296 §3.1). */
const FIRST_PAYLOAD_AT = 16;

/** Observes what is sent, and checks that a Message ID never carries two different messages. */
export class MessageObserver {
  readonly #seen = new Map<string, string>();
  readonly #deleted = new Set<string>();

  /** Takes the payloads of a message of `sender`; returns the invariant that it breaks, if any. */
  observePayloads(sender: string, payloads: readonly Payload[]): string | undefined {
    for (const payload of payloads) {
      if (payload.type !== PayloadType.DELETE || "raw" in payload) continue;
      for (const spi of (payload as DeletePayload).spis) {
        const name = `${sender} ${spi}`;
        if (this.#deleted.has(name)) return "an SPI is named in one Delete of its owner (§1.4.1)";
        this.#deleted.add(name);
      }
    }
    return undefined;
  }

  /** Takes a datagram of `sender`; returns the invariant that it breaks, if any. */
  observe(sender: string, octets: Uint8Array): string | undefined {
    const spis = toHex(octets.subarray(0, 16));
    const exchange = octets[18]!;
    const flags = octets[19]!;
    const settled = octets.subarray(8, 16).some((o) => o !== 0);
    // IKE_SA_INIT may be sent again with a cookie or another group, until there is a responder SPI.
    if (!settled) return undefined;
    const response = (flags & 0x20) !== 0;
    // An end that has no such IKE SA answers in clear (RFC 7296 §2.21.4, RFC 6290 §4.5), also where it had
    // that SA before and sent a protected response with this Message ID.
    if (response && octets[FIRST_PAYLOAD_AT] === PayloadType.NOTIFY && !isInClear(exchange)) {
      return undefined;
    }
    const name = `${sender} ${spis} ${response} ${toHex(octets.subarray(20, 24))}`;
    const place = placeOf(octets);
    const same = this.#isSame(`${name} ${place?.number ?? 1}`, toHex(octets)) &&
      this.#isSame(`${name} cut`, String(place?.total ?? 1));
    if (same) return undefined;
    return `one Message ID carries one ${response ? "response" : "request"} (exchange ${exchange})`;
  }

  /** Whether a name always stands for the same content. */
  #isSame(name: string, content: string): boolean {
    const before = this.#seen.get(name);
    this.#seen.set(name, content);
    return before === undefined || before === content;
  }
}

/** Fragment Number and Total Fragments if the first payload is SKF (RFC 7383 §2.5). */
function placeOf(octets: Uint8Array): FragmentPlace | undefined {
  if (octets[16] !== PayloadType.SKF) return undefined;
  const at = HEADER_OCTETS + PAYLOAD_HEADER_OCTETS;
  const u16 = (i: number) => octets[i]! << 8 | octets[i + 1]!;
  return { number: u16(at), total: u16(at + 2) };
}

/**
 * Checks that fragments are only kept if both ends support them, within limits, and no longer than needed.
 */
function checkPartial(sa: IkeSa, partial: Reassembly | undefined): string | undefined {
  if (!partial) return undefined;
  if (!sa.peer.fragmentation || sa.phase === "closed") {
    return "fragments are kept where they are wanted";
  }
  const { contents, total, contentOctets } = partial;
  if (contents.size === 0 || contents.size >= total) return "kept fragments wait for another";
  const octets = [...contents.values()].reduce((sum, { length }) => sum + length, 0);
  if (octets !== contentOctets || octets > REASSEMBLED_OCTETS_MAX) return "kept fragments are few";
  return sa.deadlineMs > partial.untilMs ? "kept fragments are waited for so long only" : undefined;
}
