/**
 * The inner addresses between which the pings or the traffic of a tunnel go, and the task of each tunnel.
 * @module
 */
import type { ChildSa, IkeSa } from "@/ike/records/sa.ts";
import {
  addressPlus,
  addressToBigInt,
  type IpAddress,
  isUnspecified,
  showAddress,
} from "@/base/address.ts";
import { SetupError } from "@/base/errors.ts";

/** What a setup says of the addresses. */
export interface EndsPlan {
  /** The section of the setup, for messages. */
  readonly section: "pingconf" | "trafficconf";
  /** The most tasks: `numberoftunnels`. */
  readonly tasks: number;
  /** Whether addresses are taken from the negotiated selectors. */
  readonly auto: boolean;
  /** The peer's address of task 0; the steps are from task to task. Unspecified: it is not configured. */
  readonly peer: IpAddress;
  readonly peerStep: number;
  /** The own address of task 0; unspecified: it is not configured. */
  readonly own: IpAddress;
  readonly ownStep: number;
}

/** The addresses of a task. */
export interface TaskEnds {
  /** The own address; unspecified: the system or the tunnel's selectors determine it. */
  readonly own: IpAddress;
  readonly peer: IpAddress;
}

/** The addresses of a task by the setup. @throws {SetupError} if they are outside of the address space. */
export function endsOfTask(plan: EndsPlan, task: number): TaskEnds {
  const peer = stepped(`${plan.section}.destaddr`, plan.peer, task * plan.peerStep);
  return { own: stepped(`${plan.section}.srcaddr`, plan.own, task * plan.ownStep), peer };
}

/**
 * The addresses of a task by its tunnel: those that `autoaddr` takes from the selectors, and a source that
 * the setup leaves open. A selector for any address gives none.
 */
export function endsOfTunnel(plan: EndsPlan, task: number, sa: IkeSa): TaskEnds {
  const given = endsOfTask(plan, task);
  const [child] = sa.children;
  const { own, peer } = (plan.auto && child && firstAddresses(child)) || given;
  const usablePeer = isUnspecified(peer) ? given.peer : peer;
  if (!isUnspecified(own) && own.length === usablePeer.length) return { own, peer: usablePeer };
  const said = isUnspecified(given.own) ? [] : [given.own];
  const inner = sa.config.remoteAccess ? sa.inner?.addresses ?? [] : [];
  const selectors = child?.ownTs.map(({ startAddress }) => startAddress) ?? [];
  const chosen = [...said, ...inner, ...selectors]
    .find((a) => a.length === usablePeer.length && !isUnspecified(a));
  return { own: chosen ?? new Uint8Array(usablePeer.length), peer: usablePeer };
}

/**
 * The task, from `from` on, whose configured destination is in a tunnel's remote selectors; undefined: there
 * is none.
 */
export function taskWithin(plan: EndsPlan, { children }: IkeSa, from: number): number | undefined {
  for (const { startAddress, endAddress } of children.flatMap((child) => child.peerTs)) {
    if (startAddress.length !== plan.peer.length) continue;
    const first = addressToBigInt(startAddress);
    const last = addressToBigInt(endAddress);
    const zero = addressToBigInt(plan.peer);
    const step = BigInt(plan.peerStep);
    const isIn = (task: bigint) => {
      const address = zero + task * step;
      return task >= BigInt(from) && task < BigInt(plan.tasks) && first <= address &&
        address <= last;
    };
    if (step === 0n) {
      if (isIn(BigInt(from))) return from;
      continue;
    }
    // The end of the range that is nearest in the direction of the step, or the first task that counts.
    const offset = step > 0n ? first - zero : zero - last;
    const size = step > 0n ? step : -step;
    const nearest = offset <= 0n ? 0n : (offset + size - 1n) / size;
    const task = nearest < BigInt(from) ? BigInt(from) : nearest;
    if (isIn(task)) return Number(task);
  }
  return undefined;
}

function firstAddresses({ ownTs: [own], peerTs: [peer] }: ChildSa): TaskEnds | undefined {
  return own && peer && { own: own.startAddress, peer: peer.startAddress };
}

function stepped(option: string, first: IpAddress, step: number): IpAddress {
  const address = addressPlus(first, step);
  if (address) return address;
  throw new SetupError(
    `Cannot give every tunnel an address: ${option} ${
      showAddress(first)
    } and ${step} is past the end`,
  );
}

/** Knows which task each tunnel has. */
export class TunnelTasks {
  readonly #isClient: boolean;
  readonly #plan: EndsPlan;
  /** Tasks of a gateway by the first addresses of their tunnels' selectors. */
  readonly #known = new Map<string, number>();
  #next = 0;

  constructor(role: "client" | "gateway", plan: EndsPlan) {
    this.#isClient = role === "client";
    this.#plan = plan;
  }

  /** The task of a tunnel; undefined: it has none. */
  taskOf(sa: IkeSa): number | undefined {
    if (this.#isClient) return sa.index;
    const { auto, peerStep } = this.#plan;
    if (auto) return this.#bySelectors(sa);
    const task = taskWithin(this.#plan, sa, peerStep === 0 ? this.#next : 0);
    if (task !== undefined && peerStep === 0) this.#next++;
    return task;
  }

  /** The task of a gateway's tunnel by its selectors, so that a client that comes again gets no new task. */
  #bySelectors({ children: [child] }: IkeSa): number | undefined {
    const key = `${child?.ownTs[0]?.startAddress} ${child?.peerTs[0]?.startAddress}`;
    const known = this.#known.get(key);
    if (known !== undefined || this.#next >= this.#plan.tasks) return known;
    this.#known.set(key, this.#next);
    return this.#next++;
  }
}
