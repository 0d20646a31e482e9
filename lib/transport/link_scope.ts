/**
 * Finds the interface of link-local addresses, which are ambiguous without it (RFC 4007 §6).
 * @module
 */

/**
 * The index of the interface for `sin6_scope_id`, if it has an IPv6 address; 0 if it has none, or no
 * interface is named.
 */
export function linkScopeOf(interfaceName: string | undefined): number {
  if (interfaceName === undefined) return 0;
  const found = Deno.networkInterfaces().find((one) =>
    one.name === interfaceName && one.family === "IPv6" && (one.scopeid ?? 0) > 0
  );
  return found?.scopeid ?? 0;
}
