/**
 * Takes from a setup what the Test API needs: where it listens, whom it trusts, and the settings
 * that the dump of an IKE SA shows.
 * @module
 */
import type { IkeSettings } from "@/api/messages.ts";
import type { TrustRules } from "@/api/caller.ts";
import type { TestApiOptions } from "@/api/test_api_options.ts";
import { showAddress } from "@/base/address.ts";
import type { Setup } from "@/setup/setup.ts";

/** The settings that a dump shows. */
export function ikeSettings(setup: Setup): IkeSettings {
  const { ikeconf } = setup;
  return {
    psk: ikeconf.psk,
    initiateDpd: ikeconf.initiatedpd,
    forceDpd: ikeconf.forcedpd,
    dpdIntervalMs: ikeconf.dpdinterval,
    lifetimeMs: ikeconf.ikelifetime,
    marginMs: marginOf(ikeconf),
    jitter: ikeconf.jitter,
    installFastpath: ikeconf.installfastpath,
    keepChildHistory: ikeconf.keepchildhistory,
    keepIkeHistory: ikeconf.keepikehistory,
    enableNatt: ikeconf.enablenatt,
    nattKeepaliveMs: ikeconf.nattkeepaliveinterval,
  };
}

/**
 * The configured margin, but at most the lifetime, of which it is a part. With a lifetime of 0 the
 * SA has no end, and the margin stays as configured.
 */
function marginOf({ margintime, ikelifetime }: Setup["ikeconf"]): number {
  return ikelifetime > 0 ? Math.min(margintime, ikelifetime) : margintime;
}

/** Where, how and for whom the Test API of this setup is served. */
export function testApiOptions(setup: Setup, trust: TrustRules = {}): TestApiOptions {
  const { apilistenaddr, apilistenport, apisecrets, apitlscert, apitlskey, apitlsclientca } = setup;
  return {
    // The default is an empty address: the API then listens on loopback only.
    address: apilistenaddr ? showAddress(apilistenaddr) : "127.0.0.1",
    port: apilistenport,
    secrets: apisecrets,
    trust,
    tls: { certificate: apitlscert, key: apitlskey, clientCa: apitlsclientca },
  };
}
