/**
 * Checks the options of MOBIKE against each other and against other options.
 * @module
 */
import { addressPlus, showAddress, whyUnreachable } from "@/base/address.ts";
import type { Check, Rule } from "@/setup/rule.ts";
import type { Setup } from "@/setup/setup.ts";

/**
 * Reports setups in which tunnels cannot move, and warns of those in which they have no other
 * address.
 */
export function checkMobike(setup: Setup, { warn }: Check, rule: Rule): void {
  const { mobike, role, ikeconf, bindifaddr, mobikeaddrpergw, mobikeaddrpertunnel } = setup;
  if (!mobike) return;
  const isTcpAlone = ikeconf.tcpencap && (role === "client" || !ikeconf.traditionalencap);
  if (isTcpAlone) {
    rule(
      "mobike and tcpencap exclude each other: MOBIKE in TCP (RFC 9329 §8) is not implemented",
      "mobike",
      "ikeconf.tcpencap",
      "ikeconf.traditionalencap",
    );
  }
  for (const [i, { tunnelmode }] of ikeconf.childlist.entries()) {
    if (tunnelmode) continue;
    const at = `ikeconf.childlist[${i}].tunnelmode`;
    rule("mobike needs tunnel mode: in transport mode the addresses cannot change", at, "mobike");
  }
  checkOtherFamily(setup, rule);
  if (role === "gateway") {
    if (!bindifaddr) {
      rule(
        "mobike needs bindifaddr: the gateway's other addresses follow it",
        "bindifaddr",
        "mobike",
      );
    } else if (!addressPlus(bindifaddr.address, mobikeaddrpergw - 1)) {
      const what =
        `bindifaddr: ${mobikeaddrpergw} addresses are needed, but the address family ends ` +
        "before the last of them";
      rule(what, "bindifaddr", "mobikeaddrpergw");
    }
  } else if (setup.mobikeotheraddr && setup.mobikechangeaddrtype === "own-only") {
    const what = "mobikechangeaddrtype is own-only: no tunnel moves to mobikeotheraddr, as its " +
      "peer stays at an address of the first family";
    warn(what, "mobikeotheraddr");
  } else if (mobikeaddrpertunnel === 1 && setup.mobikechangeaddrtype === "own-only") {
    const what = "mobikeaddrpertunnel is 1, and mobikechangeaddrtype own-only: no tunnel will move";
    warn(what, "mobikeaddrpertunnel");
  }
}

/** Reports addresses of the other family that are of the first one, or that nobody can have. */
function checkOtherFamily(setup: Setup, rule: Rule): void {
  const { role, mobikeotheraddr, numberoftunnels, mobikeaddrpertunnel, mobikeaddrpergw } = setup;
  if (!mobikeotheraddr) return;
  const first = role === "client" ? "startclntaddr" : "bindifaddr";
  const { address } = mobikeotheraddr;
  const other = `mobikeotheraddr ${showAddress(address)}`;
  const why = whyUnreachable(address);
  if (why) rule(`${other} is ${why}, not the address of a host`, "mobikeotheraddr");
  if (setup[first]?.address.length === address.length) {
    rule(`${other} is of the same address family as ${first}`, "mobikeotheraddr", first);
  }
  const count = role === "client" ? numberoftunnels * mobikeaddrpertunnel : mobikeaddrpergw;
  if (addressPlus(address, count - 1)) return;
  const counts = role === "client"
    ? ["numberoftunnels", "mobikeaddrpertunnel"]
    : ["mobikeaddrpergw"];
  const what = `${other}: ${count} addresses are needed, but the address family ends before the ` +
    "last of them";
  rule(what, "mobikeotheraddr", ...counts);
}
