/**
 * IKE_SA_INIT as responder (RFC 7296 §1.2): chooses a proposal, answers with our public value and nonce, and
 * derives the keys. `endpoint.ts` asks for cookies before an SA exists.
 * @module
 */
import { showEndpoint } from "@/base/address.ts";
import { must, WireError } from "@/base/errors.ts";
import { ExchangeType, nameOfExchange } from "@/iana/exchange_type.ts";
import { nameOfKeGroup } from "@/iana/ke_group.ts";
import { nameOfNotify, NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { Received } from "@/ike/records/received.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import type { Turn } from "@/ike/records/event.ts";
import { suiteOf } from "@/ike/negotiate/suite.ts";
import { refuse, requestCompute, sendResponse } from "@/ike/window/exchange.ts";
import { endSa, enter, fail } from "@/ike/records/ike_sa.ts";
import { deriveIkeKeys } from "@/ike/negotiate/keymat.ts";
import { giveAuthPuzzle } from "@/ike/extensions/auth_puzzle.ts";
import { hearAll, sayAll } from "@/ike/extensions/extensions.ts";
import { nonceFault } from "@/ike/negotiate/nonces.ts";
import { groupData, notify, PeerError } from "@/ike/records/notify.ts";
import {
  answerOf,
  choose,
  ikeProposals,
  isAdditional,
  showProposals,
} from "@/ike/negotiate/proposal.ts";
import { redirectionAt } from "@/ike/path/redirect.ts";
import { gatewayData, showGateway } from "@/ike/negotiate/gateway_identity.ts";
import type { ResponderKind } from "@/ike/records/task.ts";
import { intermediateOf, knowsIntermediate } from "@/ike/tasks/intermediate.ts";
import { NONCE_OCTETS } from "@/ike/tasks/key_exchange.ts";
import type { IkeAlgorithms } from "@/ike/records/config.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import type { Proposal } from "@/wire/payloads/security_association.ts";

/** IKE_SA_INIT as responder; see {@linkcode ResponderKind}. */
export const ikeInitResponse: ResponderKind = {
  exchange: ExchangeType.IKE_SA_INIT,

  respond(turn, request) {
    const { sa } = turn;
    const { payloads } = request;
    const ke = findPayload(payloads, PayloadType.KE);
    const proposed = findPayload(payloads, PayloadType.SA);
    const nonce = findPayload(payloads, PayloadType.NONCE);
    if (!ke || !proposed || !nonce) throw new WireError("Cannot do without SA, KE and Nonce");
    const ours = acceptable(sa.config.algorithms, payloads);
    const choice = choose(proposed.proposals, ours, ke.group);
    if (!choice) {
      const text = `No IKE proposal in common with ${showEndpoint(...peer(request))}: offered ` +
        `${showProposals(proposed.proposals)}, configured here ${showProposals(ours)}`;
      throw new PeerError(NotifyType.NO_PROPOSAL_CHOSEN, text);
    }
    const suite = suiteOf(sa.env.crypto, choice);
    if (suite.group !== ke.group) {
      const text = `Peer's public value is of ${nameOfKeGroup(ke.group)}, asked for ` +
        `${nameOfKeGroup(suite.group)}`;
      throw new PeerError(NotifyType.INVALID_KE_PAYLOAD, text, groupData(suite.group));
    }
    const fault = nonceFault(nonce.data, suite.prf);
    if (fault) throw new WireError(`Cannot accept ${fault}`);
    sa.setup!.intermediate = intermediateOf(choice);
    sa.setup!.nonceI = nonce.data;
    sa.setup!.initRequest = request.octets;
    sa.setup!.keptOctets = request.octets.length;
    hearAll(turn, request);
    giveAuthPuzzle(sa, suite);
    const to = redirectionAt(sa, "init");
    if (to) {
      const text = `${showEndpoint(...peer(request))} is redirected to ${showGateway(to)}`;
      throw new PeerError(NotifyType.REDIRECT, text, gatewayData(to, nonce.data));
    }
    if (sa.config.natt?.forced && !sa.peer.natDetected && !sa.path.tcp) {
      const text = `${showEndpoint(...peer(request))} sent no NAT_DETECTION: it does not ` +
        "UDP-encapsulate, which tradtionalencapforceudp asks for";
      throw new PeerError(NotifyType.NO_PROPOSAL_CHOSEN, text);
    }
    const job = { op: "ke_respond", group: ke.group, peerPublic: ke.data } as const;
    const ticket = requestCompute(turn, job);
    sa.answering = { kind: "ike_init", ticket, request, suite, choice };
  },

  computed(turn, answering, result) {
    must(answering.kind === "ike_init", "IKE_SA_INIT waits for its own computation");
    const { request, suite, choice } = answering;
    const { sa, out } = turn;
    if (result.op === "refused") {
      // A public value that fails its tests is answered like wrong syntax (RFC 6989 §2.5).
      const text = `Cannot use the public value of ${
        showEndpoint(...peer(request))
      }: ${result.why}`;
      throw new PeerError(NotifyType.INVALID_SYNTAX, text);
    }
    if (result.op !== "ke_respond") return;
    const { spiI, spiR } = sa;
    const setup = sa.setup!;
    setup.nonceR = sa.env.random(NONCE_OCTETS);
    const payloads: Payload[] = [
      { type: PayloadType.SA, proposals: [answerOf(choice)] },
      { type: PayloadType.KE, group: suite.group, data: result.publicValue },
      { type: PayloadType.NONCE, data: setup.nonceR },
      ...sayAll(turn, ExchangeType.IKE_SA_INIT, { response: true, path: request.path }),
    ];
    [setup.initResponse] = sendResponse(turn, request, payloads);
    const nonceI = setup.nonceI!;
    const nonceR = setup.nonceR;
    sa.suite = suite;
    sa.keys = deriveIkeKeys(suite, { nonceI, nonceR, spiI, spiR, shared: result.shared });
    enter(sa, "created");
    out.push({ kind: "keyed" }, sa);
  },
};

/**
 * The acceptable proposals. As additional key exchanges take place in IKE_INTERMEDIATE, a peer without it
 * cannot have any (RFC 9370 §2.2.1).
 */
function acceptable(algorithms: IkeAlgorithms, payloads: readonly Payload[]): Proposal[] {
  const ours = ikeProposals(algorithms);
  if (knowsIntermediate(payloads)) return ours;
  return ours.filter(({ transforms }) => !transforms.some((t) => isAdditional(t.type)));
}

/**
 * Answers an IKE_SA_INIT or IKE_SESSION_RESUME request that makes no SA: unencrypted, without a responder SPI, and without state
 * (RFC 7296 §2.6).
 */
export function refuseInit(turn: Turn, request: Received, error: PeerError): void {
  refuse(turn, request, [notify(error.notify, error.data)]);
  const { sa } = turn;
  const cause = nameOfNotify(error.notify);
  const name = nameOfExchange(request.header.exchange);
  // Malformed octets belong to no tunnel, and are only counted.
  if (error.notify === NotifyType.INVALID_SYNTAX) {
    turn.out.push({ kind: "dropped", reason: `a malformed ${name} request` }, sa);
    return endSa(turn, error.notify);
  }
  // A wrong first guess of the group is no failure, as the peer tries again, nor is a ticket that is not
  // taken or a redirection.
  const isRedirected = error.notify === NotifyType.REDIRECT;
  const goesOn = error.notify === NotifyType.INVALID_KE_PAYLOAD ||
    error.notify === NotifyType.TICKET_NACK;
  if (goesOn || isRedirected) {
    turn.out.push({ kind: "note", level: 4, text: error.message }, sa);
    return endSa(turn, isRedirected ? CloseCode.REDIRECTED : error.notify);
  }
  fail(turn, { cause, closeCode: error.notify, text: error.message });
}

function peer(request: Received): [Uint8Array, number] {
  return [request.path.peerAddress, request.path.peerPort];
}
