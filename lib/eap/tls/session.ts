/**
 * Opens TLS connections.
 * @module
 */
import { refuse } from "@/eap/failure.ts";
import type { EapEnvironment } from "@/eap/method.ts";
import type { TlsRole, TlsSession, TlsSettings } from "@/eap/tls/engine.ts";

/** The reason why a program without libssl refuses the methods that use TLS. */
export const NO_SHIM = "this program carries no C shim, and TLS is in it";

/** Opens a connection. @throws {EapRefusal} if there is no TLS, or the PEM cannot be used. */
export function openSession(
  { tls }: EapEnvironment,
  role: TlsRole,
  settings: TlsSettings,
): TlsSession {
  if (!tls) return refuse("not available", NO_SHIM);
  try {
    return tls.open(role, settings);
  } catch (e) {
    return refuse("no credentials", e instanceof Error ? e.message : String(e));
  }
}
