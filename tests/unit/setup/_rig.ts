/**
 * Setups that tests begin with, and what becomes of a text.
 */
import assert from "node:assert/strict";
import { readSetup, SetupErrors, type SetupReading } from "@/setup/read.ts";

/** A client that verifies, in four lines and one section of one line (5 and 6). */
export const CLIENT = `role: client
startclntaddr: 10.0.0.1/24
peeraddr: 10.0.0.254
bindifname: eth0
ikeconf:
  psk: secret
`;

/** A gateway that verifies, in two lines and one section of one line (3 and 4). */
export const GATEWAY = `role: gateway
bindifname: eth0
ikeconf:
  psk: secret
`;

/** The setup of a text that must load. */
export function load(text: string, lenient = false): SetupReading {
  return readSetup(text, "f", { lenient });
}

/** Errors of a text that must not load, `f:` taken off. */
export function errorsOf(text: string, lenient = false): string[] {
  try {
    readSetup(text, "f", { lenient });
  } catch (e) {
    assert.ok(e instanceof SetupErrors, String(e));
    return e.errors.map(({ message }) => message.replace(/^f:/, ""));
  }
  assert.fail(`it loads: ${text}`);
}
