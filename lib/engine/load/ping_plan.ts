/**
 * The plan of the ping test: `pingconf` as plain values, and the addresses of each task.
 * @module
 */
import { endsOfTask, type EndsPlan } from "@/engine/load/task_ends.ts";
import type { EchoShape } from "@/ping/echo.ts";
import type { Setup } from "@/setup/setup.ts";

/** The plan of a ping test. */
export interface PingPlan extends EndsPlan {
  readonly shape: EchoShape;
  /**
   * Whether the pings of a tunnel start when it is established; otherwise all start after the last tunnel.
   */
  readonly withTunnel: boolean;
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
    section: "pingconf",
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
