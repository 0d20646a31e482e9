/**
 * What every CHILD_SA is made of, whichever exchange makes it (RFC 7296 §1.2, §1.3.1, §1.3.3):
 * proposals and selectors at both ends, SPIs, keys.
 * @module
 */
import { nameOfNotify, NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import { TransformType } from "@/iana/transform_type.ts";
import type { ChildSa, ChildSuite } from "@/ike/records/child_sa.ts";
import { freeSpi, NO_SPI32, spiFault, spiNumber, spiOctets32 } from "@/ike/negotiate/child_spi.ts";
import type { ChildConfig } from "@/ike/records/config.ts";
import { refusedHere } from "@/ike/records/failure.ts";
import type { Failure } from "@/ike/records/event.ts";
import type { IkeSa, Turn } from "@/ike/records/ike_sa.ts";
import { deriveChildKeys, ikeKeys } from "@/ike/negotiate/keymat.ts";
import { findError, PeerError } from "@/ike/records/notify.ts";
import { selectorsOf } from "@/ike/negotiate/pool.ts";
import {
  accepted,
  answerOf,
  childProposals,
  type Choice,
  chosenId,
  chosenKeyBits,
  showProposals,
} from "@/ike/negotiate/proposal.ts";
import { startLifetime } from "@/ike/window/lifetime.ts";
import { allCovered, narrow, shifted, showSelectors } from "@/ike/negotiate/selectors.ts";
import {
  acceptNotifies,
  answered,
  answerFault,
  asked,
  chooseIpcomp,
  drawCpi,
  takesTfc,
} from "@/ike/tasks/child_notifies.ts";
import type { ChildCandidate } from "@/ike/tasks/child_candidates.ts";
import { ofHosts, type SelectorPair, substituted } from "@/ike/negotiate/transport_mode.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import type { TrafficSelector } from "@/wire/payloads/traffic_selector.ts";

/** A CHILD_SA with an SPI of ours, not yet negotiated; registered in the process. */
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
    ownTs: [],
    peerTs: [],
    behind: undefined,
    replaced: false,
    path: sa.path,
    group: 0,
    establishedMs: undefined,
    rekeyMs: Infinity,
    expireMs: Infinity,
  };
  sa.env.childrenBySpi.set(child.spiIn, child);
  sa.children.push(child);
  return child;
}

/** What a CHILD_SA's keys come from (RFC 7296 §2.17), and what it may replace. */
export interface ChildInputs {
  readonly nonceI: Uint8Array;
  readonly nonceR: Uint8Array;
  /** g^ir (new) of an exchange with KE payloads. */
  readonly shared?: Uint8Array;
  /** The group of that KE; 0: none. */
  readonly group: number;
  /** The CHILD_SA that is rekeyed: what it carries is proposed again (§2.9.2). */
  readonly replaces?: ChildSa;
}

/** The groups a CREATE_CHILD_SA offers; the first CHILD_SA has none (RFC 7296 §1.2). */
export function groupsOf(
  config: ChildConfig,
  inputs: { readonly group: number },
): readonly number[] {
  return inputs.group === 0 ? [] : config.pfsGroups;
}

/** A CHILD_SA's payloads; between the last two a CREATE_CHILD_SA has its nonce and key. */
export interface ChildPayloads {
  readonly proposal: readonly Payload[];
  readonly selectors: readonly Payload[];
}

/** Notifies, SAi2, TSi, TSr of an initiator's request. */
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
      ...asked(child, config),
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

/** A rekey proposes what is in use (§2.9.2), unless the setup wants its own selectors again. */
function proposedSelectors(
  sa: IkeSa,
  config: ChildConfig,
  replaces: ChildSa | undefined,
): SelectorPair {
  if (!replaces || config.useProvisionedTs) return configured(sa, config);
  const used = { own: replaces.ownTs, peer: replaces.peerTs };
  // A NAT may have given an end another address since.
  return config.tunnelMode ? used : substituted(used, sa);
}

/** Both ends' selectors as the setup has them, of this SA's tunnel and hosts. */
function configured(sa: IkeSa, config: ChildConfig): SelectorPair {
  const pair = { own: ownSelectors(sa, config), peer: peerSelectors(sa, config) };
  return config.tunnelMode ? pair : ofHosts(pair, sa.path);
}

