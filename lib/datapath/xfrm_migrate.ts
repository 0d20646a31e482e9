/**
 * XFRM_MSG_MIGRATE_STATE, by which Linux 7.2 moves a state to other addresses and another encapsulation in one
 * step: its counters, sequence numbers and replay window go with it, so that no number is used twice.
 * Earlier kernels do not know it.
 *
 * ```text
 * xfrm_usersa_id: destination (16), SPI (4), family (2), protocol (1), zero (1)
 * new destination (16) | new source (16) | mark (8) | selector (56)
 * reqid (4) | flags (4) | new family (2) | zero (2)
 * ```
 * @module
 */
import { NetlinkMessageWriter } from "@/datapath/netlink_message.ts";
import {
  ACKNOWLEDGED_REQUEST,
  familyOf,
  ipProtocolOf,
  SELECTOR_OCTETS,
  writeSelector,
  XfrmAttribute,
  XfrmMessage,
} from "@/datapath/xfrm.ts";
import { writeEncapsulation, type XfrmState } from "@/datapath/xfrm_state.ts";
import type { NetlinkRefusal } from "@/native/netlink.ts";

const MARK_OCTETS = 8;
/** Octets of struct xfrm_encap_tmpl. */
const ENCAP_OCTETS = 24;

/** The refusals of a kernel that does not have the message, or was built without it. */
const UNKNOWN: ReadonlySet<string> = new Set(["EINVAL", "ENOPROTOOPT", "EOPNOTSUPP"]);

/** A state before and after a move. */
export interface StateMove {
  readonly old: XfrmState;
  readonly now: XfrmState;
}

/** Moves a state; its keys, mode and protocol stay. */
export function migrateState({ old, now }: StateMove): Uint8Array {
  const message = new NetlinkMessageWriter(XfrmMessage.MIGRATE_STATE, ACKNOWLEDGED_REQUEST);
  message.padded(old.destination, 16).be32(old.spi).u16(familyOf(old.destination));
  message.u8(ipProtocolOf(old.suite.protocol)).zeros(1);
  message.padded(now.destination, 16).padded(now.source, 16).zeros(MARK_OCTETS);
  if (now.selectors) writeSelector(message, now.selectors.from, now.selectors.to);
  else message.zeros(SELECTOR_OCTETS);
  message.u32(now.reqid).u32(0).u16(familyOf(now.destination)).zeros(2);
  // An attribute that is absent leaves the encapsulation as it is.
  if (now.encapsulation !== "none") writeEncapsulation(message, now);
  else if (old.encapsulation !== "none") {
    message.attribute(XfrmAttribute.ENCAP, (m) => m.zeros(ENCAP_OCTETS));
  }
  return message.octets;
}

/** Whether the message can say what a move changes; it knows no encapsulation in TCP. */
export function canMigrate({ old, now }: StateMove): boolean {
  return old.encapsulation !== "tcp" && now.encapsulation !== "tcp";
}

/** Whether a refusal means that the kernel moves no states at all. */
export function knowsNoMigration({ errno }: NetlinkRefusal): boolean {
  return UNKNOWN.has(errno);
}
