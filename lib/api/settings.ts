/**
 * What a dump of an IKE SA tells of the setup, in the API's terms.
 * @module
 */
import type { IkeSettings } from "@/api/messages.ts";
import type { Setup } from "@/setup/setup.ts";

/** IANA numbers by the words of `dshashalg`. */
const SIGNATURE_HASHES: Readonly<Record<string, number>> = {
  sha1: 1,
  sha256: 2,
  sha384: 3,
  sha512: 4,
};

/** The settings that a dump shows. */
export function ikeSettings(setup: Setup): IkeSettings {
  const { ikeconf } = setup;
  return {
    psk: ikeconf.psk,
    initiateDpd: ikeconf.initiatedpd,
    forceDpd: ikeconf.forcedpd,
    dpdIntervalMs: ikeconf.dpdinterval,
    lifetimeMs: ikeconf.ikelifetime,
    marginMs: ikeconf.margintime,
    jitter: ikeconf.jitter,
    installFastpath: ikeconf.installfastpath,
    keepChildHistory: ikeconf.keepchildhistory,
    keepIkeHistory: ikeconf.keepikehistory,
    enableNatt: ikeconf.enablenatt,
    nattKeepaliveMs: ikeconf.nattkeepaliveinterval,
    signatureHash: SIGNATURE_HASHES[ikeconf.dshashalg] ?? 0,
    rsaPss: ikeconf.usersapss,
  };
}
