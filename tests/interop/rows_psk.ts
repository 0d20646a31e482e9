/**
 * Rows that establish tunnels with a pre-shared key: the matrix of suites, many tunnels, several proposals,
 * identities, addresses, narrowing. Every one compares the keys of both ends.
 * @module
 */
import {
  child,
  connection,
  OUR_ID,
  ourClient,
  ourGateway,
  OURS,
  swanctl,
  THEIR_ID,
  THEIRS,
} from "./ends.ts";
import { merge, type Setup } from "./ours.ts";
import { expect, expectCounts, type Row, type RowRun } from "./row.ts";
import { ikeProposal, MODERN, PLAIN, showSuite, type Suite, SUITES } from "./suites.ts";

const TUNNELS = 100;

function suiteRows(suite: Suite): Row[] {
  const name = `psk ${showSuite(suite)}`;
  return bothWays(name, { suite });
}

/** A tunnel that two rows establish, each initiated by another end. */
interface Pair {
  readonly suite?: Suite;
  /** Options that are added to our setup in either role. */
  readonly setup?: Setup;
  readonly client?: Setup;
  /** Options of strongSwan's connection. */
  readonly theirs?: Parameters<typeof connection>[0];
  /** The check after the tunnel is up; by default {@linkcode RowRun.wholeLife}. */
  readonly check?: (run: RowRun) => Promise<void>;
}

function bothWays(name: string, pair: Pair): Row[] {
  const suite = pair.suite ?? PLAIN;
  const setup = pair.setup ?? {};
  const conf = swanctl(connection({ suite, ...pair.theirs }));
  const check = pair.check ?? ((run: RowRun) => run.wholeLife());
  return [
    {
      name,
      direction: "ours → strongSwan",
      setup: ourClient(merge(setup, pair.client ?? {}), suite),
      swanctl: conf,
      check,
    },
    {
      name,
      direction: "strongSwan → ours",
      setup: ourGateway(setup, suite),
      swanctl: conf,
      check: async (run) => {
        await run.charon.initiate("net");
        await check(run);
      },
    },
  ];
}

function manyTunnels(suite: Suite, label: string): Row[] {
  const name = `${TUNNELS} tunnels, ${label}`;
  const indices = Array.from({ length: TUNNELS }, (_, i) => i);
  const each = indices.map((i) =>
    connection({
      name: `net${i}`,
      suite,
      localAddress: THEIRS.many4.replace(/1$/, String(i + 1)),
      localTs: `10.1.0.${i}/32`,
      // All tunnels have one identity; by default each would close the one before by INITIAL_CONTACT.
      extra: "mobike = no\n    unique = never",
    })
  );
  return [
    {
      name,
      direction: "ours → strongSwan",
      setup: ourClient(
        {
          numberoftunnels: TUNNELS,
          startclntaddr: `${OURS.many4}/16`,
          owntsaddrincrease: 1,
          ikeconf: {
            childlist: [child(suite, { ownts: [{ startaddr: "10.2.0.0", endaddr: "10.2.0.0" }] })],
          },
        },
        suite,
      ),
      swanctl: swanctl(connection({ suite, remoteAddress: "%any" })),
      check: (run) => run.wholeLife(TUNNELS),
    },
    {
      name,
      direction: "strongSwan → ours",
      setup: ourGateway({ numberoftunnels: TUNNELS }, suite),
      swanctl: swanctl(each.join("")),
      check: async (run) => {
        await inTurn(indices, 8, (i) => run.charon.initiate(`net${i}`, 20));
        await run.wholeLife(TUNNELS);
      },
    },
  ];
}

