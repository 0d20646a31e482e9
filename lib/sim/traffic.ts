/**
 * The data path of a simulated host, as far as rules are about it: which CHILD_SAs it takes packets
 * by, and for each line of rekeyed ones the one that its packets leave by.
 * @module
 */
import type { Path } from "@/base/address.ts";
import { espPath } from "@/ike/path/nat.ts";
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";

/** CHILD_SAs that replaced each other; they share selectors. */
interface Line {
  sender: ChildSa | undefined;
}

/** See the file. Each wish returns the rule it breaks, if any. */
export class Traffic {
  /** What packets are taken by. */
  readonly installed = new Set<ChildSa>();
  /** By what path packets of each go. */
  readonly paths = new Map<ChildSa, Path>();
  readonly #lines = new Map<ChildSa, Line>();

  install(child: ChildSa, old: ChildSa | undefined): string | undefined {
    if (this.installed.has(child)) return "a CHILD_SA is installed once";
    this.installed.add(child);
    this.paths.set(child, espPath(child.parent));
    const line = (old && this.#lines.get(old)) ?? { sender: undefined };
    this.#lines.set(child, line);
    if (child.behind && !line.sender) return "what packets still leave by is in the data path";
    if (!child.behind) line.sender = child;
    return undefined;
  }

  sendBy(child: ChildSa): string | undefined {
    const line = this.#lines.get(child);
    if (!line) return "packets leave by a CHILD_SA that is in the data path";
    line.sender = child;
    return undefined;
  }

  uninstall(child: ChildSa): string | undefined {
    if (!this.installed.delete(child)) return "what is uninstalled was installed";
    const line = this.#lines.get(child)!;
    this.#lines.delete(child);
    this.paths.delete(child);
    if (line.sender === child) line.sender = undefined;
    return undefined;
  }

  /** The packets of an IKE SA's CHILD_SAs go by its path now. */
  moved(sa: IkeSa): void {
    for (const child of sa.children) if (this.paths.has(child)) this.paths.set(child, espPath(sa));
  }

  /** What packets leave by now, one of each line. */
  senders(): Set<ChildSa> {
    const senders = new Set<ChildSa>();
    for (const { sender } of this.#lines.values()) if (sender) senders.add(sender);
    return senders;
  }
}

/**
 * Whether every packet that leaves either host now is taken by the other, in each line that is not
 * being closed: what no rekey may interrupt (RFC 7296 §2.8).
 */
export function isTaken(from: Traffic, to: Traffic): boolean {
  for (const sender of from.senders()) {
    if (sender.state !== "established" && sender.state !== "rekeying") continue;
    let taken = false;
    for (const child of to.installed) {
      taken ||= child.spiIn === sender.spiOut && child.spiOut === sender.spiIn;
    }
    if (!taken) return false;
  }
  return true;
}
