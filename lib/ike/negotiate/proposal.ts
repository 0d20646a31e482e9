/**
 * Proposals: what this end offers, which of a peer's proposals it chooses, and whether an answer matches an
 * offer (RFC 7296 §2.7, §3.3). AEAD ciphers have a proposal of their own, without integrity (§3.3).
 * @module
 */
import { isAead, nameOfEncr } from "@/iana/encr.ts";
import { Esn, nameOfEsn } from "@/iana/esn.ts";
import { nameOfInteg } from "@/iana/integ.ts";
import { nameOfKeGroup } from "@/iana/ke_group.ts";
import { nameOfPrf } from "@/iana/prf.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import { nameOfTransformType, TransformType } from "@/iana/transform_type.ts";
import type { Choice } from "@/ike/records/choice.ts";
import type { ChildConfig, EncryptionChoice, IkeAlgorithms } from "@/ike/records/config.ts";
import type { Proposal, Transform } from "@/wire/payloads/security_association.ts";

const NO_SPI = new Uint8Array(0);
/** The list of methods that all SAs without additional key exchanges share. */
const NO_METHODS: readonly number[] = [];

/**
 * The proposals for an IKE SA in order of preference: without an SPI in IKE_SA_INIT, with the new SPI (eight
 * octets) in a rekey (RFC 7296 §3.3.1).
 */
export function ikeProposals(algorithms: IkeAlgorithms, spi: Uint8Array = NO_SPI): Proposal[] {
  let lists = IKE_TRANSFORMS.get(algorithms);
  if (!lists) IKE_TRANSFORMS.set(algorithms, lists = ikeTransforms(algorithms));
  return lists.map((transforms, i) => ({
    number: i + 1,
    protocol: ProtocolId.IKE,
    spi,
    transforms,
  }));
}

/** Cache of the transforms of each configuration, which all SAs of a test share. */
const IKE_TRANSFORMS = new WeakMap<IkeAlgorithms, Transform[][]>();

function ikeTransforms(algorithms: IkeAlgorithms): Transform[][] {
  const { encryption, integrity, prf, groups, additional = [] } = algorithms;
  const plain = split(encryption).map((ciphers) => [
    ...ciphers.map(encryptionTransform),
    ...(isAead(ciphers[0]!.id) ? [] : of(TransformType.INTEG, integrity)),
    ...of(TransformType.PRF, prf),
    ...of(TransformType.KE, groups),
  ]);
  const extra = additionalTransforms(additional);
  if (extra.length === 0) return plain;
  const whole = plain.map((transforms) => [...transforms, ...extra]);
  // An end that does not know these transform types refuses a proposal that has them, also with NONE (RFC
  // 7296 §3.3.6).
  return additional.every(isOptional) ? [...whole, ...plain] : whole;
}

/** Whether the exchange may be omitted: there is none, or NONE is among its methods. */
function isOptional(methods: readonly number[]): boolean {
  return methods.length === 0 || methods.includes(0);
}

/** The transforms of types ADDKE1 to ADDKE7, 6 to 12 (RFC 9370 §2.2.1). */
function additionalTransforms(additional: readonly (readonly number[])[]): Transform[] {
  return additional.flatMap((methods, i) => of(TransformType.ADDKE1 + i, methods));
}

/**
 * The proposals of a CHILD_SA with the inbound SPI `spi` (four octets). `groups` are those of a
 * CREATE_CHILD_SA exchange with a key exchange of its own, which then has the additional ones too.
 */
export function childProposals(
  config: ChildConfig,
  spi: Uint8Array,
  groups: readonly number[] = [],
): Proposal[] {
  return childTransforms(config, groups).map((transforms, i) => ({
    number: i + 1,
    protocol: config.protocol,
    spi,
    transforms,
  }));
}

/** Cache of the transforms of each CHILD_SA of a configuration as IKE_AUTH proposes them, without a group. */
const CHILD_TRANSFORMS = new WeakMap<ChildConfig, Transform[][]>();

/** The transforms of each proposal for a CHILD_SA. */
function childTransforms(config: ChildConfig, groups: readonly number[]): Transform[][] {
  if (groups.length > 0) return newChildTransforms(config, groups);
  let lists = CHILD_TRANSFORMS.get(config);
  if (!lists) CHILD_TRANSFORMS.set(config, lists = newChildTransforms(config, []));
  return lists;
}

function newChildTransforms(config: ChildConfig, groups: readonly number[]): Transform[][] {
  const rest = [
    ...of(TransformType.KE, groups),
    ...(groups.length > 0 ? additionalTransforms(config.pfsAdditional ?? []) : []),
    // A value of 1 alone means that 32-bit sequence numbers are not acceptable (RFC 7296 §3.3.2).
    ...of(TransformType.ESN, [config.esn ? Esn.ESN : Esn.NO_ESN]),
  ];
  if (config.protocol === ProtocolId.AH) {
    return [[...of(TransformType.INTEG, config.integrity), ...rest]];
  }
  return split(config.encryption).map((ciphers) => [
    ...ciphers.map(encryptionTransform),
    ...(isAead(ciphers[0]!.id) ? [] : of(TransformType.INTEG, config.integrity)),
    ...rest,
  ]);
}

