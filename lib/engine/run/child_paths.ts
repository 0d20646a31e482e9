/**
 * Connects the core's CHILD_SAs to the data path: translates effects of the core into calls, and reports of
 * the data path into events.
 * @module
 */
import type { EffectHandlers, RunPart } from "@/engine/run/part.ts";
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
import { encapsulationOf, espPath } from "@/ike/path/nat.ts";
import type { TrafficSelector } from "@/wire/payloads/traffic_selector.ts";

/** Opens a data path that reports to the listener. */
export type OpenDataPath = (listener: DataPathListener) => DataPath;

/** Reacts to reports of the data path. */
export interface ChildPathOwner {
  installFailed(child: ChildSa, why: string): void;
  /** Traffic needs this CHILD_SA, and the data path does not have it any more. */
  wanted(child: ChildSa): void;
  /** It has reached a limit of octets or packets; `hard`: it carries no packets any more. */
  spent(child: ChildSa, hard: boolean): void;
  /** Its packets now come by `path`. */
  peerMoved(child: ChildSa, path: Path): void;
  note(level: 1 | 2 | 3 | 4, text: string): void;
}

/** The CHILD_SAs of one run in a data path. */
export class ChildPaths implements RunPart {
  readonly path: DataPath;
  readonly #owner: ChildPathOwner;
  /** CHILD_SAs by inbound SPI. */
  readonly #children = new Map<number, ChildSa>();
  readonly #rekeyChains = new WeakMap<ChildSa, number>();
  /** For each rekey chain the CHILD_SA by which packets leave. */
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

  readonly handlers: EffectHandlers = {
    install: ({ child, old }, sa) => this.#install(child, old, sa),
    send_by: ({ child }) => this.#sendBy(child),
    uninstall: ({ child }) => this.#uninstall(child),
    moved: (_, sa) => this.#moved(sa),
    replaced: ({ by }, sa) => this.#replaced(sa, by),
    closed: (_, sa) => this.#closed(sa),
  };

  /** Handles the effect `install`; `sa` has the inner addresses of a remote-access client. */
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

  /** Handles the effect `send_by`. */
  #sendBy(child: ChildSa): void {
    if (!this.#children.has(child.spiIn)) return;
    const rekeyChain = this.#rekeyChainOf(child);
    this.path.installOut(pairOf(child, rekeyChain));
    this.#senders.set(rekeyChain, child);
  }

  /** Handles the effect `uninstall`. */
  #uninstall(child: ChildSa): void {
    if (!this.#children.delete(child.spiIn)) return;
    this.path.uninstall(child.spiIn);
    this.#forget(child);
  }

  /** Handles that the path of an IKE SA has changed, which is also that of its ESP packets. */
  #moved(sa: IkeSa): void {
    const path = espPath(sa);
    for (const child of sa.children) {
      if (this.#children.has(child.spiIn)) this.path.move(child.spiIn, path, howSent(child));
    }
  }

  /** Moves the inner addresses of an IKE SA to the one that replaces it. */
  #replaced(old: IkeSa, by: IkeSa): void {
    const inner = this.#inner.get(old);
    if (!inner) return;
    this.#inner.delete(old);
    this.#inner.set(by, inner);
  }

  /** Removes the addresses that the peer of a closed IKE SA had assigned. */
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
    const before = espPath(child.parent);
    const path = { ...before, peerAddress, peerPort };
    if (!samePath(path, before)) this.#owner.peerMoved(child, path);
  }

  #expired(spiIn: number, hard: boolean): void {
    const child = this.#children.get(spiIn);
    if (child) this.#owner.spent(child, hard);
  }
}

/** The description of a CHILD_SA for the data path. */
export function pairOf(child: ChildSa, rekeyChain: number): SaPair {
  const { suite, initiatedHere, parent, aggfrag } = child;
  const config = parent.config.children[child.configIndex]!;
  const keys = childKeys(child);
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
    path: espPath(parent),
    ownSelectors: child.ownTs.map(selectorOf),
    peerSelectors: child.peerTs.map(selectorOf),
    replayWindow: config.replayWindow,
    noTfcPadding: !child.peerTakesTfc,
    aggfrag: aggfrag && config.aggfrag && {
      fragments: aggfrag.peerTakesFragments,
      payloadOctets: config.aggfrag.payloadOctets,
      rate: config.aggfrag.rate,
    },
  };
}

function howSent(child: ChildSa): Encapsulation {
  return encapsulationOf(child)?.kind ?? "none";
}

function selectorOf(ts: TrafficSelector): Selector {
  const { startAddress: first, endAddress: last, protocol, startPort, endPort } = ts;
  return { first, last, protocol, startPort, endPort };
}
