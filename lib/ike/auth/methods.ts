/**
 * The methods of authentication by the kind of their configuration. To add one is to write its file
 * and to name it here and in `AuthConfig`.
 * @module
 */
import type { AuthMethodPair } from "@/ike/auth/authenticator.ts";
import { psk } from "@/ike/auth/psk.ts";
import type { AuthConfig } from "@/ike/records/config.ts";

const METHODS: {
  readonly [K in AuthConfig["kind"]]: AuthMethodPair<Extract<AuthConfig, { kind: K }>>;
} = { psk };

/** Both directions of the method that a configuration is for. */
export function methodOf({ kind }: AuthConfig): AuthMethodPair {
  return METHODS[kind] as unknown as AuthMethodPair;
}
