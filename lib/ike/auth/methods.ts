/**
 * The methods of authentication by the kind of their configuration. A new method needs a file, a
 * line here, and its configuration in `AuthConfig`.
 * @module
 */
import type { AuthMethodPair } from "@/ike/auth/authenticator.ts";
import { eap } from "@/ike/auth/eap.ts";
import { eapOnly } from "@/ike/auth/eap_only.ts";
import { nullAuth } from "@/ike/auth/null_auth.ts";
import { psk } from "@/ike/auth/psk.ts";
import { resumed } from "@/ike/auth/resumed.ts";
import { signature } from "@/ike/auth/signature.ts";
import type { AuthConfig, OwnAuthConfig, PeerAuthConfig } from "@/ike/records/config.ts";

type Kind = AuthConfig["kind"];

const METHODS: {
  readonly [K in Kind]: AuthMethodPair<
    Extract<OwnAuthConfig, { kind: K }>,
    Extract<PeerAuthConfig, { kind: K }>
  >;
} = { psk, signature, eap, eap_only: eapOnly, null_auth: nullAuth, resumed };

/** Both directions of the method of a configuration. */
export function methodOf({ kind }: AuthConfig): AuthMethodPair {
  return METHODS[kind] as unknown as AuthMethodPair;
}
