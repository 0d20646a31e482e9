/**
 * Between the core's CHILD_SAs and the data path: what the core wishes is handed on in the data path's
 * own terms, and what the data path tells comes back as events.
 * @module
 */
import type { Hearing, RunPart } from "@/engine/run/part.ts";
import { type IpAddress, type IpPrefix, type Path, samePath } from "@/base/address.ts";
import { must } from "@/base/errors.ts";
import type {
  DataPath,
  DataPathListener,
  Encapsulation,
  SaPair,
  Selector,
} from "@/datapath/data_path.ts";
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";
import { childKeys } from "@/ike/records/child_sa.ts";
import { encapsulationOf } from "@/ike/path/nat.ts";
import type { TrafficSelector } from "@/wire/payloads/traffic_selector.ts";

/** Opens a data path that tells the listener what it has to say. */
export type OpenDataPath = (listener: DataPathListener) => DataPath;

/** What the run does about what the data path tells. */
export interface ChildPathOwner {
  installFailed(child: ChildSa, why: string): void;
  /** Traffic wants what this CHILD_SA is for, and the data path has it no more. */
  wanted(child: ChildSa): void;
  /** Its octets or packets have come to their end; `hard`: it carries nothing more. */
  spent(child: ChildSa, hard: boolean): void;
  /** Its packets come by `path` now. */
  peerMoved(child: ChildSa, path: Path): void;
  note(level: 1 | 2 | 3 | 4, text: string): void;
}

/** The CHILD_SAs of one run in a data path. */
export class ChildPaths implements RunPart {
  readonly path: DataPath;
  readonly #owner: ChildPathOwner;
  /** By the SPI we receive on. */
  readonly #children = new Map<number, ChildSa>();
  readonly #rekeyChains = new WeakMap<ChildSa, number>();
  /** By rekey chain, the CHILD_SA that packets leave by. */
  readonly #senders = new Map<number, ChildSa>();
  readonly #inner = new WeakMap<IkeSa, readonly IpPrefix[]>();
  #lastRekeyChain = 0;

  constructor(open: OpenDataPath, owner: ChildPathOwner) {
    this.#owner = owner;
    this.path = open({
      acquired: (rekeyChain) => this.#acquired(rekeyChain),
      expired: (spiIn, hard) => this.#expired(spiIn, hard),
      peerMoved: (spiIn, address, port) => this.#peerMoved(spiIn, address, port),
      refused: (spiIn, why) => this.#refused(spiIn, why),
      note: (level, text) => owner.note(level, text),
    });
  }

  readonly hears: Hearing = {
    install: ({ child, old }, sa) => this.#install(child, old, sa),
    send_by: ({ child }) => this.#sendBy(child),
    uninstall: ({ child }) => this.#uninstall(child),
    moved: (_, sa) => this.#moved(sa),
    replaced: ({ by }, sa) => this.#replaced(sa, by),
    closed: (_, sa) => this.#closed(sa),
  };

  /** See the effect `install`; `sa` has the inner addresses of a remote-access client. */
  #install(child: ChildSa, old: ChildSa | undefined, sa: IkeSa): void {
    const rekeyChain = (old && this.#rekeyChains.get(old)) ?? ++this.#lastRekeyChain;
    this.#rekeyChains.set(child, rekeyChain);
    this.#children.set(child.spiIn, child);
    this.#addInner(sa);
    const pair = pairOf(child, rekeyChain);
    this.path.installIn(pair);
    if (child.behind) return;
    this.path.installOut(pair);
    this.#senders.set(rekeyChain, child);
  }

  /** See the effect `send_by`. */
  #sendBy(child: ChildSa): void {
    if (!this.#children.has(child.spiIn)) return;
    const rekeyChain = this.#rekeyChainOf(child);
    this.path.installOut(pairOf(child, rekeyChain));
    this.#senders.set(rekeyChain, child);
  }

