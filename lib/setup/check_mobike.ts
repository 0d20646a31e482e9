/**
 * Checks the options of MOBIKE against each other and against other options.
 * @module
 */
import { addressPlus } from "@/base/address.ts";
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
  } else if (mobikeaddrpertunnel === 1 && setup.mobikechangeaddrtype === "own-only") {
    const what = "mobikeaddrpertunnel is 1, and mobikechangeaddrtype own-only: no tunnel will move";
    warn(what, "mobikeaddrpertunnel");
  }
}
