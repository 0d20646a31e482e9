/**
 * What must hold between the options of redirection (RFC 5685).
 * @module
 */
import { gatewayOf } from "@/setup/gateway_text.ts";
import { shown } from "@/setup/kinds.ts";
import type { Check, Rule } from "@/setup/rule.ts";
import type { Setup } from "@/setup/setup.ts";

/** Gateways that a setup can name. */
const GATEWAYS_MAX = 100;

/** Tells of gateways that are none, and of a moment that is not the one that was chosen. */
export function checkRedirect({ role, ikeconf }: Setup, rule: Rule, warn: Check["warn"]): void {
  const { redirectto, redirectat, redirectafter } = ikeconf;
  if (role === "client") return;
  const path = "ikeconf.redirectto";
  if (redirectto.length > GATEWAYS_MAX) {
    rule(`redirectto has ${redirectto.length} gateways: expected at most ${GATEWAYS_MAX}`, path);
  }
  for (const text of redirectto) {
    const gateway = gatewayOf(text);
    if (typeof gateway === "string") rule(`redirectto: ${shown(text)} ${gateway}`, path);
  }
  if (redirectto.length === 0 || redirectat === "established" || redirectafter === 10_000) return;
  const what = `redirectafter has no effect: redirectat is ${redirectat}`;
  warn(what, "ikeconf.redirectafter");
}
