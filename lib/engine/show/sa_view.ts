/**
 * Makes plain answers from the records of the core: states by the API's numbers, times since 1970, keys cut
 * into parts.
 * @module
 */
import { showAddress, showPath } from "@/base/address.ts";
import { showSpi32, showSpi64 } from "@/base/bytes.ts";
import {
  type ChildSaDump,
  ChildStateNumber,
  type IkeKeys,
  type IkeSaDump,
  type IkeSaSummary,
  type IkeSecrets,
  IkeStateNumber,
  type TrafficSelectorView,
} from "@/engine/show/view.ts";
import { hashAlgorithmOf } from "@/crypto/signature.ts";
import { nameOfIpcompTransform } from "@/iana/ipcomp.ts";
import { nameOfKeGroup } from "@/iana/ke_group.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import { showPpkId } from "@/ike/auth/ppk.ts";
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";
import { childKeys, isLiveChild } from "@/ike/records/child_sa.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { showIdentity } from "@/ike/negotiate/identity.ts";
import { isCurrent, ownSpi, peerSpi } from "@/ike/records/ike_sa.ts";
import { ikeKeys } from "@/ike/negotiate/keymat.ts";
import { encapsulationOf, espPath } from "@/ike/path/nat.ts";
import { showAttribute } from "@/wire/show.ts";
import type { TrafficSelector } from "@/wire/payloads/traffic_selector.ts";

/** Converts the core's time to milliseconds since 1970. */
export type ToEpoch = (coreMs: number) => number;

const STATE_OF_PHASE = {
  idle: IkeStateNumber.INIT,
  init: IkeStateNumber.INIT,
  created: IkeStateNumber.CREATED,
  established: IkeStateNumber.ESTABLISHED,
  closing: IkeStateNumber.CLOSING,
  closed: IkeStateNumber.CLOSED,
} as const;

/** The API's number for the state of an IKE SA. */
export function ikeStateNumber(sa: IkeSa): number {
  if (sa.phase === "closed" && sa.closeCode === CloseCode.REKEYED) return IkeStateNumber.REKEYED;
  if (sa.phase !== "established") return STATE_OF_PHASE[sa.phase];
  if (!isCurrent(sa)) return IkeStateNumber.REKEYED;
  switch (sa.active?.kind) {
    case "liveness_check":
      return IkeStateNumber.DPD;
    case "update_addresses":
    case "check_path":
      return IkeStateNumber.UPDATING_ADDRESS;
    case "rekey_ike":
      return IkeStateNumber.REKEYING;
    case "create_child":
      return IkeStateNumber.CHILD_REKEYING;
    default:
      return IkeStateNumber.ESTABLISHED;
  }
}

/** The API's number for the state of a CHILD_SA. */
export function childStateNumber(child: ChildSa): number {
  switch (child.state) {
    case "creating":
      return ChildStateNumber.CREATING;
    case "established":
      return ChildStateNumber.ESTABLISHED;
    case "rekeying":
      return ChildStateNumber.REKEYING;
    case "rekeyed":
      return ChildStateNumber.REKEYED;
    case "closing":
      return ChildStateNumber.CLOSING;
    case "closed":
      return child.replaced ? ChildStateNumber.REKEYED : ChildStateNumber.CLOSED;
  }
}

/** Whether an IKE SA is live: states 3, 4, 5, 9 and 10 of the API. */
export function isLive(sa: IkeSa): boolean {
  return sa.phase === "established" && isCurrent(sa);
}

/** Whether a CHILD_SA of an IKE SA carries traffic. */
export function hasLiveChild(sa: IkeSa): boolean {
  return sa.children.some(isLiveChild);
}

/** An IKE SA as a line of the list. */
export function summaryOf(sa: IkeSa, toEpoch: ToEpoch): IkeSaSummary {
  return {
    spi: ownSpi(sa),
    peerAddress: sa.path.peerAddress,
    peerPort: sa.path.peerPort,
    state: ikeStateNumber(sa),
    establishedEpochMs: epoch(sa.establishedMs, toEpoch),
  };
}

