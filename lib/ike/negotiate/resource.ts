/**
 * SA_RESOURCE_INFO: several CHILD_SAs with the same selectors, each for a resource of its sender such as a CPU
 * (RFC 9611). The first one has no resource, and carries what no other one carries. A rekey passes the resource
 * on without the notify. An end that makes no more of them says TS_MAX_QUEUE.
 *
 * ```text
 * | Resource Identifier (any number of octets, which only its sender understands) |
 * ```
 * @module
 */
import { NotifyType } from "@/iana/notify_type.ts";
import { isLiveChild } from "@/ike/records/child_sa.ts";
import { findNotify, notify, PeerError } from "@/ike/records/notify.ts";
import type { ChildResource, ChildSa, IkeSa } from "@/ike/records/sa.ts";
import { allCovered } from "@/ike/negotiate/selectors.ts";
import type { Payload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";
import type { TrafficSelector } from "@/wire/payloads/traffic_selector.ts";

const { SA_RESOURCE_INFO, TS_MAX_QUEUE } = NotifyType;

/** Our notify; empty: there is none. A number is sent as uint32, and no resource as no octets. */
export function resourceNotify(resource: ChildResource | undefined): NotifyPayload[] {
  if (resource === undefined) return [];
  return [notify(SA_RESOURCE_INFO, resource === "any" ? new Uint8Array(0) : u32(resource))];
}

function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** Whether the sender of the message takes part. */
export function saysResource(payloads: readonly Payload[]): boolean {
  return findNotify(payloads, SA_RESOURCE_INFO) !== undefined;
}

/** The resource of the next CHILD_SA of an entry that this end asks for; undefined: none is asked for. */
export function nextResource(sa: IkeSa, configIndex: number): ChildResource | undefined {
  if (!sa.config.children[configIndex]!.resources) return undefined;
  const ofEntry = sa.children.filter((c) => c.configIndex === configIndex);
  const used = new Set([...resourcesOf(ofEntry), ...askedFor(sa, configIndex)]);
  return used.has("any") ? lowestFree(used) : "any";
}

/** The numbers from 1 up to the number of resources of which an entry has no CHILD_SA. */
export function missingResources(sa: IkeSa, configIndex: number): number[] {
  const { resources = 0 } = sa.config.children[configIndex]!;
  const used = new Set(resourcesOf(sa.children.filter((c) => c.configIndex === configIndex)));
  return Array.from({ length: resources }, (_, i) => i + 1).filter((n) => !used.has(n));
}

/** What a responder's choice depends on: its entry, and the selectors that it has narrowed. */
export interface ResourceWish {
  readonly configIndex: number;
  readonly ownTs: readonly TrafficSelector[];
  readonly peerTs: readonly TrafficSelector[];
  /** The CHILD_SA that is rekeyed, whose resource the new one has. */
  readonly replaces: ChildSa | undefined;
}

/**
 * The resource of a responder's CHILD_SA; undefined: it is none of several.
 * @throws {PeerError} TS_MAX_QUEUE if there are as many with these selectors as are configured.
 */
export function chooseResource(
  sa: IkeSa,
  request: readonly Payload[],
  wish: ResourceWish,
): ChildResource | undefined {
  const { replaces, configIndex } = wish;
  if (replaces) return inherited(replaces);
  const { resources = 0 } = sa.config.children[configIndex]!;
  if (resources === 0 || !saysResource(request)) return undefined;
  const used = new Set(resourcesOf(sa.children.filter((child) => hasSelectors(child, wish))));
  if (!used.has("any")) return "any";
  const next = lowestFree(used);
  if (next <= resources || sa.env.broken.has("ignore_resource_limit")) return next;
  const text =
    `Peer asks for another CHILD_SA with the same selectors: resourcesas is ${resources}`;
  throw new PeerError(TS_MAX_QUEUE, text);
}

/** The resource that a rekey passes on. */
export function inherited(old: ChildSa): ChildResource | undefined {
  return old.parent.env.broken.has("forget_resource_in_rekey") ? undefined : old.resource;
}

function hasSelectors(child: ChildSa, { configIndex, ownTs, peerTs }: ResourceWish): boolean {
  return child.configIndex === configIndex && same(child.ownTs, ownTs) &&
    same(child.peerTs, peerTs);
}

function same(a: readonly TrafficSelector[], b: readonly TrafficSelector[]): boolean {
  return allCovered(a, b) && allCovered(b, a);
}

/** The resources of those that carry packets, or are about to. */
function resourcesOf(children: readonly ChildSa[]): ChildResource[] {
  const counts = (child: ChildSa) => child.state === "creating" || isLiveChild(child);
  return children.flatMap((child) =>
    child.resource !== undefined && counts(child) ? [child.resource] : []
  );
}

/** The resources that requests of ours will name, or have named and are not answered. */
function askedFor({ active, queue, postponed }: IkeSa, configIndex: number): ChildResource[] {
  const tasks = [...queue, ...postponed.map(({ task }) => task), ...(active ? [active] : [])];
  return tasks.flatMap((task) =>
    task.kind === "create_child" && task.configIndex === configIndex && task.resource !== undefined
      ? [task.resource]
      : []
  );
}

function lowestFree(used: ReadonlySet<ChildResource>): number {
  let number = 1;
  while (used.has(number)) number++;
  return number;
}
