/**
 * Checks the options of session resumption (RFC 5723) against each other.
 * @module
 */
import type { Rule } from "@/setup/rule.ts";
import type { Setup } from "@/setup/setup.ts";

/** The longest lifetime in milliseconds, as TICKET_LT_OPAQUE has 32 bits for the seconds. */
const LIFETIME_MAX_MS = 0xffff_ffff * 1_000;

/** Reports a lifetime that no ticket can have, and flaps that are to be resumed without tickets. */
export function checkResume({ role, ikeconf, flapconf }: Setup, rule: Rule): void {
  const { resume, resumelifetime } = ikeconf;
  if (role === "client") {
    if (flapconf.flapping && flapconf.flapresume && resume === "never") {
      rule(
        "flapresume needs resume: allow, which gives each tunnel a ticket",
        "flapconf.flapresume",
      );
    }
    return;
  }
  if (resumelifetime < 1_000 || resumelifetime > LIFETIME_MAX_MS) {
    rule("resumelifetime: expected 1s to 4294967295s", "ikeconf.resumelifetime");
  }
}
