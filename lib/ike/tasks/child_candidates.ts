/**
 * Finds the entries of our configured CHILD_SAs that match a peer's request: by proposals, mode, and the
 * CHILD_SA that it replaces (RFC 7296 §1.3.1, §2.7, §2.9.2).
 * @module
 */
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { TransformType } from "@/iana/transform_type.ts";
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";
import type { ChildCandidate } from "@/ike/records/choice.ts";
import { NO_SPI32, spiFault } from "@/ike/negotiate/child_spi.ts";
import type { ChildConfig } from "@/ike/records/config.ts";
import { PeerError } from "@/ike/records/notify.ts";
import { childProposals, choose, showProposals } from "@/ike/negotiate/proposal.ts";
import { wantsTransport } from "@/ike/tasks/child_notifies.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import type { Proposal } from "@/wire/payloads/security_association.ts";

/** What a responder's choice of an entry depends on, in addition to the proposals of the request. */
export interface ChildWish {
  /** The group of its KE payload; 0: there is none. */
  readonly keGroup: number;
  /** Whether the request is in IKE_AUTH. */
  readonly first: boolean;
  /** The CHILD_SA that is rekeyed, whose entry comes first. */
  readonly old?: ChildSa | undefined;
}

/**
 * The entries that match the peer's proposals and mode; selectors are not compared yet. An entry of tunnel
 * mode also matches a request for transport mode, which it declines (RFC 7296 §1.3.1), after those that
 * accept it.
 * @throws {PeerError} NO_PROPOSAL_CHOSEN with a text.
 */
export function candidates(
  sa: IkeSa,
  request: readonly Payload[],
  { keGroup, first, old }: ChildWish,
): ChildCandidate[] {
  const { proposals } = findPayload(request, PayloadType.SA)!;
  const transport = wantsTransport(request);
  const own = (config: ChildConfig) => {
    const ours = childProposals(config, NO_SPI32, first ? [] : config.pfsGroups);
    return sa.env.broken.has("ignore_esn") ? ours.map(withAnyEsn) : ours;
  };
  const found = sa.config.children.map((config, index) => {
    const choice = choose(proposals, own(config), keGroup);
    return choice && !spiFault(choice.spi) ? { choice, config, index } : undefined;
  }).filter((c) => c !== undefined);
  const fitting = found.filter(({ config }) => transport || config.tunnelMode);
  const misfit = ({ config, index }: ChildCandidate) =>
    (index === old?.configIndex ? 0 : 2) + (config.tunnelMode === transport ? 1 : 0);
  if (fitting.length > 0) return fitting.toSorted((a, b) => misfit(a) - misfit(b));
  if (found.length > 0) {
    const text = "Peer asked for tunnel mode, configured here tunnelmode: false";
    throw new PeerError(NotifyType.NO_PROPOSAL_CHOSEN, text);
  }
  const ours = sa.config.children.map((c) => showProposals(own(c)));
  const text = `No CHILD_SA proposal in common: offered ${showProposals(proposals)}, ` +
    `configured here ${ours.join(" or ")}`;
  throw new PeerError(NotifyType.NO_PROPOSAL_CHOSEN, text);
}

/** Breaks a rule for the planted fault of this name. */
function withAnyEsn(proposal: Proposal): Proposal {
  const any = [0, 1].map((id) => ({ type: TransformType.ESN, id }));
  const others = proposal.transforms.filter((t) => t.type !== TransformType.ESN);
  return { ...proposal, transforms: [...others, ...any] };
}