/** Separates AEAD ciphers from the others; the kind of the first cipher comes first. */
function split(ciphers: readonly EncryptionChoice[]): EncryptionChoice[][] {
  const aead = ciphers.filter((c) => isAead(c.id));
  const other = ciphers.filter((c) => !isAead(c.id));
  const parts = ciphers.length > 0 && isAead(ciphers[0]!.id) ? [aead, other] : [other, aead];
  return parts.filter((part) => part.length > 0);
}

function encryptionTransform({ id, keyBits }: EncryptionChoice): Transform {
  return keyBits > 0 ? { type: TransformType.ENCR, id, keyBits } : { type: TransformType.ENCR, id };
}

function of(type: number, ids: readonly number[]): Transform[] {
  return ids.map((id) => ({ type, id }));
}

/**
 * Chooses the first of the peer's proposals that matches one of ours, and for each type the transform that
 * this end prefers. A group whose public value was sent is preferred, which saves an INVALID_KE_PAYLOAD.
 */
export function choose(
  theirs: readonly Proposal[],
  ours: readonly Proposal[],
  keGroup = 0,
): Choice | undefined {
  for (const proposal of theirs) {
    for (const acceptable of ours) {
      if (acceptable.protocol !== proposal.protocol) continue;
      const transforms = meet(proposal, acceptable, keGroup);
      if (!transforms) continue;
      const { number, protocol, spi } = proposal;
      return { number, protocol, spi, transforms };
    }
  }
  return undefined;
}

/** One transform for each type; undefined if a type has none in common. */
function meet(theirs: Proposal, ours: Proposal, keGroup: number): Transform[] | undefined {
  const candidates = new Map<number, readonly Transform[]>();
  const rank = ({ id }: Transform) => id === keGroup ? 0 : 1;
  for (const { transforms } of [theirs, ours]) {
    for (const { type } of transforms) {
      if (candidates.has(type)) continue;
      const common = commonOf(type, theirs, ours);
      if (!common) return undefined;
      // As the sort is stable, the other transforms keep our order.
      if (type === TransformType.KE) common.sort((a, b) => rank(a) - rank(b));
      candidates.set(type, common);
    }
  }
  const exchangeTypes = [...candidates.keys()].filter(isKeyExchange).sort((a, b) => a - b);
  const different = allDifferent(exchangeTypes.map((type) => candidates.get(type)!));
  if (!different) return undefined;
  exchangeTypes.forEach((type, i) => candidates.set(type, [different[i]!]));
  const chosen: Transform[] = [];
  candidates.forEach(([first]) => first && chosen.push(first));
  return chosen;
}

/**
 * Our transforms of a type that the peer offers too, in our order: NONE alone where only the peer has the
 * type, none where only we have it. Undefined: the two proposals cannot meet.
 */
function commonOf(type: number, theirs: Proposal, ours: Proposal): Transform[] | undefined {
  const common = ours.transforms.filter((w) =>
    w.type === type && theirs.transforms.some((o) => o.type === type && sameTransform(o, w))
  );
  if (common.length > 0) return common;
  const offered = theirs.transforms.filter((t) => t.type === type);
  const wanted = ours.transforms.filter((t) => t.type === type);
  if (!mayLack(type, offered, wanted)) return undefined;
  return offered.length > 0 ? [{ type, id: 0 }] : [];
}

/** Whether a transform type is that of key exchange methods, the first or an additional one. */
function isKeyExchange(type: number): boolean {
  return type === TransformType.KE || isAdditional(type);
}

/** Whether a transform type is that of an additional key exchange (RFC 9370 §2.2.1). */
export function isAdditional(type: number): boolean {
  return type >= TransformType.ADDKE1 && type <= TransformType.ADDKE7;
}

/**
 * Chooses one method of each list, the first possible ones, so that no method except NONE occurs twice: an
 * initiator must refuse an answer that repeats a method (RFC 9370 §2.2.1). Undefined if that is impossible.
 */
function allDifferent(
  lists: readonly (readonly Transform[])[],
  taken: readonly Transform[] = [],
): readonly Transform[] | undefined {
  if (taken.length === lists.length) return taken;
  for (const candidate of lists[taken.length]!) {
    if (candidate.id !== 0 && taken.some((t) => t.id === candidate.id)) continue;
    const found = allDifferent(lists, [...taken, candidate]);
    if (found) return found;
  }
  return undefined;
}

/**
 * Whether a type may have no common transform: the peer offers NONE and we have nothing, or it omits ESN and
 * we do not need it. A proposal with an unknown type is refused unless it offers NONE (RFC 7296 §3.3.6, RFC
 * 9370 §2.2.1).
 */