/** Everything about an IKE SA. */
export function dumpOf(sa: IkeSa, toEpoch: ToEpoch): IkeSaDump {
  const { suite, keys } = sa;
  const { ownId, id: peerId, ownScheme } = sa.peer;
  return {
    ...summaryOf(sa, toEpoch),
    peerSpi: peerSpi(sa),
    spiI: sa.spiI,
    spiR: sa.spiR,
    originalInitiator: sa.originalInitiator,
    tunnel: sa.index,
    ownAddress: sa.path.ownAddress,
    ownPort: sa.path.ownPort,
    encryption: suite?.cipher.id ?? 0,
    keyBits: suite?.cipher.keyBits ?? 0,
    integrity: suite?.integrity?.id ?? 0,
    prf: suite?.prf.id ?? 0,
    group: suite?.group ?? 0,
    additional: suite?.additional ?? [],
    ppkId: sa.peer.ppk ? showPpkId(sa.config.ppk!.id) : "",
    ownAuth: sa.peer.ownAuth,
    peerAuth: sa.peer.auth,
    ownSignatureHash: ownScheme ? hashAlgorithmOf(ownScheme) : 0,
    ownRsaPss: ownScheme?.algorithm === "rsa-pss",
    ownIdType: ownId?.idType ?? 0,
    peerIdType: peerId?.idType ?? 0,
    ownId: ownId ? showIdentity(ownId) : "",
    peerId: peerId ? showIdentity(peerId) : "",
    keys: suite && keys ? secretsOf(ikeKeys(suite, keys)) : undefined,
    lastReceivedEpochMs: epoch(sa.lastReceivedMs, toEpoch),
    lastLivenessEpochMs: epoch(sa.lastLivenessMs, toEpoch),
    closeCode: sa.closeCode,
  };
}

/** Everything about a CHILD_SA. */
export function childDumpOf(child: ChildSa, toEpoch: ToEpoch): ChildSaDump {
  const { parent, suite } = child;
  const configured = parent.config.children[child.configIndex];
  return {
    state: childStateNumber(child),
    spi: child.spiIn,
    peerSpi: child.spiOut,
    // Where its packets go now.
    ownAddress: espPath(parent).ownAddress,
    peerAddress: espPath(parent).peerAddress,
    parentSpi: ownSpi(parent),
    establishedEpochMs: epoch(child.establishedMs, toEpoch),
    protocol: suite?.protocol ?? configured?.protocol ?? 3,
    encryption: suite?.encryption ?? 0,
    keyBits: suite?.keyBits ?? 0,
    integrity: suite?.integrity ?? 0,
    esn: suite?.esn ?? false,
    group: child.group,
    additional: child.additional,
    tunnelMode: child.tunnelMode,
    encapsulation: encapsulationOf(child),
    lifetimeMs: configured?.lifetimeMs ?? 0,
    replayWindow: configured?.replayWindow ?? 0,
    keys: child.keys ? cut(childKeys(child)) : undefined,
    initiatedHere: child.initiatedHere,
    ownTs: child.ownTs.map(selector),
    peerTs: child.peerTs.map(selector),
  };
}

/**
 * An IKE SA as `IKE SA 0123456789ABCDEF/FEDCBA9876543210, 10.0.0.1:500 → 10.0.0.2:500`, with the own SPI
 * first.
 */
export function showSa(sa: IkeSa): string {
  const spis = `${showSpi64(ownSpi(sa))}/${showSpi64(peerSpi(sa))}`;
  return `IKE SA ${spis}, ${showPath(sa.path)}`;
}

/**
 * CHILD_SAs as `CHILD_SA 01234567/89ABCDEF (AH, transport mode)`, with the own SPI first; several are
 * separated by commas.
 */
