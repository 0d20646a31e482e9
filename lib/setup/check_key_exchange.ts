/**
 * Checks the key exchange methods of a setup: they must fit into IKE_SA_INIT, which is never
 * fragmented (RFC 7383 §2), and no two key exchanges may use the same method (RFC 9370 §2.2.1).
 * @module
 */
import { KeGroup, nameOfKeGroup } from "@/iana/ke_group.ts";
import type { Check, Rule } from "@/setup/rule.ts";
import { additionalOf, type ChildConf, pfsAdditionalOf, type Setup } from "@/setup/setup.ts";

/** Octets of the longest public value that ML-KEM-1024 has at either end (FIPS 203 §8 table 3). */
const ML_KEM_1024_OCTETS = 1568;
/**
 * Octets that one IP packet of an Ethernet carries of UDP payload, over IPv6 (RFC 8200 §5 says
 * 1280).
 */
const ETHERNET_OCTETS = 1452;

/**
 * Reports errors in the methods of the IKE SA, and warns of methods that are probably not intended.
 */
export function checkKeyExchanges(
  setup: Setup,
  rule: Rule,
  warn: Check["warn"],
): void {
  const { ikeconf } = setup;
  const { dhgrpid, tcpencap, traditionalencap } = ikeconf;
  const inUdp = !tcpencap || setup.role === "gateway" && traditionalencap;
  if (inUdp && dhgrpid.includes(KeGroup.ML_KEM_1024)) {
    rule(
      `dhgrpid 37: IKE_SA_INIT would have more than ${ML_KEM_1024_OCTETS} octets, which no datagram of ` +
        `${ETHERNET_OCTETS} carries, and is never fragmented; addke1: 37 or tcpencap can have it`,
      "ikeconf.dhgrpid",
      "ikeconf.tcpencap",
      "ikeconf.traditionalencap",
    );
  }
  const additional = additionalOf(ikeconf);
  warnOfTwice([dhgrpid, ...additional], {
    warn,
    path: (n) => `ikeconf.addke${n}`,
    first: "dhgrpid",
  });
  warnOfSize(additional, { setup, warn, path: (n) => `ikeconf.addke${n}` });
}

/** Does the same for the entry of the child list at `at`. */
export function checkChildKeyExchanges(
  setup: Setup,
  child: ChildConf,
  at: string,
  warn: Check["warn"],
): void {
  const path = (n: number) => `${at}.pfsaddke${n}`;
  if (!child.pfsenabled) {
    const given = pfsAdditionalOf({ ...child, pfsenabled: true });
    const n = given.findIndex((methods) => methods.length > 0) + 1;
    if (n > 0) warn(`pfsaddke${n} has no effect: pfsenabled is false`, path(n));
    return;
  }
  const additional = pfsAdditionalOf(child);
  warnOfTwice([child.pfsgrpid, ...additional], { warn, path, first: "pfsgrpid" });
  warnOfSize(additional, { setup, warn, path });
}

interface Place {
  readonly warn: Check["warn"];
  /** Where the option of the nth additional key exchange stands. */
  readonly path: (n: number) => string;
}

/**
 * Warns of methods that cannot all be different, which a peer refuses (RFC 9370 §2.2.1); this may
 * be the purpose of a test.
 */
function warnOfTwice(
  lists: readonly (readonly number[])[],
  { warn, path, first }: Place & { readonly first: string },
): void {
  for (let n = 1; n < lists.length; n++) {
    if (lists[n]!.length === 0 || canDiffer(lists.slice(0, n + 1))) continue;
    const name = path(n).split(".").at(-1);
    const what =
      `${name}: no method is left that ${first} and the others before it do not need; peers ` +
      "answer NO_PROPOSAL_CHOSEN";
    return warn(what, path(n));
  }
}

/** Whether one method can be chosen from each list so that none but NONE is chosen twice. */
function canDiffer(lists: readonly (readonly number[])[], taken: readonly number[] = []): boolean {
  const [methods, ...others] = lists;
  if (!methods) return true;
  const free = methods.length === 0 ? [KeGroup.NONE] : methods;
  return free.some((method) =>
    (method === KeGroup.NONE || !taken.includes(method)) && canDiffer(others, [...taken, method])
  );
}

/**
 * Warns of messages that are longer than a packet and not fragmented by IKE: they are sent in IP
 * fragments, which many networks drop.
 */
function warnOfSize(
  lists: readonly (readonly number[])[],
  { setup: { ikeconf }, warn, path }: Place & { readonly setup: Setup },
): void {
  if (ikeconf.enablefragment || ikeconf.tcpencap) return;
  const n = lists.findIndex((methods) => methods.includes(KeGroup.ML_KEM_1024)) + 1;
  if (n === 0) return;
  const what =
    `messages with ${nameOfKeGroup(KeGroup.ML_KEM_1024)} are longer than a packet, and ` +
    "enablefragment is false: they are sent in IP fragments";
  warn(what, path(n));
}
