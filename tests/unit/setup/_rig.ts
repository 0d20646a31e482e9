/**
 * Setup files that the tests extend, and functions that read the text of a setup file.
 */
import assert from "node:assert/strict";
import { readSetup, SetupErrors, type SetupReading } from "@/setup/read.ts";

/** A valid client: four options, then `ikeconf` in line 5 with one option in line 6. */
export const CLIENT = `role: client
startclntaddr: 10.0.0.1/24
peeraddr: 10.0.0.254
bindifname: eth0
ikeconf:
  psk: secret
`;

/** A valid gateway: two options, then `ikeconf` in line 3 with one option in line 4. */
export const GATEWAY = `role: gateway
bindifname: eth0
ikeconf:
  psk: secret
`;

/** Reads a text that must be accepted. */
export function load(text: string, lenient = false): SetupReading {
  return readSetup(text, "f", { lenient });
}

/** The errors of a text that must be refused, without the file name `f:` in front. */
export function errorsOf(text: string, lenient = false): string[] {
  try {
    readSetup(text, "f", { lenient });
  } catch (e) {
    assert.ok(e instanceof SetupErrors, String(e));
    return e.errors.map(({ message }) => message.replace(/^f:/, ""));
  }
  assert.fail(`the text was accepted: ${text}`);
}
