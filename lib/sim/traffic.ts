/**
 * The data path of a simulated host, as far as invariants are about it: by which CHILD_SAs it
 * receives, and by which CHILD_SA of each chain of rekeys it sends.
 * @module
 */
import type { Path } from "@/base/address.ts";
import { espPath } from "@/ike/path/nat.ts";
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";

/**
 * CHILD_SAs that have replaced each other by rekeys and so have the same selectors; `sender` is the
 * one by which packets are sent.
 */
interface RekeyChain {
  sender: ChildSa | undefined;
}

/**
 * The data path of one host. Each method that changes it returns the rule that the change breaks,
 * if any.
 */
export class Traffic {
  /** The CHILD_SAs by which packets are received. */
  readonly installed = new Set<ChildSa>();
  /** The path by which packets of each CHILD_SA are sent. */
  readonly paths = new Map<ChildSa, Path>();
  readonly #chains = new Map<ChildSa, RekeyChain>();

  install(child: ChildSa, old: ChildSa | undefined): string | undefined {
    if (this.installed.has(child)) return "a CHILD_SA is installed once";
    this.installed.add(child);
    this.paths.set(child, espPath(child.parent));
    const chain = (old && this.#chains.get(old)) ?? { sender: undefined };
    this.#chains.set(child, chain);
    if (child.behind && !chain.sender) return "the CHILD_SA that still sends is in the data path";
    if (!child.behind) chain.sender = child;
    return undefined;
  }

  sendBy(child: ChildSa): string | undefined {
    const chain = this.#chains.get(child);
    if (!chain) return "packets are sent by a CHILD_SA that is in the data path";
    chain.sender = child;
    return undefined;
  }

  uninstall(child: ChildSa): string | undefined {
    if (!this.installed.delete(child)) return "a CHILD_SA that is uninstalled was installed";
    const chain = this.#chains.get(child)!;
    this.#chains.delete(child);
    this.paths.delete(child);
    if (chain.sender === child) chain.sender = undefined;
    return undefined;
  }

  /** Takes everything out at once, as a host that restarts does. */
  clear(): void {
    this.installed.clear();
    this.paths.clear();
    this.#chains.clear();
  }

  /** Moves the CHILD_SAs of an IKE SA to its present path. */
  moved(sa: IkeSa): void {
    for (const child of sa.children) if (this.paths.has(child)) this.paths.set(child, espPath(sa));
  }

  /** The CHILD_SAs by which packets are sent now, at most one of each chain. */
  senders(): Set<ChildSa> {
    const senders = new Set<ChildSa>();
    for (const { sender } of this.#chains.values()) if (sender) senders.add(sender);
    return senders;
  }
}

/** Whether the other host accepts packets that are sent by `sender`. */
function takes(to: Traffic, sender: ChildSa): boolean {
  for (const child of to.installed) {
    if (child.spiIn === sender.spiOut && child.spiOut === sender.spiIn) return true;
  }
  return false;
}

/**
 * Whether the host `to` accepts every packet that the host `from` sends now, in each chain that is
 * not being closed. No rekey may interrupt this (RFC 7296 §2.8).
 */
export function isTaken(from: Traffic, to: Traffic): boolean {
  for (const sender of from.senders()) {
    if (sender.state !== "established" && sender.state !== "rekeying") continue;
    if (!takes(to, sender)) return false;
  }
  return true;
}

/** Whether the packets of at least one rekey chain are accepted by the other host. */
export function isSomeTaken(from: Traffic, to: Traffic): boolean {
  return [...from.senders()].some((sender) => takes(to, sender));
}
