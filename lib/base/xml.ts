/**
 * Text that is to stand in XML 1.0.
 * @module
 */

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
  "\n": "&#10;",
  "\t": "&#9;",
};

/**
 * Escapes text for an attribute in quotes, or between tags. Characters that XML does not allow (§2.2)
 * become U+FFFD.
 */
export function escapeXml(text: string): string {
  // deno-lint-ignore no-control-regex -- those that XML does not allow
  const allowed = text.toWellFormed().replaceAll(/[\x00-\x08\x0b-\x1f\ufffe\uffff]/g, "\ufffd");
  return allowed.replaceAll(/[&<>"'\n\t]/g, (c) => ENTITIES[c]!);
}

/** ` name="value"` for each value. */
export function xmlAttributes(values: Readonly<Record<string, string>>): string {
  return Object.entries(values).map(([name, value]) => ` ${name}="${escapeXml(value)}"`).join("");
}
