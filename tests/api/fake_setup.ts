/**
 * The setup of a run that never ran, in which each value of a dump is different.
 * @module
 */
import { readSetup } from "@/setup/read.ts";
import type { Setup } from "@/setup/setup.ts";

const TEXT = `
loglevel: 3
apilistenaddr: "::1"
apilistenport: 12345
apisecrets: never
apitlscert: cert.pem
apitlskey: key.pem
apitlsclientca: ca.pem
ikeconf:
  psk: open sesame ☺
  initiatedpd: true
  forcedpd: true
  dpdinterval: 33.5s
  ikelifetime: 10m5s
  margintime: 61250ms
  jitter: true
  installfastpath: true
  keepchildhistory: true
  keepikehistory: true
  enablenatt: true
  nattkeepaliveinterval: 21s
  dshashalg: sha384
  usersapss: true
`;

/** The setup, which could not run: most of it is only shown. */
export function fakeSetup(): Setup {
  return readSetup(TEXT, "fake.setup", { unchecked: true }).setup;
}
