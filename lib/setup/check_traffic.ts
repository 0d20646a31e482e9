/**
 * Checks the options of `trafficconf` against each other.
 * @module
 */
import { showAddress } from "@/base/address.ts";
import { PACKET_OCTETS } from "@/setup/options.ts";
import type { Check, Rule } from "@/setup/rule.ts";
import type { Setup } from "@/setup/setup.ts";

/** The most sizes of packets in turn. */
const SIZES_MAX = 1_000;
/** Octets of a packet that may not fit into 1500 octets any more with ESP around it. */
const DOUBTFUL_OCTETS = 1_410;

/** Whether a setup has traffic. */
export function hasTraffic(
  { trafficconf: { rate, direction } }: Pick<Setup, "trafficconf">,
): boolean {
  return rate !== undefined || direction === "in";
}

/** Reports options of traffic that exclude each other, and those that have no effect. */
export function checkTraffic(
  { trafficconf, pingconf, ikeconf }: Setup,
  rule: Rule,
  warn: Check["warn"],
): void {
  const { rate, ratefor, direction, size, destaddr, srcaddr, port } = trafficconf;
  const at = (name: string) => `trafficconf.${name}`;
  if (rate && direction === "in") {
    rule("direction: in sends nothing: leave out rate", at("rate"), at("direction"));
  }
  if (size.length > SIZES_MAX) {
    rule(`size has ${size.length} entries: expected at most ${SIZES_MAX}`, at("size"));
  }
  if (destaddr && srcaddr && destaddr.length !== srcaddr.length) {
    const ends = `srcaddr ${showAddress(srcaddr)} and destaddr ${showAddress(destaddr)}`;
    rule(`${ends} are of different families`, at("srcaddr"), at("destaddr"));
  }
  if (!hasTraffic({ trafficconf })) {
    const told = destaddr
      ? "destaddr"
      : srcaddr
      ? "srcaddr"
      : direction === "out"
      ? "direction"
      : "";
    const other = told || (ratefor === "total" ? "ratefor" : "");
    if (other) warn("there will be no traffic: rate is not set", at(other));
    return;
  }
  if (pingconf.destaddr && pingconf.ptype === "udp" && pingconf.udpport === port) {
    const what = `port ${port} is that of the UDP pings too: choose another for one of them`;
    rule(what, at("port"), "pingconf.udpport", "pingconf.ptype");
  }
  const largest = Math.max(...size.map((one) => one === "imix" ? PACKET_OCTETS.min : one));
  if (rate && largest > DOUBTFUL_OCTETS) {
    warn(
      `a packet of ${largest} octets may not fit into 1500 octets with ESP around it: ` +
        "its fragments, or what drops them, are measured then",
      at("size"),
    );
  }
  const why = !ikeconf.installfastpath
    ? "installfastpath: false"
    : ikeconf.datapath === "none"
    ? "datapath: none"
    : undefined;
  if (why) rule(`there is no data path for it (${why})`, at("rate"), at("direction"));
}