/** Our end's selectors of this SA's tunnel. A responder does not know the tunnel: they are as is. */
function ownSelectors(sa: IkeSa, config: ChildConfig): readonly TrafficSelector[] {
  const own = sa.dialled ? shifted(config.ownTs, config.ownTsStep, sa.index) : config.ownTs;
  return sa.env.pools ? own : withinInner(sa, own);
}

function peerSelectors(sa: IkeSa, config: ChildConfig): readonly TrafficSelector[] {
  const peer = sa.dialled ? shifted(config.peerTs, config.peerTsStep, sa.index) : config.peerTs;
  return sa.env.pools ? withinInner(sa, peer) : peer;
}

/** The remote-access client's end is what was assigned to it, at both ends (RFC 7296 §2.19). Who
 * has pools is the gateway, whichever end rekeyed the IKE SA last. */
function withinInner(
  { inner, env }: IkeSa,
  selectors: readonly TrafficSelector[],
): readonly TrafficSelector[] {
  if (!inner || env.broken.has("forget_assigned")) return selectors;
  return narrow(selectors, selectorsOf(inner));
}

/** Takes the responder's SAr2, TSi, TSr; a failure says why the CHILD_SA cannot be. */
export function acceptChild(
  turn: Turn,
  child: ChildSa,
  { payloads, inputs }: { readonly payloads: readonly Payload[]; readonly inputs: ChildInputs },
): Failure | undefined {
  const { sa } = turn, config = sa.config.children[child.configIndex]!;
  const proposals = findPayload(payloads, PayloadType.SA)?.proposals;
  const tsI = findPayload(payloads, PayloadType.TSI)?.selectors;
  const tsR = findPayload(payloads, PayloadType.TSR)?.selectors;
  // RFC 7296 §3.10.1: an error, known or not, fails the request, whatever stands beside it.
  const refused = findError(payloads) !== undefined || !proposals || !tsI || !tsR;
  if (refused) return refusedByPeer(sa, config, payloads);
  const groups = groupsOf(config, inputs);
  const choice = accepted(childProposals(config, spiOctets32(child.spiIn), groups), proposals);
  if (typeof choice === "string") {
    return refusedHere(`Peer answered our ${nameOf(config)} proposals with ${choice}`);
  }
  const fault = spiFault(choice.spi);
  if (fault) return refusedHere(`Peer answered with ${fault}`);
  // From here on the peer has its half: whoever refuses the answer owes it a Delete.
  child.suite = childSuiteOf(sa, choice);
  child.spiOut = spiNumber(choice.spi);
  const notified = answerFault(payloads, config);
  if (notified && !sa.env.broken.has("accept_declined_transport")) {
    return refusedHere(`Peer ${notified}`);
  }
  acceptNotifies(child, payloads);
  const proposed = proposedSelectors(sa, config, inputs.replaces);
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
  complete(turn, child, { choice, ownTs: taken.own, peerTs: taken.peer, inputs });
  return undefined;
}

function showPair({ own, peer }: SelectorPair): string {
  return `${showSelectors(own)} to ${showSelectors(peer)}`;
}

/** Words for an answer without a CHILD_SA (RFC 7296 §1.2: the IKE SA stands all the same). */
function refusedByPeer(
  sa: IkeSa,
  config: ChildConfig,
  payloads: readonly Payload[],
): Failure {
  const error = findError(payloads);
  if (!error) return refusedHere("Peer's response lacks SA, TSi or TSr");
  const name = nameOfNotify(error.notify);
  const pair = configured(sa, config);
  const own = showSelectors(pair.own), peer = showSelectors(pair.peer);
  const offered = showProposals(childProposals(config, NO_SPI32));
  const why = error.notify === NotifyType.INTERNAL_ADDRESS_FAILURE
    ? "it has no inner address for us; its log says whether a pool is missing or exhausted"
    : error.notify === NotifyType.TS_UNACCEPTABLE
    ? `proposed own ${own}, peer ${peer}`
    : error.notify === NotifyType.NO_PROPOSAL_CHOSEN
    ? `offered ${offered}; the peer's log says what it has configured`
    : `offered ${offered} for ${own} to ${peer}`;
  const text = `Peer refused the CHILD_SA (${name}): ${why}`;
  return { cause: name, closeCode: error.notify, text };
}

