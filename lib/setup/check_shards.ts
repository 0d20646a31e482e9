/**
 * Checks whether several workers can share a test (`shards`).
 * @module
 */
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
  const { shards, numberoftunnels, role } = setup;
  if (shards === "auto" || shards === 1) return;
  const obstacle = obstacleOf(setup);
  if (obstacle) {
    return rule(`shards: ${shards} is not possible with ${obstacle.why}`, "shards", obstacle.path);
  }
  if (role === "client" && shards > numberoftunnels) {
    const what = `shards ${shards} is more than numberoftunnels ${numberoftunnels}`;
    rule(what, "shards", "numberoftunnels");
  }
}

/** The number of workers of a setup on a host with so many cores. */
export function shardsOf(setup: Setup, cores: number): number {
  const { shards, numberoftunnels } = setup;
  if (shards !== "auto") return shards;
  return numberoftunnels < AUTO_TUNNELS_MIN || obstacleOf(setup) ? 1 : cores;
}

function obstacleOf({ role, transport, ikeconf }: Setup): Obstacle | undefined {
  const { tcpencap, installfastpath, xfrmif, resume, ticketfile } = ikeconf;
  if (transport === "portable") {
    return { path: "transport", why: "transport: portable, as the kernel has to steer datagrams" };
  }
  if (tcpencap) {
    return { path: "ikeconf.tcpencap", why: "tcpencap: true: connections are those of one worker" };
  }
  if (installfastpath && xfrmif) {
    return { path: "ikeconf.xfrmif", why: "xfrmif: one worker can make the interface" };
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