/** Runs `work` for every item, at most `width` at a time. */
async function inTurn<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>) {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/** Lists of several algorithms; the common ones are in the middle of both ends' lists. */
const SEVERAL: Setup = {
  ikeencyptalg: ["aes-gcm-16:256", "aes-cbc:256", "aes-cbc:128", "3des"],
  ikeintegrityalg: ["sha512", "sha256", "sha1-96"],
  ikeprfalg: ["sha512", "sha256"],
  dhgrpid: [31, 14],
};

const severalRows = bothWays("several proposals, AEAD apart from others", {
  setup: {
    ikeconf: {
      ...SEVERAL,
      childlist: [child(PLAIN, {
        encalg: ["chacha20-poly1305", "aes-cbc:256", "aes-cbc:128"],
        integrityalg: ["sha512", "sha256"],
      })],
    },
  },
  theirs: {
    proposals:
      `chacha20poly1305-prfsha384-ecp384, aes128-aes192-sha384-sha256-prfsha256-curve25519`,
    espProposals: "aes128gcm16, aes128-aes192-sha1-sha256",
  },
});

const invalidKe = bothWays("INVALID_KE_PAYLOAD and the second try", {
  setup: { ikeconf: { dhgrpid: [19, 14] } },
  theirs: { proposals: "aes128-sha256-prfsha256-ecp384-modp2048" },
  check: async (run) => {
    await run.peerLogs(/DH group MODP_2048|KE payload|INVAL_KE|requesting|requested/);
    expect(await run.peerLogged(/N\(INVAL_KE\)/) === 1, "INVALID_KE_PAYLOAD was not sent once");
    await run.wholeLife();
  },
});

function identityRows(label: string, id: string): Row[] {
  return bothWays(`identity ${label}`, {
    setup: { ikeconf: { myid: id } },
    theirs: { remoteId: id },
  });
}

/** A row in which our `peerid` asks for an identity of strongSwan and `matchpeerid` insists on it. */
function peerIdentityRow(label: string, id: string): Row {
  return {
    name: `peer identity ${label}`,
    direction: "ours → strongSwan",
    setup: ourClient({ ikeconf: { peerid: id, matchpeerid: true } }),
    swanctl: swanctl(connection({ localId: id })),
    check: (run) => run.wholeLife(),
  };
}

const identities: Row[] = [
  ...identityRows("e-mail address", "tester@interop.test"),
  ...identityRows("IPv4 address", "192.0.2.7"),
  ...identityRows("IPv6 address", "2001:db8::7"),
  {
    name: "identity client-src-addr",
    direction: "ours → strongSwan",
    setup: ourClient({ ikeconf: { myid: "client-src-addr" } }),
    swanctl: swanctl(connection({ remoteId: OURS.address4 })),
    check: (run) => run.wholeLife(),
  },
  peerIdentityRow("e-mail address", "gateway@interop.test"),
  peerIdentityRow("IPv4 address", "192.0.2.8"),
  peerIdentityRow("IPv6 address", "2001:db8::8"),
  {
    name: "peer identity peer-addr",
    direction: "ours → strongSwan",
    setup: ourClient({ ikeconf: { peerid: "peer-addr", matchpeerid: true } }),
    swanctl: swanctl(connection({ localId: THEIRS.address4 })),
    check: (run) => run.wholeLife(),
  },
  {
    name: "no peer identity asked for",
    direction: "ours → strongSwan",
    setup: ourClient({ ikeconf: { peerid: "", matchpeerid: false } }),
    swanctl: swanctl(connection()),
    check: async (run) => {
      await run.wholeLife();
      const asked = await run.peerLogged(/parsed IKE_AUTH request 1 \[ IDi.* IDr /);
      expect(asked === 0, "IDr was sent although peerid is empty");
    },
  },
];

const narrowing = bothWays("traffic selectors narrowed by the responder", {
  client: {},
  setup: {
    ikeconf: {
      childlist: [child(PLAIN, {
        ownts: [{ startaddr: "10.2.0.0", endaddr: "10.2.255.255" }],
        peerts: [{ startaddr: "10.0.0.0", endaddr: "10.255.255.255" }],
      })],
    },
  },
  theirs: { localTs: "10.1.0.0/16", remoteTs: "10.0.0.0/8" },
  check: async (run) => {
    await run.established(1);
    const child = (await run.charon.list())[0]?.children[0];
    const both = `${child?.local} === ${child?.remote}`;
    expect(both === "10.1.0.0/16 === 10.2.0.0/16", `strongSwan's selectors are ${both}`);
    await run.wholeLife();
  },
});

const portSelectors = bothWays("traffic selectors with protocol and ports", {
  setup: {
    ikeconf: {
      childlist: [child(PLAIN, {
        ownts: [{ startaddr: "10.2.0.1", endaddr: "10.2.0.1", protocol: 17 }],
        peerts: [
          {
            startaddr: "10.1.0.1",
            endaddr: "10.1.0.1",
            protocol: 17,
            startport: 5000,
            endport: 5010,
          },
        ],
      })],
    },
  },
  theirs: { localTs: "10.1.0.1/32[udp/5000-5010]", remoteTs: "10.2.0.1/32[udp]" },
});

const v6: Setup = { ikeconf: { myid: OUR_ID, peerid: THEIR_ID } };
const ipv6Outer: Row[] = [
  {
    name: "IPv6 outside, IPv4 inside",
    direction: "ours → strongSwan",
    setup: ourClient(
      merge(v6, { startclntaddr: `${OURS.address6}/64`, peeraddr: THEIRS.address6 }),
    ),
    swanctl: swanctl(
      connection({ localAddress: THEIRS.address6, remoteAddress: OURS.address6 }),
    ),
    check: (run) => run.wholeLife(),
  },
  {
    name: "IPv6 outside, IPv4 inside",
    direction: "strongSwan → ours",
    setup: ourGateway({ bindifaddr: `${OURS.address6}/64` }),
    swanctl: swanctl(
      connection({ localAddress: THEIRS.address6, remoteAddress: OURS.address6 }),
    ),
    check: async (run) => {
      await run.charon.initiate("net");
      await run.wholeLife();
    },
  },
];

const ipv6Inner = bothWays("IPv4 outside, IPv6 inside", {
  setup: {
    ikeconf: {
      childlist: [child(MODERN, {
        ownts: [{ startaddr: "fd02::", endaddr: "fd02::ffff:ffff:ffff:ffff" }],
        peerts: [{ startaddr: "fd01::", endaddr: "fd01::ffff:ffff:ffff:ffff" }],
      })],
    },
  },
  suite: MODERN,
  theirs: { localTs: "fd01::/64", remoteTs: "fd02::/64" },
});

/** A row in which strongSwan uses port 4500 at both ends although our NAT-T is off; it is answered there. */
function onPort4500(name: string, setup: Setup, extra: string): Row {
  return {
    name,
    direction: "strongSwan → ours",
    setup: ourGateway(setup),
    swanctl: swanctl(connection({ extra })),
    check: async (run) => {
      await run.charon.initiate("net");
      await run.wholeLife();
      const sent = await run.peerLogged(/sending packet: from \S+\[4500\] to \S+\[4500\]/);
      expect(sent > 0, "strongSwan did not speak from port 4500 to port 4500");
    },
  };
}

const natPort: Row[] = [
  onPort4500(
    "strongSwan begins at port 4500, NAT-T is off",
    {},
    "mobike = no\n    remote_port = 4500\n    local_port = 4500",
  ),
  {
    name: "MOBIKE offered by strongSwan, not by us",
    direction: "strongSwan → ours",
    setup: ourGateway(),
    swanctl: swanctl(connection({ extra: "mobike = yes" })),
    check: async (run) => {
      await run.charon.initiate("net");
      await run.wholeLife();
    },
  },
];

const runningTime: Row = {
  name: "runningtime ends the test, which passed",
  direction: "ours → strongSwan",
  setup: ourClient({ runningtime: "2s" }, MODERN),
  settings: "send_vendor_id = yes",
  swanctl: swanctl(connection({ suite: MODERN })),
  check: async (run) => {
    await run.sameKeys(await run.established(1));
    const result = await run.ours.ended(15_000);
    const ids = result.vendorIds;
    expect(
      ids["882fe56d6fd20dbc2251613b2ebe5beb (strongSwan)"] === 1,
      `The Vendor IDs are ${JSON.stringify(ids)}`,
    );
    expectCounts(result, { established: 1, failed: 0 });
    expect(result.result === "passed", `The result is ${result.result}`);
    expect(run.ours.exitCode === 0, `The exit status is ${run.ours.exitCode}`);
  },
};

/** All rows of this file. */
export const PSK_ROWS: readonly Row[] = [
  ...SUITES.flatMap(suiteRows),
  ...severalRows,
  ...invalidKe,
  ...manyTunnels(PLAIN, ikeProposal(PLAIN)),
  ...manyTunnels(MODERN, ikeProposal(MODERN)),
  ...identities,
  ...narrowing,
  ...portSelectors,
  ...ipv6Outer,
  ...ipv6Inner,
  ...natPort,
  runningTime,
];
