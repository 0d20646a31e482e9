/**
 * XFRM messages about policies, which say by which SA packets leave and arrive (`linux/xfrm.h`).
 * @module
 */
import type { IpAddress } from "@/base/address.ts";
import type { Selector } from "@/datapath/data_path.ts";
import { attributesIn, NetlinkMessageWriter } from "@/datapath/netlink_message.ts";
import {
  ACKNOWLEDGED_REQUEST,
  familyOf,
  ipProtocolOf,
  modeOf,
  POLICY_OCTETS,
  SELECTOR_OCTETS,
  writeLifetime,
  writeSelector,
  XfrmAttribute,
  XfrmMessage,
} from "@/datapath/xfrm.ts";
import type { NetlinkMessage } from "@/native/netlink.ts";

/** Directions of a policy. */
export const PolicyDirection = { IN: 0, OUT: 1, FORWARD: 2 } as const;

/** A policy: which packets depart or arrive, and by which SA. */
export interface XfrmPolicy {
  readonly direction: number;
  /** Selectors as seen from a packet of this direction. */
  readonly from: Selector;
  readonly to: Selector;
  readonly priority: number;
  /** Id of the XFRM interface; 0: none. */
  readonly ifId: number;
  /** The SA that packets must use; undefined: they pass unencrypted. */
  readonly template: {
    /** 3 for ESP, 2 for AH. */
    readonly protocol: number;
    readonly source: IpAddress;
    readonly destination: IpAddress;
    readonly reqid: number;
    readonly tunnelMode: boolean;
    /** Whether packets are aggregated and fragmented (RFC 9347). */
    readonly aggfrag: boolean;
  } | undefined;
}

/** Adds a policy, or changes the one with the same selectors. */
export function putPolicy(policy: XfrmPolicy): Uint8Array {
  return policyMessage(XfrmMessage.UPDATE_POLICY, policy);
}

/** Adds a policy; the kernel answers EEXIST if there is one with the same selectors. */
export function addPolicy(policy: XfrmPolicy): Uint8Array {
  return policyMessage(XfrmMessage.NEW_POLICY, policy);
}

function policyMessage(type: number, policy: XfrmPolicy): Uint8Array {
  const { direction, priority, template, ifId } = policy;
  const message = new NetlinkMessageWriter(type, ACKNOWLEDGED_REQUEST);
  writeSelector(message, policy.from, policy.to);
  writeLifetime(message);
  message.zeros(32).u32(priority).u32(0).u8(direction, 0, 0, 0).zeros(4);
  if (template) {
    message.attribute(XfrmAttribute.TEMPLATE, (m) => {
      const { source, destination, protocol, tunnelMode } = template;
      // With a transport mode SA the addresses are those of the packet itself.
      m.padded(tunnelMode ? destination : new Uint8Array(0), 16).u32(0);
      m.u8(ipProtocolOf(protocol)).zeros(3);
      m.u16(familyOf(tunnelMode ? source : policy.from.first)).zeros(2);
      m.padded(tunnelMode ? source : new Uint8Array(0), 16).u32(template.reqid);
      m.u8(modeOf(template), 0, 0, 0);
      m.u32(0xffff_ffff).u32(0xffff_ffff).u32(0xffff_ffff);
    });
  }
  if (ifId !== 0) message.attribute(XfrmAttribute.IF_ID, (m) => m.u32(ifId));
  return message.octets;
}

/** Removes a policy. */
export function deletePolicy(
  policy: Pick<XfrmPolicy, "direction" | "from" | "to" | "ifId">,
): Uint8Array {
  const message = new NetlinkMessageWriter(XfrmMessage.DELETE_POLICY, ACKNOWLEDGED_REQUEST);
  writeSelector(message, policy.from, policy.to);
  message.u32(0).u8(policy.direction).zeros(3);
  if (policy.ifId !== 0) message.attribute(XfrmAttribute.IF_ID, (m) => m.u32(policy.ifId));
  return message.octets;
}

/** A policy as the kernel reports it, as far as it is needed to delete the policy. */
export interface ReportedPolicy {
  /** The selector as the kernel sent it. */
  readonly selector: Uint8Array;
  readonly direction: number;
  readonly reqid: number;
  readonly ifId: number;
}

/** Reads a dump of policies. */
export function readPolicies(messages: readonly NetlinkMessage[]): ReportedPolicy[] {
  return messages.filter(({ type }) => type === XfrmMessage.NEW_POLICY)
    .map((m) => readPolicy(m.body));
}

/** Reads a NEW_POLICY message. */
export function readPolicy(body: Uint8Array): ReportedPolicy {
  const attributes = attributesIn(body, POLICY_OCTETS);
  const word = (octets: Uint8Array | undefined, at: number) =>
    octets && octets.length >= at + 4
      ? new DataView(octets.buffer, octets.byteOffset).getUint32(at, true)
      : 0;
  return {
    selector: body.slice(0, SELECTOR_OCTETS),
    direction: body[160]!,
    reqid: word(attributes.get(XfrmAttribute.TEMPLATE), 44),
    ifId: word(attributes.get(XfrmAttribute.IF_ID), 0),
  };
}

/** Removes a policy that was read from the kernel. */
export function deleteReportedPolicy(policy: ReportedPolicy): Uint8Array {
  const message = new NetlinkMessageWriter(XfrmMessage.DELETE_POLICY, ACKNOWLEDGED_REQUEST);
  message.bytes(policy.selector).u32(0).u8(policy.direction).zeros(3);
  if (policy.ifId !== 0) message.attribute(XfrmAttribute.IF_ID, (m) => m.u32(policy.ifId));
  return message.octets;
}

/**
 * Reads an ACQUIRE message: the reqid of its first template, which identifies the rekey chain of the packet.
 */
export function readAcquire(body: Uint8Array): number | undefined {
  const template = attributesIn(body, 24 + 16 + SELECTOR_OCTETS + POLICY_OCTETS + 16)
    .get(XfrmAttribute.TEMPLATE);
  if (!template || template.length < 48) return undefined;
  return new DataView(template.buffer, template.byteOffset).getUint32(44, true);
}
