/**
 * What must hold within an entry of `childlist`, and for its selectors from tunnel to tunnel.
 * @module
 */
import { addressPlus, type IpAddress, showAddress } from "@/base/address.ts";
import { Encr, isAead } from "@/iana/encr.ts";
import { checkChildKeyExchanges } from "@/setup/check_key_exchange.ts";
import type { Check, Rule } from "@/setup/rule.ts";
import { CHILD } from "@/setup/ike_options.ts";
import type { ChildConf, SelectorConf, Setup } from "@/setup/setup.ts";

/** Where the words go. */
export interface ChildCheck {
  readonly rule: Rule;
  readonly warn: Check["warn"];
}

/** Tells what is wrong, or doubtful, with the entry at `path`. */
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
  if (child.ipcomp && setup.ikeconf.installfastpath) {
    const what = "ipcomp cannot be installed: the data path has no IPComp";
    rule(what, `${path}.ipcomp`, "ikeconf.installfastpath");
  }
  if (child.esn && child.replaywindowsize === 0) {
    // RFC 4303 §3.4.3: the window is what tells the upper half of a sequence number.
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

function checkAlgorithms(child: ChildConf, path: string, rule: Rule): void {
  const { encalg, integrityalg, protocol } = child;
  if (integrityalg.length > 0) return;
  const integrity = `${path}.integrityalg`;
  const cipher = `${path}.encalg`;
  if (protocol === "ah") {
    rule("integrityalg is empty, and AH is nothing but integrity", integrity, `${path}.protocol`);
  } else if (encalg.some(({ id }) => id === Encr.ENCR_NULL)) {
    // RFC 4303 §3.2: encryption and integrity must not both be NULL.
    rule("integrityalg is empty, and encalg names null: ESP needs one of them", integrity, cipher);
  } else if (!encalg.every(({ id }) => isAead(id))) {
    rule("integrityalg is empty, and encalg names a cipher that is not AEAD", integrity, cipher);
  }
}

/** AH protects the outer addresses: neither a cipher nor a UDP header has a place in it. */
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
    // RFC 3715 §2.1: AH protects the very addresses that a NAT changes.
    warn("AH passes no NAT, not with enablenatt either", protocol);
  }
  const written = JSON.stringify(encalg) !== JSON.stringify(CHILD.encalg.value);
  if (written) {
    warn("encalg has no effect with protocol ah, which does not encrypt", `${path}.encalg`);
  }
}

/** How the selector at a path is shifted: by which option, how far, over how many tunnels. */
interface Shift {
  readonly at: string;
  readonly by: string;
  readonly step: number;
  readonly tunnels: number;
}

/** A selector of the whole space is not shifted. */
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

/** The first of so many tunnels whose address, so many steps from `first`, is none. */
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