/**
 * Makes the responder's half of the first candidate whose selectors meet: narrows, and gives SAr2,
 * TSi, TSr.
 * @throws {PeerError} TS_UNACCEPTABLE, with words.
 */
export function answerChild(
  turn: Turn,
  request: readonly Payload[],
  { list, inputs }: { readonly list: readonly ChildCandidate[]; readonly inputs: ChildInputs },
): ChildPayloads & { readonly child: ChildSa } {
  const { sa } = turn;
  const said: SelectorPair = {
    own: findPayload(request, PayloadType.TSR)!.selectors,
    peer: findPayload(request, PayloadType.TSI)!.selectors,
  };
  for (const { choice, config, index } of list) {
    const wide = sa.env.broken.has("widen_selectors"), allowed = configured(sa, config);
    const meant = config.tunnelMode ? said : substituted(said, sa);
    const peerTs = wide ? meant.peer : narrow(meant.peer, allowed.peer);
    const ownTs = narrow(meant.own, allowed.own);
    if (peerTs.length === 0 || ownTs.length === 0) continue;
    const child = newChild(sa, index, false);
    child.peerTakesTfc = takesTfc(request);
    child.ipcomp = chooseIpcomp(request, config);
    complete(turn, child, { choice, ownTs, peerTs, inputs });
    return {
      child,
      proposal: [
        ...answered(child, config),
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

interface Negotiated {
  readonly choice: Choice;
  readonly ownTs: readonly TrafficSelector[];
  readonly peerTs: readonly TrafficSelector[];
  readonly inputs: ChildInputs;
}

/** Keys, selectors, state; and the wish to have it in the data path. */
function complete(turn: Turn, child: ChildSa, negotiated: Negotiated): void {
  const { sa, nowMs, out } = turn;
  const suite = child.suite ?? childSuiteOf(sa, negotiated.choice);
  const { d } = ikeKeys(sa.suite!, sa.keys!), { inputs } = negotiated;
  child.suite = suite;
  child.spiOut = spiNumber(negotiated.choice.spi);
  child.ownTs = negotiated.ownTs;
  child.peerTs = negotiated.peerTs;
  child.group = inputs.group;
  const swapped = sa.env.broken.has("swap_nonces") && child.initiatedHere;
  const nonces = swapped ? { nonceI: inputs.nonceR, nonceR: inputs.nonceI } : inputs;
  const { shared } = inputs;
  child.keys = deriveChildKeys(sa.suite!.prf, d, {
    nonceI: nonces.nonceI,
    nonceR: nonces.nonceR,
    suite,
    ...(shared ? { shared } : {}),
  });
  startLifetime(turn, child);
  child.state = "established";
  child.establishedMs = nowMs;
  const old = inputs.replaces;
  const waits = old !== undefined && !child.initiatedHere && old.state !== "closed";
  if (waits && !sa.env.broken.has("send_by_new_at_once")) child.behind = old;
  out.push({ kind: "install", child, old }, sa);
}

function childSuiteOf(sa: IkeSa, choice: Choice): ChildSuite {
  const { crypto } = sa.env;
  const encryption = choice.protocol === ProtocolId.ESP ? chosenId(choice, TransformType.ENCR) : 0;
  const keyBits = chosenKeyBits(choice), integrity = chosenId(choice, TransformType.INTEG);
  return {
    protocol: choice.protocol,
    encryption,
    keyBits,
    integrity,
    esn: chosenId(choice, TransformType.ESN) === 1,
    encryptionOctets: encryption ? crypto.cipher(encryption, keyBits)!.keyOctets : 0,
    integrityOctets: integrity ? crypto.integrity(integrity)!.keyOctets : 0,
  };
}

function nameOf(config: ChildConfig): string {
  return config.protocol === ProtocolId.AH ? "AH" : "ESP";
}
