/**
 * Checks whether several workers can share a test (`shards`).
 * @module
 */
import { SHARDS_MAX } from "@/base/shard.ts";
import type { Rule } from "@/setup/rule.ts";
import type { Setup } from "@/setup/setup.ts";

/** The least number of tunnels for which `shards: auto` takes several workers. */
const AUTO_TUNNELS_MIN = 10_000;

/** An option by which a test is one of a single worker, and why. */
interface Obstacle {
  readonly path: string;
  readonly why: string;
}

/** Reports an option that several workers cannot have. */
export function checkShards(setup: Setup, rule: Rule): void {
  const { shards, numberoftunnels, maxhalfopen, role } = setup;
  if (shards === "auto" || shards === 1) return;
  const obstacle = obstacleOf(setup);
  if (obstacle) {
    return rule(`shards: ${shards} is not possible with ${obstacle.why}`, "shards", obstacle.path);
  }
  if (role === "client" && maxhalfopen > 0 && shards > maxhalfopen) {
    const what = `shards ${shards} is more than maxhalfopen ${maxhalfopen}, which they divide`;
    rule(what, "shards", "maxhalfopen");
  }
  if (role === "client" && shards > numberoftunnels) {
    const what = `shards ${shards} is more than numberoftunnels ${numberoftunnels}`;
    rule(what, "shards", "numberoftunnels");
  }
}

/** The number of workers of a setup on a host with so many cores. */
export function shardsOf(setup: Setup, cores: number): number {
  const { shards, numberoftunnels, maxhalfopen } = setup;
  if (shards !== "auto") return shards;
  if (numberoftunnels < AUTO_TUNNELS_MIN || obstacleOf(setup)) return 1;
  return Math.min(cores, SHARDS_MAX, maxhalfopen || cores);
}

function obstacleOf({ role, transport, ikeconf, impairment }: Setup): Obstacle | undefined {
  const { tcpencap, installfastpath, datapath, xfrmif, resume, ticketfile } = ikeconf;
  if (transport === "portable") {
    return { path: "transport", why: "transport: portable, as the kernel has to steer datagrams" };
  }
  if (tcpencap) {
    return { path: "ikeconf.tcpencap", why: "tcpencap: true: connections are those of one worker" };
  }
  if (installfastpath && xfrmif) {
    return { path: "ikeconf.xfrmif", why: "xfrmif: one worker can make the interface" };
  }
  if (role === "gateway" && installfastpath && (datapath === "kernel" || datapath === "auto")) {
    const why =
      "installfastpath: true at a gateway, but for datapath: userland: a client that comes again " +
      "may have policies of two workers";
    return { path: "ikeconf.installfastpath", why };
  }
  const counted = impairment.rules.findIndex(({ skip, count }) => skip > 0 || count > 0);
  if (counted >= 0) {
    const why = "skip and count of an impairment: messages are counted by one worker";
    return { path: `impairment.rules[${counted}]`, why };
  }
  if (role === "client" && resume !== "never" && ticketfile !== "") {
    return { path: "ikeconf.ticketfile", why: "ticketfile: one worker alone can write it" };
  }
  if (role === "gateway" && resume !== "never") {
    const why = "resume: allow at a gateway: a ticket could be used once at each worker";
    return { path: "ikeconf.resume", why };
  }
  return undefined;
}
