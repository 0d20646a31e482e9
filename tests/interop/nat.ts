/**
 * Makes NATs for interop rows by nftables in the namespace of the end behind them: departing packets get
 * another source address and port, and replies to these are translated back. The end itself does not notice.
 * @module
 */
import { type Lab, mustRun, run, type Site } from "./harness.ts";

const TABLE = "interop_nat";
const WATCH = "interop_watch";
/** Lifetime of mappings that is longer than any row. */
const LASTING_SEC = 120;

/**
 * Gives packets from the first address of `site` another source: the address `as`, and ports from `firstPort`
 * on.
 */
export async function hide(
  site: Site,
  { as, firstPort }: { readonly as: string; readonly firstPort: number },
): Promise<void> {
  const ports = `${firstPort}-${firstPort + 99}`;
  await table(
    site,
    `chain out { type nat hook postrouting priority 100;
      ip saddr ${site.address4} udp sport { 500, 4500 } snat to ${as}:${ports}
    }`,
  );
}

/** Gives packets from a whole network the one source address `as`, and each of its ends ports of its own. */
export async function hideAll(
  site: Site,
  { from, as, firstPort }: {
    readonly from: string;
    readonly as: string;
    readonly firstPort: number;
  },
): Promise<void> {
  const ports = `${firstPort}-${firstPort + 999}`;
  await table(
    site,
    `chain out { type nat hook postrouting priority 100;
      ip saddr ${from} udp sport { 500, 4500 } snat to ${as}:${ports}
    }`,
  );
}

/** Forwards what arrives at `as` at the two ports of IKE to the first address of `site`. */
export async function forward(site: Site, as: string): Promise<void> {
  await table(
    site,
    `chain in { type nat hook prerouting priority -100;
      ip daddr ${as} udp dport { 500, 4500 } dnat to ${site.address4}
    }`,
  );
}

/**
 * Sets how long future mappings last without a datagram. A changed rule affects a mapping only after it has
 * expired.
 */
export async function mappingsLast(site: Site, seconds = LASTING_SEC): Promise<void> {
  const names = ["nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream"];
  await inside(site, ["sysctl", "-qw", ...names.map((name) => `net.netfilter.${name}=${seconds}`)]);
}

/** Counts keepalives that arrive at `site`: UDP with one octet, to the NAT-T port. */
export async function watchKeepalives(site: Site): Promise<void> {
  await inside(
    site,
    ["nft", "-f", "-"],
    `table ip ${WATCH} {
      chain in { type filter hook input priority 0;
        udp dport 4500 udp length 9 @th,64,8 0xff counter
      }
    }\n`,
  );
}

/** How many {@linkcode watchKeepalives} has counted. */
export async function keepalivesAt(site: Site): Promise<number> {
  const listed = await inside(site, ["nft", "list", "table", "ip", WATCH]);
  return Number(/counter packets (\d+)/.exec(listed)?.[1] ?? 0);
}

/** Removes all NATs of a lab. */
export async function removeNats(lab: Lab): Promise<void> {
  for (const site of [lab.ours, lab.theirs]) {
    await mappingsLast(site);
    const { namespace } = site;
    for (const name of [TABLE, WATCH]) {
      await run("ip", ["netns", "exec", namespace, "nft", "delete", "table", "ip", name]);
    }
    // A mapping outlasts its rule, and the next row has the same addresses.
    await inside(site, ["conntrack", "-F"]);
  }
}

/** Replaces the whole table in one transaction. */
async function table(site: Site, chains: string): Promise<void> {
  const anew = `table ip ${TABLE} {}\ndelete table ip ${TABLE}\n`;
  await inside(site, ["nft", "-f", "-"], `${anew}table ip ${TABLE} {\n${chains}\n}\n`);
}

function inside({ namespace }: Site, command: string[], stdin?: string): Promise<string> {
  return mustRun("ip", ["netns", "exec", namespace, ...command], stdin);
}
