/**
 * Traffic selectors: intersection, narrowing, and the shift from tunnel to tunnel (RFC 7296 §2.9,
 * §3.13.1; RFC 4301 §4.4.1).
 * @module
 */
import { addressPlus, compareAddresses, showAddress } from "@/base/address.ts";
import { TsType } from "@/iana/ts_type.ts";
import type { TrafficSelector } from "@/wire/payloads/traffic_selector.ts";

/** The most selectors of a narrowed proposal; of a longer one the first are taken. */
const NARROWED_MAX = 255;

/** Whether a selector is an address range; other types never match. */
function isRange(ts: TrafficSelector): boolean {
  return ts.tsType === TsType.TS_IPV4_ADDR_RANGE || ts.tsType === TsType.TS_IPV6_ADDR_RANGE;
}

/**
 * The intersection of two selectors, or undefined; its addresses are those of `b` where both have them. OPAQUE ports (65535 to 0) match only OPAQUE and ANY (RFC
 * 7296 §3.13.1).
 */
export function intersect(a: TrafficSelector, b: TrafficSelector): TrafficSelector | undefined {
  if (a.tsType !== b.tsType || !isRange(a)) return undefined;
  if (a.protocol !== b.protocol && a.protocol !== 0 && b.protocol !== 0) return undefined;
  const ports = intersectPorts(a, b);
  if (!ports) return undefined;
  const startAddress = later(a.startAddress, b.startAddress);
  const endAddress = compareAddresses(a.endAddress, b.endAddress) < 0 ? a.endAddress : b.endAddress;
  if (compareAddresses(startAddress, endAddress) > 0) return undefined;
  return {
    tsType: a.tsType,
    protocol: a.protocol || b.protocol,
    startPort: ports[0],
    endPort: ports[1],
    startAddress,
    endAddress,
  };
}

function intersectPorts(a: TrafficSelector, b: TrafficSelector): [number, number] | undefined {
  if (isOpaque(a) || isOpaque(b)) {
    const both = (isOpaque(a) || isAnyPort(a)) && (isOpaque(b) || isAnyPort(b));
    return both ? [65535, 0] : undefined;
  }
  const start = Math.max(a.startPort, b.startPort);
  const end = Math.min(a.endPort, b.endPort);
  return start <= end ? [start, end] : undefined;
}

function isOpaque(ts: TrafficSelector): boolean {
  return ts.startPort === 65535 && ts.endPort === 0;
}

function isAnyPort(ts: TrafficSelector): boolean {
  return ts.startPort === 0 && ts.endPort === 65535;
}

function later(a: Uint8Array, b: Uint8Array): Uint8Array {
  return compareAddresses(a, b) > 0 ? a : b;
}

/** Whether `outer` covers all of `inner`. */
export function covers(outer: TrafficSelector, inner: TrafficSelector): boolean {
  const common = intersect(outer, inner);
  return common !== undefined && sameSelector(common, inner);
}

/** Whether both selectors cover the same packets. */
export function sameSelector(a: TrafficSelector, b: TrafficSelector): boolean {
  return a.tsType === b.tsType && a.protocol === b.protocol && a.startPort === b.startPort &&
    a.endPort === b.endPort && compareAddresses(a.startAddress, b.startAddress) === 0 &&
    compareAddresses(a.endAddress, b.endAddress) === 0;
}

/** Whether each selector of `inner` is covered by one of `outer`. */
export function allCovered(
  outer: readonly TrafficSelector[],
  inner: readonly TrafficSelector[],
): boolean {
  return inner.every((i) => outer.some((o) => covers(o, i)));
}

/**
 * Narrows the peer's selectors to what is allowed here (RFC 7296 §2.9): every common part once, in the peer's
 * order, so that the packet that it named first stays first. Empty means TS_UNACCEPTABLE.
 */
export function narrow(
  proposed: readonly TrafficSelector[],
  allowed: readonly TrafficSelector[],
): readonly TrafficSelector[] {
  const narrowed: TrafficSelector[] = [];
  for (const theirs of proposed) {
    for (const ours of allowed) {
      const common = intersect(theirs, ours);
      if (!common || narrowed.some((n) => sameSelector(n, common))) continue;
      narrowed.push(common);
      if (narrowed.length === NARROWED_MAX) return inOwnRecords(dropCovered(narrowed), allowed);
    }
  }
  return inOwnRecords(dropCovered(narrowed), allowed);
}

/**
 * The agreed selectors, with the configured records in place of equal ones: all tunnels share those, while
 * the records of a peer's message keep its octets for as long as they live.
 */
export function inOwnRecords(
  agreed: readonly TrafficSelector[],
  own: readonly TrafficSelector[],
): readonly TrafficSelector[] {
  const same = agreed.length === own.length && agreed.every((ts, i) => sameSelector(ts, own[i]!));
  return same ? own : agreed.map((ts) => own.find((o) => sameSelector(o, ts)) ?? ts);
}

/** Drops selectors that an earlier or wider one covers, except the first. */
function dropCovered(list: readonly TrafficSelector[]): readonly TrafficSelector[] {
  if (list.length < 2) return list;
  return list.filter((ts, i) => i === 0 || !list.some((o, j) => j !== i && covers(o, ts)));
}

/**
 * The selectors of tunnel `index`, each shifted by `step` addresses for each tunnel. A selector for the whole
 * space is not shifted, nor one that would exceed the address space, which the check of the setup has
 * refused.
 */
export function shifted(
  selectors: readonly TrafficSelector[],
  step: number,
  index: number,
): readonly TrafficSelector[] {
  if (step === 0 || index === 0) return selectors;
  return selectors.map((ts) => {
    if (isWholeSpace(ts)) return ts;
    const startAddress = addressPlus(ts.startAddress, step * index);
    const endAddress = addressPlus(ts.endAddress, step * index);
    return startAddress && endAddress ? { ...ts, startAddress, endAddress } : ts;
  });
}

/** Whether a selector covers every address of its family. */
export function isWholeSpace(ts: TrafficSelector): boolean {
  return ts.startAddress.every((o) => o === 0) && ts.endAddress.every((o) => o === 255);
}

/** A selector as text: `10.0.0.0-10.0.0.255 proto 17 ports 53-53`, without parts that match everything. */
export function showSelector(ts: TrafficSelector): string {
  if (!isRange(ts)) return `type ${ts.tsType}`;
  const start = showAddress(ts.startAddress);
  const end = showAddress(ts.endAddress);
  const addresses = start === end ? start : `${start}-${end}`;
  const protocol = ts.protocol ? ` proto ${ts.protocol}` : "";
  if (isOpaque(ts)) return `${addresses}${protocol} ports opaque`;
  return isAnyPort(ts)
    ? `${addresses}${protocol}`
    : `${addresses}${protocol} ports ${ts.startPort}-${ts.endPort}`;
}

/** Several selectors as text in one line. */
export function showSelectors(selectors: readonly TrafficSelector[]): string {
  return selectors.map(showSelector).join(", ") || "none";
}
