/**
 * What all exchanges that make a CHILD_SA share (RFC 7296 §1.2, §1.3.1, §1.3.3): proposals and selectors at
 * both ends, SPIs, keys.
 * @module
 */
import { showAddress } from "@/base/address.ts";
import { nameOfNotify, NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import { TsType } from "@/iana/ts_type.ts";
import type { ChildAgreement, ChildSa, IkeSa } from "@/ike/records/sa.ts";
import type { Turn } from "@/ike/records/event.ts";
import type { ChildCandidate } from "@/ike/records/choice.ts";
import { freeSpi, NO_SPI32, spiFault, spiNumber, spiOctets32 } from "@/ike/negotiate/child_spi.ts";
import { chooseAggfrag } from "@/ike/negotiate/aggfrag.ts";
import type { ChildConfig } from "@/ike/records/config.ts";
import { type Failure, refusedHere } from "@/ike/records/failure.ts";
import { deriveChildKeys, ikeKeys } from "@/ike/negotiate/keymat.ts";
import { findError, PeerError } from "@/ike/records/notify.ts";
import { selectorsOf } from "@/ike/records/pool.ts";
import {
  accepted,
  additionalMethods,
  answerOf,
  childProposals,
  showProposals,
} from "@/ike/negotiate/proposal.ts";
import { chooseResource, resourceNotify, saysResource } from "@/ike/negotiate/resource.ts";
import { startLifetime } from "@/ike/window/lifetime.ts";
import { renewedChild } from "@/ike/window/renewal.ts";
import {
  allCovered,
  inOwnRecords,
  narrow,
  shifted,
  showSelectors,
} from "@/ike/negotiate/selectors.ts";
import { childSuiteOf } from "@/ike/negotiate/suite.ts";
import {
  acceptNotifies,
  answered,
  answerFault,
  asked,
  chooseIpcomp,
  drawCpi,
  takesTfc,
} from "@/ike/tasks/child_notifies.ts";
import { ofHosts, type SelectorPair, substituted } from "@/ike/negotiate/transport_mode.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";
import type { TrafficSelector } from "@/wire/payloads/traffic_selector.ts";

/** Makes a CHILD_SA with an own SPI that is not negotiated yet, and registers it in the process. */
export function newChild(sa: IkeSa, configIndex: number, initiatedHere: boolean): ChildSa {
  const { tunnelMode, ipcomp } = sa.config.children[configIndex]!;
  const child: ChildSa = {
    state: "creating",
    parent: sa,
    configIndex,
    spiIn: freeSpi(sa.env),
    spiOut: 0,
    suite: undefined,
    initiatedHere,
    keys: undefined,
    tunnelMode,
    peerTakesTfc: true,
    cpiIn: ipcomp ? drawCpi(sa) : 0,
    ipcomp: undefined,
    aggfrag: undefined,
    resource: undefined,
    ownTs: [],
    peerTs: [],
    behind: undefined,
    replaced: false,
    path: sa.path,
    group: 0,
    additional: [],
    establishedMs: undefined,
    rekeyMs: Infinity,
    expireMs: Infinity,
    rekeyRefusal: undefined,
  };
  sa.env.childrenBySpi.set(child.spiIn, child);
  sa.children.push(child);
  return child;
}

/** The inputs for the keys of a CHILD_SA (RFC 7296 §2.17), and the CHILD_SA that it replaces. */
export interface ChildInputs {
  readonly nonceI: Uint8Array;
  readonly nonceR: Uint8Array;
  /** The shared secret g^ir (new) of an exchange with KE payloads. */
  readonly shared?: Uint8Array;
  /** The secrets of the IKE_FOLLOWUP_KE exchanges after it, in their order (RFC 9370 §2.2.4). */
  readonly additional?: readonly Uint8Array[];
  /** The group of that key exchange; 0: none. */
  readonly group: number;
  /** The CHILD_SA that is rekeyed, whose selectors are proposed again (§2.9.2). */
  readonly replaces?: ChildSa;
}

/** The groups that a CREATE_CHILD_SA request offers; the first CHILD_SA has none (RFC 7296 §1.2). */
export function groupsOf(
  config: ChildConfig,
  inputs: { readonly group: number },
): readonly number[] {
  return inputs.group === 0 ? [] : config.pfsGroups;
}

/** The payloads of a CHILD_SA. In CREATE_CHILD_SA, nonce and key exchange are between the last two. */
export interface ChildPayloads {
  readonly proposal: readonly Payload[];
  readonly selectors: readonly Payload[];
}

/** The notifies, SAi2, TSi and TSr of an initiator's request. */
export function childRequest(
  sa: IkeSa,
  child: ChildSa,
  { group, replaces }: { readonly group: number; readonly replaces?: ChildSa | undefined },
): ChildPayloads {
  const config = sa.config.children[child.configIndex]!;
  const groups = groupsOf(config, { group });
  const { own, peer } = proposedSelectors(sa, config, replaces);
  return {
    proposal: [
      ...asked(child, config, replaces),
      ...(replaces ? [] : resourceNotify(child.resource)),
      {
        type: PayloadType.SA,
        proposals: childProposals(config, spiOctets32(child.spiIn), groups),
      },
    ],
    selectors: [
      { type: PayloadType.TSI, selectors: own },
      { type: PayloadType.TSR, selectors: peer },
    ],
  };
}

/**
 * The selectors of a proposal: a rekey proposes those in use (§2.9.2), unless the setup wants its own again.
 */
function proposedSelectors(
  sa: IkeSa,
  config: ChildConfig,
  replaces: ChildSa | undefined,
): SelectorPair {
  if (!replaces || config.useProvisionedTs) return configured(sa, config);
  const used = { own: replaces.ownTs, peer: replaces.peerTs };
  // A NAT may have given an end another address since then.
  return config.tunnelMode ? used : substituted(used, sa);
}

/** The configured selectors of both ends for this SA's tunnel and hosts. */
function configured(sa: IkeSa, config: ChildConfig): SelectorPair {
  const pair = { own: ownSelectors(sa, config), peer: peerSelectors(sa, config) };
  return config.tunnelMode ? pair : ofHosts(pair, sa.path);
}

/**
 * Our configured selectors for this SA's tunnel. As a responder does not know the tunnel, they are not
 * shifted.
 */
function ownSelectors(sa: IkeSa, config: ChildConfig): readonly TrafficSelector[] {
  const own = sa.dialled ? shifted(config.ownTs, config.ownTsStep, sa.index) : config.ownTs;
  return sa.env.pools ? own : withinInner(sa, own);
}

function peerSelectors(sa: IkeSa, config: ChildConfig): readonly TrafficSelector[] {
  const peer = sa.dialled ? shifted(config.peerTs, config.peerTsStep, sa.index) : config.peerTs;
  return sa.env.pools ? withinInner(sa, peer) : peer;
}

/**
 * Narrows the end of a remote-access client to its assigned addresses, at both ends (RFC 7296 §2.19). The end
 * with pools is the gateway, whichever end rekeyed the IKE SA last.
 */
function withinInner(
  { inner, env }: IkeSa,
  selectors: readonly TrafficSelector[],
): readonly TrafficSelector[] {
  if (!inner || env.broken.has("forget_assigned")) return selectors;
  return narrow(selectors, selectorsOf(inner));
}

/** A responder's payloads, and what its answer is compared with. */
export interface ChildAnswer {
  readonly payloads: readonly Payload[];
  /** Transform Type 4 of our public value; 0: the exchange has no key exchange. */
  readonly group: number;
  /** The CHILD_SA that is rekeyed. */
  readonly replaces?: ChildSa | undefined;
}

/**
 * The failure if a remote-access client cannot request an entry of the configured CHILD_SAs: its own
 * selectors are of a family of which the gateway assigned no address, and an empty TSi has no meaning (RFC
 * 7296 §2.19, §3.13).
 */
export function missingFamily(sa: IkeSa, configIndex: number): Failure | undefined {
  const config = sa.config.children[configIndex]!;
  if (!sa.inner || sa.env.pools || ownSelectors(sa, config).length > 0) return undefined;
  const isV6 = config.ownTs.every(({ tsType }) => tsType === TsType.TS_IPV6_ADDR_RANGE);
  const isV4 = config.ownTs.every(({ tsType }) => tsType === TsType.TS_IPV4_ADDR_RANGE);
  const family = isV6 ? "IPv6" : isV4 ? "IPv4" : "another";
  const assigned = sa.inner.addresses.map(showAddress).join(" and ");
  return refusedHere(
    `Cannot ask for the CHILD_SA of entry ${configIndex + 1} of childlist: its ownts are ` +
      `${showSelectors(config.ownTs)} (${family}), and the gateway assigned ${assigned} alone`,
  );
}

/** Accepts the responder's SAr2, TSi and TSr, or returns the failure. */
export function acceptChild(
  turn: Turn,
  child: ChildSa,
  { payloads, inputs }: { readonly payloads: readonly Payload[]; readonly inputs: ChildInputs },
): Failure | undefined {
  const { group, replaces } = inputs;
  const agreed = judgeAnswer(turn.sa, child, { payloads, group, replaces });
  if (!("choice" in agreed)) return agreed;
  completeChild(turn, child, { ...agreed, inputs });
  return undefined;
}

/**
 * Checks the responder's SAr2, TSi and TSr, and records its SPI: from then on a Delete of the peer finds the
 * CHILD_SA, which has no keys yet. Returns the failure, if any.
 */
export function judgeAnswer(
  sa: IkeSa,
  child: ChildSa,
  { payloads, group, replaces }: ChildAnswer,
): Failure | ChildAgreement {
  const config = sa.config.children[child.configIndex]!;
  const proposals = findPayload(payloads, PayloadType.SA)?.proposals;
  const tsI = findPayload(payloads, PayloadType.TSI)?.selectors;
  const tsR = findPayload(payloads, PayloadType.TSR)?.selectors;
  // An error notify, known or not, means that the request has failed, whatever else the response has (RFC
  // 7296 §3.10.1).
  const refused = findError(payloads) !== undefined || !proposals || !tsI || !tsR;
  if (refused) return refusedByPeer(sa, child, { error: findError(payloads), group, replaces });
  const groups = groupsOf(config, { group });
  const choice = accepted(childProposals(config, spiOctets32(child.spiIn), groups), proposals);
  if (typeof choice === "string") {
    return refusedHere(`Peer answered our ${nameOf(config)} proposals with ${choice}`);
  }
  const fault = spiFault(choice.spi);
  if (fault) return refusedHere(`Peer answered with ${fault}`);
  // From here on the peer has its half of the CHILD_SA, so that an end that refuses the answer must send a
  // Delete.
  child.suite = childSuiteOf(sa.env.crypto, choice);
  if (!sa.env.broken.has("forget_spi_in_answer")) child.spiOut = spiNumber(choice.spi);
  const notified = answerFault(payloads, config);
  if (notified && !sa.env.broken.has("accept_declined_transport")) {
    return refusedHere(`Peer ${notified}`);
  }
  acceptNotifies(child, payloads, config);
  // A responder that takes no part makes one CHILD_SA like any other (RFC 9611).
  const takesPart = saysResource(payloads) || sa.env.broken.has("crowd_unasked");
  if (!replaces && !takesPart) child.resource = undefined;
  const proposed = proposedSelectors(sa, config, replaces);
  const said = { own: tsI, peer: tsR };
  const taken = child.tunnelMode ? said : substituted(said, sa);
  const covered = tsI.length > 0 && tsR.length > 0 && allCovered(proposed.own, taken.own) &&
    allCovered(proposed.peer, taken.peer);
  if (!covered) {
    return refusedHere(
      `Peer answered with selectors that are not within ours: ${showPair(taken)}, proposed ` +
        showPair(proposed),
    );
  }
  return {
    choice,
    ownTs: inOwnRecords(taken.own, proposed.own),
    peerTs: inOwnRecords(taken.peer, proposed.peer),
  };
}

function showPair({ own, peer }: SelectorPair): string {
  return `${showSelectors(own)} to ${showSelectors(peer)}`;
}

/** What the peer refused: its error notify, and the request. */
export interface ChildRefusal {
  /** Undefined: the answer lacks a payload. */
  readonly error: NotifyPayload | undefined;
  /** Transform Type 4 of our public value; 0: there was none. */
  readonly group: number;
  readonly replaces?: ChildSa | undefined;
}

/**
 * The text for a CHILD_SA, or its rekey, that the peer refused: what was offered, and which options to
 * compare with the peer's (the IKE SA stays, RFC 7296 §1.2).
 */
export function refusedByPeer(
  sa: IkeSa,
  { configIndex }: ChildSa,
  { error, group, replaces }: ChildRefusal,
): Failure {
  if (!error) return refusedHere("Peer's response lacks SA, TSi or TSr");
  const config = sa.config.children[configIndex]!;
  const name = nameOfNotify(error.notify);
  const { own, peer } = proposedSelectors(sa, config, replaces);
  const selectors = `own ${showSelectors(own)}, peer ${showSelectors(peer)}`;
  const offered = showProposals(childProposals(config, NO_SPI32, groupsOf(config, { group })));
  const what = replaces ? "the rekey" : "the CHILD_SA";
  const why = reasonFor(error.notify, { offered, selectors, config, isRekey: !!replaces });
  return { cause: name, closeCode: error.notify, text: `Peer refused ${what} (${name}): ${why}` };
}

function reasonFor(
  type: number,
  { offered, selectors, config, isRekey }: {
    readonly offered: string;
    readonly selectors: string;
    readonly config: ChildConfig;
    readonly isRekey: boolean;
  },
): string {
  switch (type) {
    case NotifyType.INTERNAL_ADDRESS_FAILURE:
      return "it has no inner address for us; its log says whether a pool is missing or exhausted";
    case NotifyType.TS_UNACCEPTABLE:
      return `proposed ${selectors}; compare ownts and peerts` +
        (isRekey && config.useProvisionedTs ? ", useprovisionedtsforrekey is true" : "");
    case NotifyType.NO_PROPOSAL_CHOSEN:
    case NotifyType.INVALID_KE_PAYLOAD:
      return `offered ${offered}; ` + (isRekey ? hintOfPfs(config) : WHAT_PEER_HAS);
    case NotifyType.TS_MAX_QUEUE:
      return "it makes no more CHILD_SAs with the same selectors; resourcesas asks for more";
    case NotifyType.TEMPORARY_FAILURE:
      return "it is busy with another exchange; it is asked again";
    case NotifyType.STATE_NOT_FOUND:
      return "it has forgotten the key exchanges before, and is asked for all of them again";
    default:
      return `offered ${offered} for ${selectors}`;
  }
}

const WHAT_PEER_HAS = "the peer's log says what it has configured";

/**
 * A hint for a rekey: as the CHILD_SA of IKE_AUTH has no key exchange, only a rekey shows that a key exchange
 * is configured at one end alone.
 */
function hintOfPfs({ pfsGroups }: ChildConfig): string {
  return pfsGroups.length > 0
    ? "pfsenabled and pfsgrpid ask for a key exchange, which the peer may not have configured"
    : `pfsenabled is false, and the peer may want a key exchange; else ${WHAT_PEER_HAS}`;
}

/** The entries that match a request, and the CHILD_SA that it replaces, if any. */
export interface ChildTerms {
  readonly list: readonly ChildCandidate[];
  readonly replaces?: ChildSa | undefined;
}

/** A responder's half of a CHILD_SA, with an SPI and without keys, and the payloads for the peer. */
export interface AnsweredChild extends ChildPayloads {
  readonly child: ChildSa;
  readonly agreed: ChildAgreement;
}

/**
 * Makes the responder's half of the first candidate with common selectors: narrows them, and makes SAr2, TSi
 * and TSr. The caller completes the CHILD_SA.
 * @throws {PeerError} TS_UNACCEPTABLE, or TS_MAX_QUEUE, with a text.
 */
export function answerChild(
  turn: Turn,
  request: readonly Payload[],
  { list, replaces }: ChildTerms,
): AnsweredChild {
  const { sa } = turn;
  const said: SelectorPair = {
    own: findPayload(request, PayloadType.TSR)!.selectors,
    peer: findPayload(request, PayloadType.TSI)!.selectors,
  };
  for (const { choice, config, index } of list) {
    const wide = sa.env.broken.has("widen_selectors");
    const allowed = configured(sa, config);
    const meant = config.tunnelMode ? said : substituted(said, sa);
    const peerTs = wide ? meant.peer : narrow(meant.peer, allowed.peer);
    const ownTs = narrow(meant.own, allowed.own);
    if (peerTs.length === 0 || ownTs.length === 0) continue;
    const aggfrag = chooseAggfrag(request, config);
    const wish = { configIndex: index, ownTs, peerTs, replaces };
    const resource = chooseResource(sa, request, wish);
    const child = newChild(sa, index, false);
    child.aggfrag = aggfrag;
    child.resource = resource;
    child.peerTakesTfc = takesTfc(request);
    child.ipcomp = chooseIpcomp(request, config);
    return {
      child,
      agreed: { choice, ownTs, peerTs },
      proposal: [
        ...answered(child, config),
        ...(replaces ? [] : resourceNotify(resource)),
        { type: PayloadType.SA, proposals: [answerOf(choice, spiOctets32(child.spiIn))] },
      ],
      selectors: [
        { type: PayloadType.TSI, selectors: peerTs },
        { type: PayloadType.TSR, selectors: ownTs },
      ],
    };
  }
  const mirrored = ({ own, peer }: SelectorPair) => showPair({ own: peer, peer: own });
  const ours = list.map(({ config }) => mirrored(configured(sa, config)));
  const text = `No traffic selectors in common: proposed ${mirrored(said)}, configured here ` +
    ours.join(" or ");
  throw new PeerError(NotifyType.TS_UNACCEPTABLE, text);
}

/** What was agreed, and the inputs for the keys. */
export type CompleteChild = ChildAgreement & { readonly inputs: ChildInputs };

/** Completes a CHILD_SA: derives its keys, sets its selectors and state, and asks for its installation. */
export function completeChild(turn: Turn, child: ChildSa, negotiated: CompleteChild): void {
  const { sa, nowMs, out } = turn;
  const suite = child.suite ?? childSuiteOf(sa.env.crypto, negotiated.choice);
  const { d } = ikeKeys(sa.suite!, sa.keys!);
  const { inputs } = negotiated;
  child.suite = suite;
  child.spiOut = spiNumber(negotiated.choice.spi);
  child.ownTs = negotiated.ownTs;
  child.peerTs = negotiated.peerTs;
  child.group = inputs.group;
  child.additional = additionalMethods(negotiated.choice);
  const swapped = sa.env.broken.has("swap_nonces") && child.initiatedHere;
  const nonces = swapped ? { nonceI: inputs.nonceR, nonceR: inputs.nonceI } : inputs;
  const { shared, additional = [] } = inputs;
  const counted = sa.env.broken.has("forget_followup_secret") && child.initiatedHere
    ? additional.slice(0, -1)
    : additional;
  child.keys = deriveChildKeys(sa.suite!.prf, d, {
    nonceI: nonces.nonceI,
    nonceR: nonces.nonceR,
    suite,
    ...(shared ? { shared, additional: counted } : {}),
  });
  startLifetime(turn, child);
  child.state = "established";
  child.establishedMs = nowMs;
  const old = inputs.replaces;
  const waits = old !== undefined && !child.initiatedHere && old.state !== "closed";
  if (waits && !sa.env.broken.has("send_by_new_at_once")) child.behind = old;
  // Packets leave by the new one from now on, also if the old one was itself waiting behind another.
  else if (old) old.behind = undefined;
  out.push({ kind: "install", child, old: old ?? renewedChild(sa, child) }, sa);
  if (!sa.peer.childless) return;
  sa.peer.childless = false;
  out.push({ kind: "established" }, sa);
}

function nameOf(config: ChildConfig): string {
  return config.protocol === ProtocolId.AH ? "AH" : "ESP";
}
