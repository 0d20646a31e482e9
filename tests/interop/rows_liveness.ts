/**
 * Rows about peers that vanish and return: liveness checks without an answer (RFC 7296 §2.4), what happens to
 * the tunnel then, and INITIAL_CONTACT of a strongSwan that was killed and restarted.
 * @module
 */
import { apiUntil } from "./api_summary.ts";
import { connection, ourClient, ourGateway, swanctl } from "./ends.ts";
import { delay, until } from "./harness.ts";
import type { Setup, TestResult } from "./ours.ts";
import { expect, expectFailure, type Row, type RowRun } from "./row.ts";
import { MODERN } from "./suites.ts";

const API_PORT = 12331;

/** A comment line that makes these rows use a charon of their own, as they kill it. */
const MORTAL = "# killed and restarted";

/**
 * Our liveness checks begin after a second of silence and are given up after four transmissions a second
 * apart.
 */
const QUICK: Setup = {
  apilistenport: API_PORT,
  loglevel: 4,
  ikeconf: { dpdinterval: "1s", retraninterval: "1s", maxretran: 4 },
};

const CONF = swanctl(connection({ suite: MODERN }));

/** Checks that the result has one tunnel that was lost by a liveness check. @throws Error otherwise. */
function expectLost(result: TestResult): void {
  const { established, lost, failed } = result.tunnels;
  const counts = JSON.stringify(result.tunnels);
  expect(established === 1 && lost === 1 && failed === 1, `The result counts ${counts}`);
  expectFailure(result, [/^LIVENESS_FAILED: .*lost/, /INFORMATIONAL after 4 transmissions/]);
  expect(result.result === "failed", `The result is ${result.result}, not failed`);
}

/** Kills strongSwan; our end must notice: first the state dpd, then the loss. */
async function dies(run: RowRun): Promise<void> {
  await run.charon.kill();
  const at = { lab: run.lab, port: API_PORT };
  const checking = await apiUntil(at, "state dpd", (s) => s.Ikesa_state_dpd === "1");
  expect(checking.Live_count === "1", `An SA that is being checked is not live`);
}

const clientLoses: Row = {
  name: "peer killed: checked, lost, tried again, up when it is back",
  direction: "ours → strongSwan",
  settings: MORTAL,
  setup: ourClient({ ...QUICK, tunnelmaxretry: 20, tunnelretryinterval: "1s" }, MODERN),
  swanctl: CONF,
  check: async (run) => {
    await run.established(1);
    await dies(run);
    await run.ours.logs(/Tunnel 0 lost: .*No answer to INFORMATIONAL after 4 transmissions/);
    await run.ours.logs(/Tunnel 0 was lost; next try in 1s/);
    await run.charon.comeBack();
    await run.ours.logs(/Tunnel 0 established again/, 20_000);
    const up = await run.charon.list();
    expect(
      up.length === 1 && up[0]!.state === "ESTABLISHED",
      "strongSwan does not have the tunnel",
    );
    expectLost(await run.ours.stop());
  },
};

const clientAborts: Row = {
  name: "peer killed: abortonerr ends the test",
  direction: "ours → strongSwan",
  settings: MORTAL,
  setup: ourClient({ ...QUICK, abortonerr: true }, MODERN),
  swanctl: CONF,
  check: async (run) => {
    await run.established(1);
    const at = { lab: run.lab, port: API_PORT };
    await apiUntil(at, "one live tunnel", (summary) => summary.Live_count === "1");
    await run.charon.kill();
    const result = await run.ours.ended(20_000);
    await run.charon.comeBack();
    expectLost(result);
    expect(run.ours.exitCode === 1, `The exit status is ${run.ours.exitCode}, not 1`);
  },
};

const gatewayLoses: Row = {
  name: "peer killed: checked, lost, and the same tunnel when it is back",
  direction: "strongSwan → ours",
  settings: MORTAL,
  setup: ourGateway(QUICK, MODERN),
  swanctl: CONF,
  check: async (run) => {
    await run.charon.initiate("net");
    await run.established(1);
    await dies(run);
    await run.ours.logs(/Tunnel of theirs\.interop\.test.* lost: .*No answer to INFORMATIONAL/);
    await run.charon.comeBack();
    await run.charon.initiate("net");
    const at = { lab: run.lab, port: API_PORT };
    const back = await apiUntil(at, "one live tunnel", (s) => s.Live_count === "1");
    expect(back.NumOfCreatedTunnel === 1, "The tunnel that came back counts as another");
    expectLost(await run.ours.stop());
  },
};

