/**
 * Rows about fragments (RFC 7383). Fragments are so small that IKE_AUTH of a PSK tunnel has several; both
 * ends fragment, or only one of them, or none if one end does not support it.
 * @module
 */
import { connection, ourClient, ourGateway, swanctl } from "./ends.ts";
import type { Setup } from "./ours.ts";
import { expect, type Row, type RowRun } from "./row.ts";
import { MODERN, PLAIN } from "./suites.ts";

/** Octets of strongSwan's packets with a fragment, including the IP header. */
const SMALL_PACKETS = "fragment_size = 200";
/** Matches strongSwan's log for each message that it fragments, and for each fragment that it receives. */
const THEY_CUT = /splitting IKE message \(\d+ bytes\) into [2-9]\d* fragments/;
const WE_CUT = /received fragment #1 of [2-9]\d*/;

/** The configuration of each end, and which of them must then fragment its messages. */
interface Case {
  readonly name: string;
  readonly ikeconf: Setup;
  /** The option `fragmentation` of strongSwan. */
  readonly theirs: "yes" | "accept" | "no";
  readonly weCut: boolean;
  readonly theyCut: boolean;
  readonly suite?: typeof PLAIN;
}

const SMALL: Setup = { enablefragment: true, mtu: 100 };
const CASES: readonly Case[] = [
  { name: "fragments of both ends", ikeconf: SMALL, theirs: "yes", weCut: true, theyCut: true },
  {
    name: "fragments of both ends, cipher with an integrity algorithm",
    ikeconf: { ...SMALL, mtu: 64 },
    theirs: "yes",
    weCut: true,
    theyCut: true,
    suite: PLAIN,
  },
  {
    name: "fragments of strongSwan, our messages are short enough",
    ikeconf: { enablefragment: true },
    theirs: "yes",
    weCut: false,
    theyCut: true,
  },
  {
    name: "fragments of ours, strongSwan takes them and sends none",
    ikeconf: SMALL,
    theirs: "accept",
    weCut: true,
    theyCut: false,
  },
  {
    name: "no fragments: strongSwan does not support them",
    ikeconf: SMALL,
    theirs: "no",
    weCut: false,
    theyCut: false,
  },
  {
    name: "no fragments: switched off here",
    ikeconf: { enablefragment: false, mtu: 100 },
    theirs: "yes",
    weCut: false,
    theyCut: false,
  },
];

function rowsOf({ name, ikeconf, theirs, weCut, theyCut, suite = MODERN }: Case): Row[] {
  const extra = `mobike = no\n    fragmentation = ${theirs}`;
  const common = {
    name,
    settings: SMALL_PACKETS,
    swanctl: swanctl(connection({ suite, extra })),
  };
  const check = async (run: RowRun) => {
    await run.wholeLife();
    const theirCuts = await run.peerLogged(THEY_CUT);
    const ourCuts = await run.peerLogged(WE_CUT);
    expect(theirCuts > 0 === theyCut, `strongSwan cut ${theirCuts} messages`);
    expect(ourCuts > 0 === weCut, `strongSwan received ${ourCuts} messages in fragments`);
    expect(await run.peerLogged(/retransmit \d+ of request/) === 0, "strongSwan repeated itself");
  };
  return [
    { ...common, direction: "ours → strongSwan", setup: ourClient({ ikeconf }, suite), check },
    {
      ...common,
      direction: "strongSwan → ours",
      setup: ourGateway({ ikeconf }, suite),
      check: async (run) => {
        await run.charon.initiate("net");
        await check(run);
      },
    },
  ];
}

/** All rows of this file. */
export const FRAGMENT_ROWS: readonly Row[] = CASES.flatMap(rowsOf);
