/**
 * Checks the attributes of the configuration payload.
 * @module
 */
import { nameOfCfgAttribute } from "@/iana/cfg_attribute.ts";
import type { Rule } from "@/setup/rule.ts";
import type { Setup } from "@/setup/setup.ts";

/** Attributes of a setup, and octets of all of them, as they go into one message. */
const ATTRIBUTES_MAX = 64;
const OCTETS_MAX = 8_000;

/** Reports attributes that a gateway has no value for, and too many of them. */
export function checkCfgAttributes({ role, ikeconf }: Setup, rule: Rule): void {
  const { cfgattributes } = ikeconf;
  const path = "ikeconf.cfgattributes";
  if (cfgattributes.length > ATTRIBUTES_MAX) {
    const what =
      `cfgattributes has ${cfgattributes.length} entries: expected at most ${ATTRIBUTES_MAX}`;
    rule(what, path);
  }
  const octets = cfgattributes.reduce((sum, { value }) => sum + 4 + value.length, 0);
  if (octets > OCTETS_MAX) {
    rule(`cfgattributes has ${octets} octets: expected at most ${OCTETS_MAX}`, path);
  }
  const empty = role === "gateway" && cfgattributes.find(({ value }) => value.length === 0);
  if (!empty) return;
  const name = nameOfCfgAttribute(empty.attribute);
  rule(`cfgattributes: a gateway gives values, and ${name} has none (expected =VALUE)`, path);
}