/** Liveness checks would come much later, so that only INITIAL_CONTACT can end the old SA. */
const initialContact: Row = {
  name: "INITIAL_CONTACT of a restarted peer honoured",
  direction: "strongSwan → ours",
  settings: MORTAL,
  setup: ourGateway({ apilistenport: API_PORT, loglevel: 4 }, MODERN),
  swanctl: CONF,
  check: async (run) => {
    await run.charon.initiate("net");
    const [old] = await run.established(1);
    await run.charon.kill();
    await run.charon.comeBack();
    await run.charon.initiate("net");
    await run.peerLogs(/generating IKE_AUTH request 1 \[ [^\]]*N\(INIT_CONTACT\)/);
    await run.ours.logs(/Displaced: the same identity said INITIAL_CONTACT from 10\.77\.0\.1:500/);
    const spis = new RegExp(`closed \\(INITIAL_CONTACT\\): IKE SA \\w{16}/${old!.spiI}`, "i");
    await run.ours.logs(spis);
    const at = { lab: run.lab, port: API_PORT };
    const now = await apiUntil(at, "one live SA", (s) => s.Live_count === "1");
    expect(now.NumOfCreatedTunnel === 1, "The tunnel that came again counts as another");
    const result = await run.ours.stop();
    const { established, lost, failed } = result.tunnels;
    expect(established === 1 && lost === 0 && failed === 0, JSON.stringify(result.tunnels));
    expect(result.result === "passed", `The result is ${result.result}`);
  },
};

/**
 * Rows in which strongSwan sends a check every second, so that it is always heard; our interval is two
 * seconds.
 */
function heardPeer(forced: boolean): Row[] {
  const name = forced
    ? "forcedpd: checks of ours although the peer is heard"
    : "no check of ours while the peer is heard";
  const conf = swanctl(
    connection({ suite: MODERN, extra: "mobike = no\n    dpd_delay = 1s" }),
  );
  const setup: Setup = { ikeconf: { dpdinterval: "2s", forcedpd: forced } };
  const check = async (run: RowRun) => {
    await run.established(1);
    await until("three checks of strongSwan", 15_000, async () => {
      return await run.peerLogged(/sending DPD request/) >= 3;
    });
    if (forced) await delay(2_500);
    const ours = await run.peerLogged(/parsed INFORMATIONAL request \d+ \[ \]/);
    expect(forced === ours > 0, `strongSwan had ${ours} checks of ours`);
    const result = await run.ours.stop();
    expect(result.tunnels.failed === 0, JSON.stringify(result.failures));
  };
  return [
    { name, direction: "ours → strongSwan", setup: ourClient(setup, MODERN), swanctl: conf, check },
    {
      name,
      direction: "strongSwan → ours",
      setup: ourGateway(setup, MODERN),
      swanctl: conf,
      check: async (run) => {
        await run.charon.initiate("net");
        await check(run);
      },
    },
  ];
}

/** A tunnel that is up and down for ten seconds each; strongSwan sees a Delete and then a new tunnel. */
const flapping: Row = {
  name: "flapping tunnel torn down and rebuilt",
  direction: "ours → strongSwan",
  setup: ourClient({
    loglevel: 4,
    flapconf: { flapping: true, minflapinterval: "10s", maxflapinterval: "10s" },
  }, MODERN),
  swanctl: CONF,
  check: async (run) => {
    await run.established(1);
    await run.peerLogs(/parsed INFORMATIONAL request \d+ \[ D \]/, 15_000);
    await run.ours.logs(/Tunnel 0 closed \(FLAPPED\)/);
    expect((await run.charon.list()).length === 0, "strongSwan still has the tunnel");
    await run.ours.logs(/Tunnel 0 established again/, 15_000);
    await run.sameKeys(await run.established(2));
    const result = await run.ours.stop();
    const { established, lost, failed } = result.tunnels;
    const counts = JSON.stringify([result.tunnels, result.flaps]);
    expect(established === 1 && lost === 0 && failed === 0, counts);
    expect(result.flaps.down === 1 && result.flaps.up === 1, counts);
    expect(result.result === "passed", `The result is ${result.result}`);
  },
};

/** All rows of this file. */
export const LIVENESS_ROWS: readonly Row[] = [
  clientLoses,
  clientAborts,
  gatewayLoses,
  initialContact,
  flapping,
  ...heardPeer(false),
  ...heardPeer(true),
];
