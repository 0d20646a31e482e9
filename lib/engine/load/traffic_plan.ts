/**
 * The plan of the test traffic: `trafficconf` as plain values.
 * @module
 */
import { endsOfTask, type EndsPlan } from "@/engine/load/task_ends.ts";
import { hasTraffic } from "@/setup/check_traffic.ts";
import type { Setup } from "@/setup/setup.ts";
import type { TrafficRate } from "@/traffic/pacer.ts";
import { sizesOf } from "@/traffic/sizes.ts";

/** The plan of test traffic. */
export interface TrafficPlan extends EndsPlan {
  /** The rate; undefined: this end sends none by itself. */
  readonly rate: TrafficRate | undefined;
  /** Whether the rate is that of each tunnel. */
  readonly isEach: boolean;
  /** Octets of the IP packets, in turn. */
  readonly sizes: readonly number[];
  /** Whether the other end returns the packets. */
  readonly returns: boolean;
  readonly port: number;
  /** Whether own addresses are added to `virtualipif`. */
  readonly assignsOwn: boolean;
  /** How long it is sent; 0: until the test ends. */
  readonly durationMs: number;
  /** Whether it begins with each tunnel; otherwise after the last one. */
  readonly withTunnel: boolean;
  /** The permitted loss in percent. */
  readonly lossMax: number;
}

/**
 * Reads the plan from a setup; undefined: there is no traffic. `parts`: among how many slices or workers a rate
 * of all tunnels together is divided. @throws {SetupError} as for pings.
 */
export function trafficPlanOf(
  { trafficconf: conf, numberoftunnels, ikeconf }: Setup,
  parts = 1,
): TrafficPlan | undefined {
  if (!hasTraffic({ trafficconf: conf })) return undefined;
  const { destaddr, srcaddr } = conf;
  const isEach = conf.ratefor === "tunnel";
  const octets = (destaddr ?? srcaddr)?.length ?? 4;
  const plan: TrafficPlan = {
    section: "trafficconf",
    tasks: numberoftunnels,
    auto: !destaddr,
    peer: destaddr ?? new Uint8Array(octets),
    peerStep: destaddr ? conf.deststep : 0,
    own: srcaddr ?? new Uint8Array(octets),
    ownStep: srcaddr ? conf.srcstep : 0,
    rate: conf.rate && !isEach
      ? { ...conf.rate, perSecond: conf.rate.perSecond / parts }
      : conf.rate,
    isEach,
    sizes: sizesOf(conf.size),
    returns: conf.direction === "both",
    port: conf.port,
    // With remote access the peer assigns the addresses, and the data path adds them.
    assignsOwn: conf.assignsrc && !ikeconf.ratunnel,
    durationMs: conf.duration,
    withTunnel: conf.startwith === "tunnel",
    lossMax: conf.maxlossrate,
  };
  endsOfTask(plan, numberoftunnels - 1);
  return plan;
}
