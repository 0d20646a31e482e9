/**
 * Opening a TLS connection, and what to say where there is none.
 * @module
 */
import { refuse } from "@/eap/failure.ts";
import type { EapEnvironment } from "@/eap/method.ts";
import type { TlsRole, TlsSession, TlsSettings } from "@/eap/tls/engine.ts";

/** Why the methods that run in TLS are refused by a program without libssl. */
export const NO_SHIM = "this program carries no C shim, and TLS is in it";

/** @throws {EapRefusal} where there is no TLS, or the PEM cannot be used. */
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
