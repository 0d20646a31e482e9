/**
 * What must hold between the options of MOBIKE and others.
 * @module
 */
import { addressPlus } from "@/base/address.ts";
import type { Check, Rule } from "@/setup/rule.ts";
import type { Setup } from "@/setup/setup.ts";

/** Tells of setups that cannot move as they are, and of those that will have nowhere to move. */
export function checkMobike(setup: Setup, { warn }: Check, rule: Rule): void {
  const { mobike, role, ikeconf, bindifaddr, mobikeaddrpergw, mobikeaddrpertunnel } = setup;
  if (!mobike) return;
  const isTcpAlone = ikeconf.tcpencap && (role === "client" || !ikeconf.traditionalencap);
  if (isTcpAlone) {
    rule(
      "mobike does not go with tcpencap: MOBIKE in TCP (RFC 9329 §8) is not there",
      "mobike",
      "ikeconf.tcpencap",
      "ikeconf.traditionalencap",
    );
  }
  for (const [i, { tunnelmode }] of ikeconf.childlist.entries()) {
    if (tunnelmode) continue;
    const at = `ikeconf.childlist[${i}].tunnelmode`;
    rule("mobike needs tunnel mode: transport mode is bound to its addresses", at, "mobike");
  }
  if (role === "gateway") {
    if (!bindifaddr) {
      rule("mobike needs bindifaddr: the gateway's addresses follow it", "bindifaddr", "mobike");
    } else if (!addressPlus(bindifaddr.address, mobikeaddrpergw - 1)) {
      const what =
        `bindifaddr: ${mobikeaddrpergw} addresses are asked for, and the family's last ` +
        "one comes before them";
      rule(what, "bindifaddr", "mobikeaddrpergw");
    }
  } else if (mobikeaddrpertunnel === 1 && setup.mobikechangeaddrtype === "own-only") {
    const what = "mobikeaddrpertunnel is 1, and mobikechangeaddrtype own-only: no tunnel will move";
    warn(what, "mobikeaddrpertunnel");
  }
}
