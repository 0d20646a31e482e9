/**
 * Checks the options of a post-quantum pre-shared key (RFC 8784).
 * @module
 */
import { fromBase64, fromHex } from "@/setup/octets_text.ts";
import type { Check, Rule } from "@/setup/rule.ts";
import type { IkeConf } from "@/setup/setup.ts";

/** The most octets of a PPK_ID, as its notify must fit into a message with all other payloads. */
const ID_OCTETS_MAX = 1_000;
/** RFC 8784 §6: a PPK has at least 256 bits of entropy. */
const KEY_OCTETS_MIN = 32;

/**
 * The octets of `ppk.value`: hex after `0x`, base64 after `0s`, otherwise a text; undefined if the
 * hex or base64 is invalid.
 */
export function ppkOctets(value: string): Uint8Array | undefined {
  if (/^0x/i.test(value)) return fromHex(value.slice(2));
  if (/^0s/i.test(value)) return fromBase64(value.slice(2));
  return new TextEncoder().encode(value);
}

/** Reports errors of `ppk`, and warns of values that are probably not intended. */
export function checkPpk(
  { ppk, authown2, authpeer2 }: IkeConf,
  rule: Rule,
  warn: Check["warn"],
): void {
  if (ppk.id === "") return;
  const octets = new TextEncoder().encode(ppk.id).length;
  if (octets > ID_OCTETS_MAX) {
    rule(`ppk.id has ${octets} octets: expected at most ${ID_OCTETS_MAX}`, "ikeconf.ppk.id");
  }
  const key = ppkOctets(ppk.value);
  const at = "ikeconf.ppk.value";
  if (ppk.value === "") rule("ppk.value is required with ppk.id", at);
  else if (!key || key.length === 0) {
    rule(
      "ppk.value is no key: expected pairs of hex digits after 0x, base64 after 0s, or text",
      at,
    );
  } else if (key.length < KEY_OCTETS_MIN) {
    warn(`ppk.value has ${key.length} octets: a PPK should have at least 32 (RFC 8784 §6)`, at);
  }
  const second = authown2 !== "none" ? "authown2" : authpeer2 !== "none" ? "authpeer2" : undefined;
  if (second) {
    const what = `ppk.id with ${second}: a PPK with a second authentication is not implemented`;
    rule(what, "ikeconf.ppk.id", `ikeconf.${second}`);
  }
}
