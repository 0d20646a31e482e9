/**
 * Rows about authentication again: our client does it if strongSwan sends AUTH_LIFETIME (RFC 4478), after the
 * end of its IKE SA or before that, and strongSwan does it with our gateway.
 * @module
 */
import { EAP_SETTINGS, eapConf, logsIn } from "./eap_ends.ts";
import { connection, ourClient, ourGateway, swanctl } from "./ends.ts";
import { until } from "./harness.ts";
import { expect, type Row } from "./row.ts";
import { MODERN } from "./suites.ts";

const MODES = ["break", "make"] as const;
const WORDS = { break: "after the IKE SA before", make: "beside the IKE SA before" } as const;

/** The time for which strongSwan accepts an authentication, which it sends in AUTH_LIFETIME. */
const LIFETIME = "mobike = no\n    reauth_time = 4s\n    over_time = 4s\n    rand_time = 0s";

const ours: Row[] = MODES.map((reauthmode) => ({
  name: `authentication again in time, ${WORDS[reauthmode]}`,
  direction: "ours → strongSwan",
  // strongSwan only sends it to peers to which it could not authenticate again itself.
  setup: ourClient({
    loglevel: 4,
    ...logsIn({ reauth: true, reauthmode, margintime: "1s" }),
  }, MODERN),
  settings: EAP_SETTINGS,
  // Two IKE SAs of one peer exist for a while, so that they must not be unique.
  swanctl: eapConf("remote", `${LIFETIME}\n    unique = never`),
  check: async (run) => {
    await run.sameKeys(await run.established(1));
    await until("two authentications again", 25_000, async () => {
      run.ours.mustRun();
      const log = await run.ours.log();
      return [...log.matchAll(/Tunnel 0 (?:authenticated|established) again: /g)].length >= 2;
    });
    await run.sameKeys(await run.established(1));
    if (reauthmode === "make") {
      const log = await run.charon.log();
      expect(!/N\(INIT_CONTACT\)[\s\S]*N\(INIT_CONTACT\)/.test(log), "INITIAL_CONTACT came again");
    }
    const result = await run.ours.stop();
    const { established, failed, lost } = result.tunnels;
    expect(
      `${established} ${failed} ${lost}` === "1 0 0",
      `Tunnels: ${established} ${failed} ${lost}`,
    );
    expect(result.reauthentications >= 2, `We counted ${result.reauthentications}`);
    expect(result.result !== "failed", `The result is ${result.result}`);
  },
}));

const theirs: Row[] = MODES.map((mode) => ({
  name: `authentication again of strongSwan, ${WORDS[mode]}`,
  direction: "strongSwan → ours",
  setup: ourGateway({ ikeconf: { reauth: true, reauthlifetime: "1m" } }, MODERN),
  settings: `make_before_break = ${mode === "make" ? "yes" : "no"}`,
  swanctl: swanctl(connection({
    suite: MODERN,
    extra: "mobike = no\n    reauth_time = 3s\n    over_time = 3s\n    rand_time = 0s",
  })),
  check: async (run) => {
    await run.charon.initiate("net");
    await run.established(1);
    await run.peerLogs(/reauthenticating IKE_SA|initiator did not reauthenticate/, 15_000);
    await until(
      "a second IKE SA of strongSwan",
      15_000,
      async () => (await run.charon.sas()).filter(({ established }) => established).length >= 2,
    );
    await run.sameKeys((await run.charon.sas()).filter((sa) => sa.established).slice(-1));
    const result = await run.ours.stop();
    const { established, failed, lost } = result.tunnels;
    expect(
      `${established} ${failed} ${lost}` === "1 0 0",
      `Tunnels: ${established} ${failed} ${lost}`,
    );
  },
}));

/** The rows. */
export const REAUTH_ROWS: readonly Row[] = [...ours, ...theirs];
