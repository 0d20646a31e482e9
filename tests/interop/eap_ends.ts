/**
 * The configurations of both ends if the client authenticates by EAP-MSCHAPv2, and its gateway by a
 * pre-shared key.
 * @module
 */
import { connection, OUR_ID, PSK, swanctl, THEIR_ID } from "./ends.ts";
import type { Setup } from "./ours.ts";
import { PLUGINS } from "./strongswan.ts";
import { MODERN } from "./suites.ts";

const PASSWORD = "a password of the rows";

/** strongSwan's settings: its usual plugins and those of the method. */
export const EAP_SETTINGS = `load = ${PLUGINS} md4 eap-identity eap-mschapv2`;

/** Our options as client, with further ones of `ikeconf`. */
export function logsIn(more: Setup): Setup {
  const ends = { authownmethod: "eap", authpeermethod: "psk", eapmethod: ["mschapv2"] };
  return { ikeconf: { ...ends, eappassword: PASSWORD, ...more } };
}

/** Our options as gateway, with further ones of `ikeconf`. */
export function asksEap(more: Setup): Setup {
  const ends = { authownmethod: "psk", authpeermethod: "eap", eapmethod: ["mschapv2"] };
  return { ikeconf: { ...ends, eapusers: [{ identity: THEIR_ID, password: PASSWORD }], ...more } };
}

/** strongSwan's configuration; `client` is the end that authenticates by EAP, in strongSwan's words. */
export function eapConf(client: "local" | "remote", extra: string, secrets = ""): string {
  const conf = connection({ suite: MODERN, extra })
    .replace(new RegExp(`(${client} \\{\\s+auth = )psk`), "$1eap-mschapv2");
  const id = client === "local" ? THEIR_ID : OUR_ID;
  const login = `  eap-1 {\n    id = ${id}\n    secret = "${PASSWORD}"\n  }\n`;
  return swanctl(conf, PSK, login + secrets);
}
