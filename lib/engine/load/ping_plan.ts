/**
 * The plan of the ping test: `pingconf` as plain values, and the addresses of each task.
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
import type { EchoShape } from "@/ping/echo.ts";
import type { Setup } from "@/setup/setup.ts";

/** The plan of a ping test. */
export interface PingPlan {
  readonly shape: EchoShape;
  /** The most tasks: `numberoftunnels`. */
  readonly tasks: number;
  /**
   * Whether the pings of a tunnel start when it is established; otherwise all start after the last tunnel.
   */
  readonly withTunnel: boolean;
  /** Whether addresses are taken from the negotiated selectors. */
  readonly auto: boolean;
  /** The peer's address of task 0; the steps are from task to task. */
  readonly peer: IpAddress;
  readonly peerStep: number;
  /** The own address of task 0; unspecified: it is not configured. */
  readonly own: IpAddress;
  readonly ownStep: number;
  /** Whether own addresses are added to `virtualipif`. */
  readonly assignsOwn: boolean;
  readonly intervalMs: number;
  readonly setupIntervalMs: number;
  readonly holdMs: number;
  /** The permitted loss in percent. */
  readonly lossMax: number;
}

/**
 * Reads the plan from a setup; undefined: nothing is pinged.
 * @throws {SetupError} if the last task would have no address.
 */
export function pingPlanOf(
  { pingconf: conf, numberoftunnels, ikeconf }: Setup,
): PingPlan | undefined {
  const { destaddr, srcaddr } = conf;
  if (!destaddr) return undefined;
  const plan: PingPlan = {
    shape: {
      protocol: conf.ptype,
      port: conf.udpport,
      payloadOctets: conf.pktlen,
      tag: crypto.getRandomValues(new Uint16Array(1))[0]!,
    },
    tasks: numberoftunnels,
    withTunnel: conf.startwith === "tunnel",
    auto: conf.autoaddr,
    peer: destaddr,
    peerStep: conf.deststep,
    own: srcaddr ?? new Uint8Array(destaddr.length),
    ownStep: srcaddr ? conf.srcstep : 0,
    // With remote access the peer assigns the addresses, and the data path adds them.
    assignsOwn: conf.assignsrc && !ikeconf.ratunnel,
    intervalMs: conf.interval,
    setupIntervalMs: conf.setupinterval,
    holdMs: conf.holdtime,
    lossMax: conf.maxlossrate,
  };
  endsOfTask(plan, numberoftunnels - 1);
  return plan;
}

/** The addresses of a ping task. */
export interface TaskEnds {
  /** The own address; unspecified: the system or the tunnel's selectors determine it. */
  readonly own: IpAddress;
  readonly peer: IpAddress;
}

/** The addresses of a task by the setup. @throws {SetupError} if they are outside of the address space. */
export function endsOfTask(plan: PingPlan, task: number): TaskEnds {
  const peer = stepped("destaddr", plan.peer, task * plan.peerStep);
  return { own: stepped("srcaddr", plan.own, task * plan.ownStep), peer };
}

/**
 * The addresses of a task by its tunnel: those that `autoaddr` takes from the selectors, and a source that
 * the setup leaves open. A selector for any address gives none.
 */
export function endsOfTunnel(plan: PingPlan, task: number, sa: IkeSa): TaskEnds {
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
export function taskWithin(plan: PingPlan, { children }: IkeSa, from: number): number | undefined {
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
    `Cannot give every ping task an address: pingconf.${option} ${
      showAddress(first)
    } and ${step} ` +
      "is past the end",
  );
}