function mayLack(
  type: number,
  offered: readonly Transform[],
  wanted: readonly Transform[],
): boolean {
  if (wanted.length === 0) return type !== TransformType.ENCR && offered.some((t) => t.id === 0);
  return offered.length === 0 && type === TransformType.ESN && wanted.some((t) => t.id === 0);
}

/**
 * Whether two transforms have the same id and key length; one with unknown attributes matches nothing
 * (§3.3.6).
 */
function sameTransform(theirs: Transform, ours: Transform): boolean {
  return theirs.id === ours.id && (theirs.keyBits ?? 0) === (ours.keyBits ?? 0) &&
    !theirs.attributes?.length;
}

/**
 * Checks an answer as the initiator (RFC 7296 §2.7): it must be one proposal, with the number of one of ours
 * and exactly one of the offered transforms for each type.
 */
export function accepted(
  offered: readonly Proposal[],
  answer: readonly Proposal[],
): Choice | string {
  if (answer.length !== 1) return `${answer.length} proposals instead of one`;
  const { number, protocol, spi, transforms } = answer[0]!;
  const proposal = offered.find((p) => p.number === number);
  if (!proposal || proposal.protocol !== protocol) {
    return `proposal ${number} of protocol ${protocol}, which we did not send`;
  }
  const ours = proposal.transforms;
  for (const transform of transforms) {
    const { type, id } = transform;
    const same = countOf(transforms, type);
    if (same > 1) return `${same} transforms of type ${type} instead of one`;
    const fits = ours.some((o) => o.type === type && sameTransform(transform, o));
    if (!fits && !(id === 0 && countOf(ours, type) === 0)) {
      return `${showTransform(transform)}, which we did not offer`;
    }
  }
  for (const { type } of ours) {
    if (countOf(transforms, type) > 0) continue;
    // If ESN is not mentioned, sequence numbers have 32 bits.
    const meant = type === TransformType.ESN &&
      ours.some((t) => t.type === type && t.id === Esn.NO_ESN);
    if (!meant) return `no transform of type ${type}`;
  }
  const twice = methodTwice(transforms);
  if (twice !== undefined) return `${nameOfKeGroup(twice)} for more than one key exchange`;
  return { number, protocol, spi, transforms };
}

function countOf(transforms: readonly Transform[], type: number): number {
  let count = 0;
  for (const transform of transforms) if (transform.type === type) count++;
  return count;
}

function methodTwice(transforms: readonly Transform[]): number | undefined {
  const methods = transforms.filter((t) => isKeyExchange(t.type) && t.id !== 0).map((t) => t.id);
  return methods.find((id, i) => methods.indexOf(id) !== i);
}

/** The methods of the additional key exchanges in their order, ADDKE1 first, without NONE. */
export function additionalMethods({ transforms }: Choice): readonly number[] {
  const chosen = transforms.filter((t) => isAdditional(t.type) && t.id !== 0);
  if (chosen.length === 0) return NO_METHODS;
  return chosen.sort((a, b) => a.type - b.type).map((t) => t.id);
}

/** The chosen transform id of a type; 0 (NONE) if there is none. */
export function chosenId(choice: Choice, type: number): number {
  return choice.transforms.find((t) => t.type === type)?.id ?? 0;
}

/** The Key Length of the chosen cipher in bits; 0 if it has none. */
export function chosenKeyBits(choice: Choice): number {
  return choice.transforms.find((t) => t.type === TransformType.ENCR)?.keyBits ?? 0;
}

/** The answer to a peer's proposal: its number, the own SPI, and the chosen transforms (RFC 7296 §2.7). */
export function answerOf(choice: Choice, spi: Uint8Array = NO_SPI): Proposal {
  return { number: choice.number, protocol: choice.protocol, spi, transforms: choice.transforms };
}

/** A transform as text: `ENCR_AES_CBC-128`. */
export function showTransform(t: Transform): string {
  switch (t.type) {
    case TransformType.ENCR:
      return `${nameOfEncr(t.id)}${t.keyBits ? `-${t.keyBits}` : ""}`;
    case TransformType.PRF:
      return nameOfPrf(t.id);
    case TransformType.INTEG:
      return nameOfInteg(t.id);
    case TransformType.KE:
      return nameOfKeGroup(t.id);
    case TransformType.ESN:
      return nameOfEsn(t.id);
    default:
      if (isKeyExchange(t.type)) return `${nameOfTransformType(t.type)} ${nameOfKeGroup(t.id)}`;
      return `type ${t.type} id ${t.id}`;
  }
}

/** Proposals as text, each with its transforms. */
export function showProposals(proposals: readonly Proposal[]): string {
  const kind = (p: Proposal) => p.protocol === ProtocolId.AH ? "AH " : "";
  return proposals.map((p) => `${kind(p)}{${p.transforms.map(showTransform).join(", ")}}`)
    .join(" or ");
}
