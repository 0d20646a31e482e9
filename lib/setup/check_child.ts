/**
 * Checks an entry of `childlist`, and its selectors for all tunnels.
 * @module
 */
import { addressPlus, type IpAddress, showAddress } from "@/base/address.ts";
import { Encr, isAead } from "@/iana/encr.ts";
import { checkChildKeyExchanges } from "@/setup/check_key_exchange.ts";
import type { Check, Rule } from "@/setup/rule.ts";
import { CHILD } from "@/setup/child_options.ts";
import type { ChildConf, SelectorConf, Setup } from "@/setup/setup.ts";

/** What the checks of an entry need. */
export interface ChildCheck {
  readonly rule: Rule;
  readonly warn: Check["warn"];
}

/** Reports errors of the entry at `path`, and values that are probably not intended. */
export function checkChild(
  setup: Setup,
  child: ChildConf,
  path: string,
  { rule, warn }: ChildCheck,
): void {
  checkAlgorithms(child, path, rule);
  checkChildKeyExchanges(setup, child, path, warn);
  if (child.protocol === "ah") checkAh(setup, child, path, { rule, warn });
  if (!child.tunnelmode && setup.role === "client" && setup.ikeconf.ratunnel) {
    const what = "ratunnel needs tunnel mode: in transport mode there is no inner address";
    rule(what, `${path}.tunnelmode`, "ikeconf.ratunnel");
  }
  checkIptfs(setup, child, path, { rule, warn });
  if (child.ipcomp && setup.ikeconf.installfastpath) {
    const what = "ipcomp cannot be installed: the data path has no IPComp";
    rule(what, `${path}.ipcomp`, "ikeconf.installfastpath");
  }
  if (child.esn && child.replaywindowsize === 0) {
    // RFC 4303 §3.4.3: the upper half of a sequence number is derived from the window.
    const what = "esn needs a window: replaywindowsize is 0";
    rule(what, `${path}.esn`, `${path}.replaywindowsize`);
  }
  if (setup.role !== "client") return;
  const { numberoftunnels: tunnels, owntsaddrincrease, peertsaddrincrease } = setup;
  for (const [i, selector] of child.ownts.entries()) {
    const at = `${path}.ownts[${i}]`;
    checkShift(selector, { at, by: "owntsaddrincrease", step: owntsaddrincrease, tunnels }, rule);
  }
  for (const [i, selector] of child.peerts.entries()) {
    const at = `${path}.peerts[${i}]`;
    checkShift(selector, { at, by: "peertsaddrincrease", step: peertsaddrincrease, tunnels }, rule);
  }
}

/** Checks the options of IP-TFS, which is ESP in tunnel mode and nothing else (RFC 9347 §5.1). */
function checkIptfs(
  { ikeconf }: Setup,
  child: ChildConf,
  path: string,
  { rule, warn }: ChildCheck,
): void {
  if (child.iptfs === "never") return;
  const at = `${path}.iptfs`;
  if (!child.tunnelmode) rule("iptfs needs tunnel mode", at, `${path}.tunnelmode`);
  if (child.protocol === "ah") rule("iptfs needs ESP", at, `${path}.protocol`);
  if (child.ipcomp) rule("iptfs and ipcomp exclude each other", at, `${path}.ipcomp`);
  if (child.iptfssize > 0 && child.iptfssize < PAYLOAD_OCTETS_MIN) {
    rule(`iptfssize is 0, or ${PAYLOAD_OCTETS_MIN} and more`, `${path}.iptfssize`, at);
  }
  if (child.iptfsrate > 0 && ikeconf.installfastpath && ikeconf.datapath !== "userland") {
    const what =
      "iptfsrate needs datapath: userland, as the kernel sends no payload without packets";
    rule(what, `${path}.iptfsrate`, "ikeconf.datapath");
  }
  const isSmall = child.iptfssize > 0 && child.iptfssize < IPV6_PAYLOAD_OCTETS;
  if (isSmall && !child.iptfsfragments && carriesIpv6(child)) {
    const what =
      `iptfssize ${child.iptfssize} has no room for an IPv6 packet of 1280 octets, which no ` +
      "sender makes smaller: where the peer takes no fragments either, such packets are lost " +
      `(iptfssize: ${IPV6_PAYLOAD_OCTETS} and more, or iptfsfragments: true at both ends)`;
    warn(what, `${path}.iptfssize`);
  }
}