  /** See the effect `uninstall`. */
  #uninstall(child: ChildSa): void {
    if (!this.#children.delete(child.spiIn)) return;
    this.path.uninstall(child.spiIn);
    this.#forget(child);
  }

  /** The ends of the path of an IKE SA have changed: ESP goes the new way too. */
  #moved({ children, path }: IkeSa): void {
    for (const child of children) {
      if (this.#children.has(child.spiIn)) this.path.move(child.spiIn, path, howSent(child));
    }
  }

  /** An IKE SA goes on under another: its inner addresses stay. */
  #replaced(old: IkeSa, by: IkeSa): void {
    const inner = this.#inner.get(old);
    if (!inner) return;
    this.#inner.delete(old);
    this.#inner.set(by, inner);
  }

  /** The IKE SA is gone, and with it the addresses its peer assigned. */
  #closed(sa: IkeSa): void {
    for (const prefix of this.#inner.get(sa) ?? []) this.path.removeInnerAddress(prefix);
    this.#inner.delete(sa);
  }

  #addInner(sa: IkeSa): void {
    if (!sa.config.remoteAccess || !sa.inner || this.#inner.has(sa)) return;
    const prefixes = sa.inner.addresses.map((address) => ({ address, bits: 8 * address.length }));
    for (const prefix of prefixes) this.path.addInnerAddress(prefix);
    this.#inner.set(sa, prefixes);
  }

  #rekeyChainOf(child: ChildSa): number {
    const rekeyChain = this.#rekeyChains.get(child);
    must(rekeyChain !== undefined, "a CHILD_SA in the data path belongs to a rekey chain");
    return rekeyChain;
  }

  #refused(spiIn: number, why: string): void {
    const child = this.#children.get(spiIn);
    if (!child) return;
    this.#children.delete(spiIn);
    this.#forget(child);
    this.#owner.installFailed(child, why);
  }

  #forget(child: ChildSa): void {
    const rekeyChain = this.#rekeyChainOf(child);
    if (this.#senders.get(rekeyChain) === child) this.#senders.delete(rekeyChain);
  }

  #acquired(rekeyChain: number): void {
    const child = this.#senders.get(rekeyChain);
    if (child) this.#owner.wanted(child);
  }

  #peerMoved(spiIn: number, peerAddress: IpAddress, peerPort: number): void {
    const child = this.#children.get(spiIn);
    if (!child) return;
    const path = { ...child.parent.path, peerAddress, peerPort };
    if (!samePath(path, child.parent.path)) this.#owner.peerMoved(child, path);
  }

  #expired(spiIn: number, hard: boolean): void {
    const child = this.#children.get(spiIn);
    if (child) this.#owner.spent(child, hard);
  }
}

/** A CHILD_SA as the data path wants it. */
export function pairOf(child: ChildSa, rekeyChain: number): SaPair {
  const { suite, initiatedHere, parent } = child, keys = childKeys(child);
  must(suite !== undefined, "a CHILD_SA with keys");
  const ofInitiator = { encryption: keys.ei, integrity: keys.ai };
  const ofResponder = { encryption: keys.er, integrity: keys.ar };
  return {
    spiIn: child.spiIn,
    spiOut: child.spiOut,
    rekeyChain,
    suite,
    keysIn: initiatedHere ? ofResponder : ofInitiator,
    keysOut: initiatedHere ? ofInitiator : ofResponder,
    tunnelMode: child.tunnelMode,
    encapsulation: howSent(child),
    path: parent.path,
    ownSelectors: child.ownTs.map(selectorOf),
    peerSelectors: child.peerTs.map(selectorOf),
    replayWindow: parent.config.children[child.configIndex]!.replayWindow,
    noTfcPadding: !child.peerTakesTfc,
  };
}

function howSent(child: ChildSa): Encapsulation {
  return encapsulationOf(child)?.kind ?? "none";
}

function selectorOf(ts: TrafficSelector): Selector {
  const { startAddress: first, endAddress: last, protocol, startPort, endPort } = ts;
  return { first, last, protocol, startPort, endPort };
}
