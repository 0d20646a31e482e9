/**
 * The setup of a test run that never ran: what a dump tells of it, each with a value of its own.
 * @module
 */
import type { Setup } from "@/setup/setup.ts";

/** Only what the API reads. */
export function fakeSetup(): Setup {
  return {
    loglevel: 3,
    ikeconf: {
      psk: "open sesame ☺",
      initiatedpd: true,
      forcedpd: true,
      dpdinterval: 33_500,
      ikelifetime: 605_000,
      margintime: 61_250,
      jitter: true,
      installfastpath: true,
      keepchildhistory: true,
      keepikehistory: true,
      enablenatt: true,
      nattkeepaliveinterval: 21_000,
      dshashalg: "sha384",
      usersapss: true,
    },
  } as unknown as Setup;
}
