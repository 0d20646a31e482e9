/**
 * The interface that link-local addresses belong to (RFC 4007 §6): they name nobody without it.
 * @module
 */

/**
 * The index of the interface, as `sin6_scope_id` wants it, where it has an IPv6 address; 0 where it has
 * none, or none is named.
 */
export function linkScopeOf(interfaceName: string | undefined): number {
  if (interfaceName === undefined) return 0;
  const found = Deno.networkInterfaces().find((one) =>
    one.name === interfaceName && one.family === "IPv6" && (one.scopeid ?? 0) > 0
  );
  return found?.scopeid ?? 0;
}