/** Octets of a payload of IP-TFS with a packet of the smallest MTU of IPv6, and the header. */
const IPV6_PAYLOAD_OCTETS = 1280 + 4;

function carriesIpv6({ ownts, peerts }: ChildConf): boolean {
  return [...ownts, ...peerts].some(({ startaddr }) => startaddr.length === 16);
}

/** The fewest octets of a payload of IP-TFS. */
const PAYLOAD_OCTETS_MIN = 64;

function checkAlgorithms(child: ChildConf, path: string, rule: Rule): void {
  const { encalg, integrityalg, protocol } = child;
  if (integrityalg.length > 0) return;
  const integrity = `${path}.integrityalg`;
  const cipher = `${path}.encalg`;
  if (protocol === "ah") {
    rule(
      "integrityalg is empty, but AH needs an integrity algorithm",
      integrity,
      `${path}.protocol`,
    );
  } else if (encalg.some(({ id }) => id === Encr.ENCR_NULL)) {
    // RFC 4303 §3.2: encryption and integrity must not both be NULL.
    rule("integrityalg is empty, and encalg names null: ESP needs one of them", integrity, cipher);
  } else if (!encalg.every(({ id }) => isAead(id))) {
    rule("integrityalg is empty, and encalg names a cipher that is not AEAD", integrity, cipher);
  }
}

/**
 * Checks the options of AH, which protects the outer addresses, and has neither a cipher nor a UDP
 * header.
 */
function checkAh(
  { ikeconf }: Setup,
  { encalg }: ChildConf,
  path: string,
  { rule, warn }: ChildCheck,
): void {
  const protocol = `${path}.protocol`;
  if (ikeconf.tradtionalencapforceudp) {
    // RFC 3948 §1: encapsulation is defined for ESP alone.
    const what = "protocol ah cannot be UDP-encapsulated, and tradtionalencapforceudp asks for it";
    rule(what, protocol, "ikeconf.tradtionalencapforceudp");
  }
  if (ikeconf.enablenatt) {
    // RFC 3715 §2.1: AH protects the addresses, which a NAT changes.
    warn("AH does not pass a NAT, even with enablenatt", protocol);
  }
  const written = JSON.stringify(encalg) !== JSON.stringify(CHILD.encalg.value);
  if (written) {
    warn("encalg has no effect with protocol ah, which does not encrypt", `${path}.encalg`);
  }
}

/**
 * How the selector at a path changes from tunnel to tunnel: by which option, by how much, and for
 * how many tunnels.
 */
interface Shift {
  readonly at: string;
  readonly by: string;
  readonly step: number;
  readonly tunnels: number;
}

/**
 * Checks that a selector is a valid range for every tunnel; one of all addresses is the same for
 * all tunnels.
 */
function checkShift({ startaddr, endaddr }: SelectorConf, shift: Shift, rule: Rule): void {
  const { at, by, step, tunnels } = shift;
  if (startaddr.every((o) => o === 0) && endaddr.every((o) => o === 255)) return;
  const misfit = firstMisfit(step > 0 ? endaddr : startaddr, step, tunnels);
  if (misfit === undefined) return;
  rule(
    `${at}: ${showAddress(startaddr)}-${showAddress(endaddr)} shifted for tunnel ${misfit} ` +
      `(${by} ${step}) passes the end of the address space`,
    at,
    by,
    `${at}.type`,
    `${at}.startaddr`,
    `${at}.endaddr`,
    "numberoftunnels",
  );
}

/**
 * The first of the tunnels for which `first` plus its number of steps is beyond the end of the
 * address family.
 */
export function firstMisfit(first: IpAddress, step: number, tunnels: number): number | undefined {
  const fits = (tunnel: number) => addressPlus(first, BigInt(step) * BigInt(tunnel)) !== undefined;
  if (fits(tunnels - 1)) return undefined;
  let good = 0;
  let bad = tunnels - 1;
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    if (fits(middle)) good = middle;
    else bad = middle;
  }
  return bad;
}
