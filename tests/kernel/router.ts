/**
 * A router between the two sites of a lab: their addresses stay, and a third namespace is on the path, whose
 * links can have a smaller MTU than the sites' own devices.
 * @module
 */
import { type Lab, mustRun, run } from "../interop/harness.ts";

/** A running router. */
export interface Router {
  /** Sets the MTU of the link to their site, in octets, at both of its ends. */
  narrow(mtu: number): Promise<void>;
  close(): Promise<void>;
}

/** Puts a router between the sites, for IPv4 and IPv6. */
export async function putRouter(lab: Lab): Promise<Router> {
  const name = `${lab.ours.namespace}r`;
  const { ours, theirs } = lab;
  await mustRun("ip", ["netns", "add", name]);
  const on = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"];
  await mustRun("ip", ["netns", "exec", name, "sysctl", "-qw", ...on]);
  const links = [[ours, theirs, "o", 1], [theirs, ours, "s", 2]] as const;
  for (const [site, other, device, net] of links) {
    const link = ["link", "add", "way", "type", "veth", "peer", "name", device, "netns", name];
    await mustRun("ip", ["-n", site.namespace, ...link]);
    await batch(site.namespace, [
      "link set way up",
      `addr add 10.88.${net}.2/24 dev way`,
      `addr add fd88:${net}::2/64 dev way nodad`,
    ]);
    await batch(name, [
      `link set ${device} up`,
      `addr add 10.88.${net}.1/24 dev ${device}`,
      `addr add fd88:${net}::1/64 dev ${device} nodad`,
      `route add ${site.address4}/32 via 10.88.${net}.2`,
      `route add ${site.address6}/128 via fd88:${net}::2`,
    ]);
    await batch(site.namespace, [
      `route add ${other.address4}/32 via 10.88.${net}.1 src ${site.address4}`,
      `route add ${other.address6}/128 via fd88:${net}::1 src ${site.address6}`,
    ]);
  }
  return {
    async narrow(mtu) {
      await batch(name, [`link set s mtu ${mtu}`]);
      await batch(theirs.namespace, [`link set way mtu ${mtu}`]);
    },
    async close() {
      await run("ip", ["netns", "del", name]);
    },
  };
}

async function batch(namespace: string, lines: readonly string[]): Promise<void> {
  await mustRun("ip", ["-n", namespace, "-batch", "-"], lines.join("\n") + "\n");
}
