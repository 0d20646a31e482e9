/**
 * Rows without a tunnel: one end refuses the other, or nobody answers. Our result must say so in words that a
 * user can act on, and the peer must have seen the right notify.
 * @module
 */
import { child, connection, ourClient, ourGateway, OURS, swanctl, THEIRS } from "./ends.ts";
import { type Lab, until } from "./harness.ts";
import type { Setup } from "./ours.ts";
import { expect, expectCounts, expectFailure, type Row, type RowRun } from "./row.ts";
import { PLAIN } from "./suites.ts";

const WRONG_PSK = "this-is-not-the-secret";

/** What the peer must log and our result must say of a refused tunnel. */
interface Refusal {
  readonly peer: RegExp;
  readonly words: readonly RegExp[];
}

/** A row in which we initiate and strongSwan refuses. */
function refusedByPeer(name: string, setup: Setup, conf: string, refusal: Refusal): Row {
  return {
    name,
    direction: "ours → strongSwan",
    setup: ourClient(setup),
    swanctl: conf,
    check: async (run) => {
      const result = await run.failure(refusal.words);
      expectCounts(result, { established: 0, failed: 1 });
      await run.peerLogs(refusal.peer, 1_000);
      await nothingLeft(run);
    },
  };
}

/** A row in which strongSwan initiates and we refuse. */
function refusedByUs(name: string, setup: Setup, conf: string, refusal: Refusal): Row {
  return {
    name,
    direction: "strongSwan → ours",
    setup: ourGateway(setup),
    swanctl: conf,
    check: async (run) => {
      const done = await run.charon.tryInitiate("net", 5);
      expect(done.code !== 0, "strongSwan says that the tunnel is up");
      await run.peerLogs(refusal.peer, 1_000);
      const result = await run.ours.stop();
      expectFailure(result, refusal.words);
      expect(result.tunnels.established === 0, "The result counts an established tunnel");
      await nothingLeft(run);
    },
  };
}

/** Checks that neither end keeps an IKE SA of a failed tunnel. */
async function nothingLeft(run: RowRun): Promise<void> {
  await until("no IKE SA left at strongSwan", 5_000, async () => {
    return (await run.charon.list()).length === 0;
  });
}

const OTHER_NET = [{ startaddr: "10.9.0.0", endaddr: "10.9.255.255" }];

const authentication: Row[] = [
  refusedByPeer("wrong PSK", {}, swanctl(connection(), WRONG_PSK), {
    peer: /MAC mismatched/,
    words: [/AUTHENTICATION_FAILED/, /ours\.interop\.test/, /psk|pre-shared|shared key/i],
  }),
  refusedByUs("wrong PSK", {}, swanctl(connection(), WRONG_PSK), {
    peer: /received AUTHENTICATION_FAILED notify error/,
    words: [/AUTHENTICATION_FAILED/, /theirs\.interop\.test/, /psk|pre-shared|shared key/i],
  }),
  refusedByPeer(
    "identity unknown to strongSwan",
    { ikeconf: { myid: "stranger.interop.test" } },
    swanctl(connection()),
    {
      peer: /no matching peer config found/,
      words: [/AUTHENTICATION_FAILED/, /stranger\.interop\.test/],
    },
  ),
  refusedByPeer(
    "peer identity unknown to strongSwan",
    { ikeconf: { peerid: "nobody.interop.test" } },
    swanctl(connection()),
    { peer: /no matching peer config found/, words: [/AUTHENTICATION_FAILED/] },
  ),
];