export function showChildren(children: readonly ChildSa[]): string {
  if (children.length === 0) return "no CHILD_SA";
  const pairs = children.map((c) => `${showSpi32(c.spiIn)}/${showSpi32(c.spiOut)}${showTraits(c)}`);
  return `CHILD_SA ${pairs.join(", ")}`;
}

/** `Curve25519 + ml-kem-768`: the first method and the additional ones, in their order. */
export function showMethods(
  { group, additional }: { readonly group: number; readonly additional: readonly number[] },
): string {
  return [group, ...additional].map(nameOfKeGroup).join(" + ");
}

/**
 * `, key exchanges Curve25519 + ml-kem-768, PPK quantum-1`; empty where there was one key exchange alone,
 * and no post-quantum pre-shared key.
 */
export function showKeyExchanges({ suite, peer, config }: IkeSa): string {
  const several = suite && suite.additional.length > 0;
  return (several ? `, key exchanges ${showMethods(suite)}` : "") +
    (peer.ppk ? `, PPK ${showPpkId(config.ppk!.id)}` : "");
}

const ENCAPSULATED = { none: "", udp: "in UDP", tcp: "in TCP" };

/** The properties in which a CHILD_SA differs from ESP in tunnel mode; empty if it does not. */
function showTraits(child: ChildSa): string {
  const { suite, tunnelMode, ipcomp, cpiIn, peerTakesTfc, aggfrag, resource } = child;
  const traits = [
    suite?.protocol === ProtocolId.AH ? "AH" : "",
    ENCAPSULATED[encapsulationOf(child)?.kind ?? "none"],
    tunnelMode ? "" : "transport mode",
    aggfrag ? `IP-TFS${aggfrag.peerTakesFragments ? "" : " without fragments"}` : "",
    resource === undefined ? "" : `resource ${resource}`,
    suite?.esn ? "ESN" : "",
    ipcomp
      ? `IPComp ${nameOfIpcompTransform(ipcomp.transform)}, CPI ${cpiIn}/${ipcomp.cpiOut}`
      : "",
    child.additional.length > 0 ? `key exchanges ${showMethods(child)}` : "",
    peerTakesTfc ? "" : "TFC padding not taken by the peer",
  ].filter(Boolean);
  return traits.length > 0 ? ` (${traits.join(", ")})` : "";
}

/** Attributes that a line of the log names. */
const CONFIGURED_SHOWN_MAX = 12;

/**
 * What a configuration payload assigned, as `, inner 10.1.0.5, DNS 10.1.0.1, P_CSCF_IP4_ADDRESS 10.2.0.1`;
 * empty where nothing was.
 */
export function showInner({ inner, peer }: IkeSa): string {
  const addresses = inner ? `, inner ${inner.addresses.map(showAddress).join(" ")}` : "";
  const dns = inner && inner.dns.length > 0 ? `, DNS ${inner.dns.map(showAddress).join(" ")}` : "";
  const { configured } = peer;
  const others = configured.slice(0, CONFIGURED_SHOWN_MAX).map((one) => `, ${showAttribute(one)}`);
  const more = configured.length > CONFIGURED_SHOWN_MAX ? `, … (${configured.length})` : "";
  return addresses + dns + others.join("") + more;
}

function secretsOf(keys: ReturnType<typeof ikeKeys>): IkeSecrets {
  return { ...cut(keys), skD: keys.d, skPi: keys.pi, skPr: keys.pr };
}

function cut(keys: Readonly<Record<"ei" | "er" | "ai" | "ar", Uint8Array>>): IkeKeys {
  return { skEi: keys.ei, skEr: keys.er, skAi: keys.ai, skAr: keys.ar };
}

function selector(ts: TrafficSelector): TrafficSelectorView {
  const { tsType, protocol, startAddress, endAddress, startPort, endPort } = ts;
  return { type: tsType, protocol, startAddress, endAddress, startPort, endPort };
}

function epoch(coreMs: number | undefined, toEpoch: ToEpoch): number | undefined {
  return coreMs === undefined ? undefined : toEpoch(coreMs);
}
