/**
 * What the setup says about the Test API: where it listens, whom it trusts, and what a dump of an IKE
 * SA tells of the setup.
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

/** As configured, but never longer than the lifetime that it is part of; a lifetime of 0 has no end. */
function marginOf({ margintime, ikelifetime }: Setup["ikeconf"]): number {
  return ikelifetime > 0 ? Math.min(margintime, ikelifetime) : margintime;
}

/** Where, how and for whom the Test API of this setup is served. */
export function testApiOptions(setup: Setup, trust: TrustRules = {}): TestApiOptions {
  const { apilistenaddr, apilistenport, apisecrets, apitlscert, apitlskey, apitlsclientca } = setup;
  return {
    // An empty address is the default: nobody outside this host is meant.
    address: apilistenaddr ? showAddress(apilistenaddr) : "127.0.0.1",
    port: apilistenport,
    secrets: apisecrets,
    trust,
    tls: { certificate: apitlscert, key: apitlskey, clientCa: apitlsclientca },
  };
}