const proposals: Row[] = [
  refusedByPeer(
    "no common IKE proposal",
    {},
    swanctl(connection({ proposals: "aes256-sha512-modp2048" })),
    {
      peer: /received proposals unacceptable/,
      words: [/NO_PROPOSAL_CHOSEN/, /aes[-_]cbc\D*128/i, /sha2?[-_]?256/i],
    },
  ),
  refusedByUs(
    "no common IKE proposal",
    {},
    swanctl(connection({ proposals: "aes256-sha512-modp2048" })),
    {
      peer: /received NO_PROPOSAL_CHOSEN notify error/,
      words: [/NO_PROPOSAL_CHOSEN/, /aes[-_]cbc\D*256/i, /aes[-_]cbc\D*128/i, /sha2?[-_]?512/i],
    },
  ),
  refusedByPeer(
    "no common key exchange group",
    {},
    swanctl(connection({ proposals: "aes128-sha256-ecp256" })),
    { peer: /received proposals unacceptable/, words: [/NO_PROPOSAL_CHOSEN/, /modp|group 14/i] },
  ),
  refusedByUs(
    "no common key exchange group",
    {},
    swanctl(connection({ proposals: "aes128-sha256-ecp256" })),
    {
      peer: /received NO_PROPOSAL_CHOSEN notify error/,
      words: [/NO_PROPOSAL_CHOSEN/, /ecp|p-?256|group 19/i],
    },
  ),
  refusedByPeer(
    "no common ESP proposal",
    {},
    swanctl(connection({ espProposals: "aes256-sha512" })),
    {
      peer: /no acceptable proposal found/,
      words: [/NO_PROPOSAL_CHOSEN/, /esp|child/i, /aes[-_]cbc\D*128/i],
    },
  ),
  refusedByUs(
    "no common ESP proposal",
    {},
    swanctl(connection({ espProposals: "aes256-sha512" })),
    {
      peer: /received NO_PROPOSAL_CHOSEN notify/,
      words: [/NO_PROPOSAL_CHOSEN/, /esp|child/i, /aes[-_]cbc\D*256/i, /aes[-_]cbc\D*128/i],
    },
  ),
];

const selectors: Row[] = [
  refusedByPeer(
    "no common traffic selector",
    { ikeconf: { childlist: [child(PLAIN, { peerts: OTHER_NET })] } },
    swanctl(connection()),
    {
      peer: /traffic selectors .* unacceptable/,
      words: [/TS_UNACCEPTABLE/, /10\.9\.0\.0/, /10\.2\.0\.0/],
    },
  ),
  refusedByUs(
    "no common traffic selector",
    { ikeconf: { childlist: [child(PLAIN, { ownts: OTHER_NET })] } },
    swanctl(connection()),
    {
      peer: /received TS_UNACCEPTABLE notify/,
      words: [/TS_UNACCEPTABLE/, /10\.9\.0\.0/, /10\.2\.0\.0/],
    },
  ),
];

const TRIES = 3;
const quick: Setup = { ikeconf: { retraninterval: "300ms", maxretran: TRIES } };

/** Number of datagrams that the peer of a lab had received before the row began. */
const receivedBefore = new WeakMap<Lab, number>();

const silence: Row[] = [
  {
    name: "peer that never answers",
    direction: "ours → strongSwan",
    setup: ourClient(quick),
    // strongSwan runs, and with this setting drops requests for which it has no connection.
    settings: "initiator_only = yes",
    swanctl: swanctl(connection()),
    before: async ({ lab }) => {
      receivedBefore.set(lab, await lab.udpReceived(lab.theirs));
    },
    check: async (run) => {
      const result = await run.failure([new RegExp(`\\b${TRIES}\\b`), /10\.77\.0\.1\b/]);
      expectCounts(result, { established: 0, failed: 1 });
      const came = await run.lab.udpReceived(run.lab.theirs) - receivedBefore.get(run.lab)!;
      expect(came === TRIES, `strongSwan was sent ${came} datagrams, not ${TRIES}`);
      expect(result.retransmissions === TRIES - 1, `${result.retransmissions} retransmissions`);
    },
  },
  {
    name: "address where nobody is",
    direction: "ours → strongSwan",
    setup: ourClient({ ...quick, peeraddr: "10.77.0.99" }),
    swanctl: swanctl(connection()),
    check: async (run) => {
      const result = await run.failure([/10\.77\.0\.99/]);
      expectCounts(result, { established: 0, failed: 1 });
    },
  },
  {
    name: "port where nobody listens",
    direction: "ours → strongSwan",
    setup: ourClient({ ...quick, peerport: 5999 }),
    swanctl: swanctl(connection()),
    check: async (run) => {
      const result = await run.failure([/10\.77\.0\.1\b/, /5999/]);
      expectCounts(result, { established: 0, failed: 1 });
    },
  },
];

const unknownAddress: Row = {
  name: "no connection for our address",
  direction: "ours → strongSwan",
  setup: ourClient(),
  swanctl: swanctl(connection({ remoteAddress: "10.77.0.77" })),
  check: async (run) => {
    await run.failure([/NO_PROPOSAL_CHOSEN/]);
    await run.peerLogs(new RegExp(`no IKE config found for ${THEIRS.address4}...${OURS.address4}`));
  },
};

/** All rows of this file. */
export const REFUSAL_ROWS: readonly Row[] = [
  ...authentication,
  ...proposals,
  ...selectors,
  ...silence,
  unknownAddress,
];
