/**
 * Rows about NAT traversal (RFC 7296 §2.23, RFC 3948): a NAT in front of either end, UDP encapsulation
 * that either end forces, keepalives, mappings that change, rekeys, and NATs that are refused.
 * @module
 */
import type { CharonSa } from "./charon_log.ts";
import { connection, ourClient, ourGateway, OURS, swanctl, THEIRS } from "./ends.ts";
import { delay, type Site, until } from "./harness.ts";
import { forward, hide, keepalivesAt, mappingsLast, removeNats, watchKeepalives } from "./nat.ts";
import { merge, type Setup } from "./ours.ts";
import { expect, type Row, type RowRun } from "./row.ts";
import { MODERN } from "./suites.ts";

/** Addresses under which a client behind a NAT is seen; its interface has them, and nobody else uses them. */
const SEEN = { ours: OURS.many4.replace(/1$/, "120"), theirs: THEIRS.many4.replace(/1$/, "120") };
/**
 * Addresses under which a gateway is seen. They differ, as mappings of one row may still exist in the next.
 */
const SHOWN = { ours: OURS.many4.replace(/1$/, "121"), theirs: THEIRS.many4.replace(/1$/, "121") };
const FIRST_PORT = 20_000;
const OTHER_PORT = 30_000;

/** Makes charon send keepalives each second if it is behind a NAT. */
const KEEP_ALIVE = "keep_alive = 1s";

type Connection = NonNullable<Parameters<typeof connection>[0]>;

function client(ike: Setup = {}, top: Setup = {}): Setup {
  const ikeconf = merge({ enablenatt: true }, ike);
  return ourClient({ loglevel: 4, ...top, ikeconf }, MODERN);
}

function gateway(ike: Setup = {}): Setup {
  const ikeconf = merge({ enablenatt: true }, ike);
  return ourGateway({ loglevel: 4, ikeconf }, MODERN);
}

function theirs(over: Connection = {}): string {
  return swanctl(connection({ suite: MODERN, ...over }));
}

/** A row with NATs that are made before either end starts, and removed afterwards. */
function withNat(row: Omit<Row, "after">): Row {
  return { ...row, after: removeNats };
}

const hideOurs = ({ lab }: RowRun, firstPort = FIRST_PORT) =>
  hide(lab.ours, { as: SEEN.ours, firstPort });
const hideTheirs = ({ lab }: RowRun, firstPort = FIRST_PORT) =>
  hide(lab.theirs, { as: SEEN.theirs, firstPort });

/** Waits for a pattern in our log, which is written every second. */
async function weSay(run: RowRun, words: RegExp): Promise<void> {
  let log = "";
  await until(`${words} in our log`, 5_000, async () => {
    log = await run.ours.log();
    return words.test(log);
  }).catch((error) => {
    throw new Error(`${(error as Error).message}\n${log}`);
  });
}

/** Checks the peer's log, and that the tunnel uses the NAT-T ports of both ends. */
async function floated(run: RowRun, words: RegExp): Promise<CharonSa> {
  const [sa] = await run.established(1);
  await run.peerLogs(words);
  await run.sameKeys([sa!]);
  const listed = (await run.charon.swanctl(["--list-sas"])).stdout;
  expect(/local .*\[4500\]/.test(listed), `strongSwan is not at port 4500: ${listed}`);
  expect(/TUNNEL-in-UDP/.test(listed), `strongSwan's CHILD_SA is not in UDP: ${listed}`);
  await weSay(run, /CHILD_SA \w+\/\w+ \(in UDP\)/);
  return sa!;
}

/** A NAT in front of either end, in both directions. */
const found: Row[] = [
  withNat({
    name: "NAT in front of the client, with its keepalives",
    direction: "ours → strongSwan",
    setup: client({ nattkeepaliveinterval: "1s" }),
    swanctl: theirs({ remoteAddress: SEEN.ours }),
    before: async (run) => {
      await hideOurs(run);
      await watchKeepalives(run.lab.theirs);
    },
    check: async (run) => {
      await floated(run, /remote host is behind NAT/);
      const listed = (await run.charon.swanctl(["--list-sas"])).stdout;
      expect(listed.includes(`${SEEN.ours}[2`), `strongSwan does not see the mapping: ${listed}`);
      await until("keepalives on the wire", 10_000, async () => {
        return await keepalivesAt(run.lab.theirs) >= 2;
      });
      const result = await run.ours.stop();
      expect(result.keepalives.sent >= 2, `We count ${result.keepalives.sent} keepalives`);
      expect(result.tunnels.failed === 0, "A tunnel failed");
    },
  }),
  withNat({
    name: "NAT in front of the client, with its keepalives",
    direction: "strongSwan → ours",
    setup: gateway({ nattkeepaliveinterval: "1s" }),
    settings: KEEP_ALIVE,
    swanctl: theirs(),
    before: (run) => hideTheirs(run),
    check: async (run) => {
      await run.charon.initiate("net");
      await floated(run, /local host is behind NAT, sending keep alives/);
      await weSay(run, /A NAT is in front of the peer/);
      await run.peerLogs(/sending keep alive to/);
      await delay(2_500);
      const result = await run.ours.stop();
      const { sent, received } = result.keepalives;
      expect(received >= 1 && sent === 0, `We count ${received} keepalives, and sent ${sent}`);
      expect(result.tunnels.failed === 0, "A tunnel failed");
    },
  }),
  withNat({
    name: "NAT in front of the gateway",
    direction: "ours → strongSwan",
    setup: client({}, { peeraddr: SHOWN.theirs }),
    swanctl: theirs(),
    before: ({ lab }) => forward(lab.theirs, SHOWN.theirs),
    check: async (run) => {
      await floated(run, /local host is behind NAT/);
      await weSay(run, /A NAT is in front of the peer/);
      await run.wholeLife();
    },
  }),
  withNat({
    name: "NAT in front of the gateway",
    direction: "strongSwan → ours",
    setup: gateway(),
    swanctl: theirs({ remoteAddress: SHOWN.ours }),
    before: ({ lab }) => forward(lab.ours, SHOWN.ours),
    check: async (run) => {
      await run.charon.initiate("net");
      await floated(run, /remote host is behind NAT/);
      await weSay(run, /A NAT is in front of this end/);
      await run.wholeLife();
    },
  }),
];

/** The same check with the tunnel initiated by either end. */
function bothWays(
  name: string,
  { ike = {}, connection: over = {}, check }: {
    readonly ike?: Setup;
    readonly connection?: Connection;
    readonly check: (run: RowRun) => Promise<void>;
  },
): Row[] {
  const conf = theirs(over);
  const toOurs = async (run: RowRun) => {
    await run.charon.initiate("net");
    await check(run);
  };
  return [
    { name, direction: "ours → strongSwan", setup: client(ike), swanctl: conf, check },
    { name, direction: "strongSwan → ours", setup: gateway(ike), swanctl: conf, check: toOurs },
  ];
}

const forced: Row[] = [
  ...bothWays("UDP encapsulation forced by strongSwan", {
    connection: { extra: "mobike = no\n    encap = yes" },
    check: async (run) => {
      await floated(run, /faking NAT situation to enforce UDP encapsulation/);
      await run.wholeLife();
    },
  }),
  ...bothWays("UDP encapsulation forced by us", {
    ike: { tradtionalencapforceudp: true },
    check: async (run) => {
      await floated(run, /remote host is behind NAT/);
      await run.wholeLife();
    },
  }),
  ...bothWays("NAT detection without a NAT", {
    check: async (run) => {
      await run.established(1);
      const listed = (await run.charon.swanctl(["--list-sas"])).stdout;
      expect(/local .*\[500\]/.test(listed), `strongSwan is not at port 500: ${listed}`);
      expect(!/in-UDP/.test(listed), `strongSwan's CHILD_SA is in UDP: ${listed}`);
      await run.wholeLife();
    },
  }),
];

const refused: Row = withNat({
  name: "NAT refused by disallownat",
  direction: "ours → strongSwan",
  setup: client({ disallownat: true }),
  swanctl: theirs({ remoteAddress: SEEN.ours }),
  before: (run) => hideOurs(run),
  check: async (run) => {
    await run.failure([/A NAT is in front of this end/, /disallownat allows none/]);
    expect(await run.peerLogged(/parsed IKE_AUTH request/) === 0, "We sent IKE_AUTH");
  },
});

/** The address that strongSwan now considers its peer's. */
async function peerAt(run: RowRun): Promise<string> {
  const listed = (await run.charon.swanctl(["--list-sas"])).stdout;
  return /remote '.*' @ (\S+)/.exec(listed)?.[1] ?? "";
}

/** Lets the mappings of `site` expire by silence, and makes the next ones different. */
async function changeMapping(site: Site, as: string): Promise<void> {
  await delay(2_500);
  await hide(site, { as, firstPort: OTHER_PORT });
  await mappingsLast(site);
}

/** Makes our end send liveness checks also if the peer was heard. */
const CHECKS: Setup = { forcedpd: true, dpdinterval: "5s" };

const changing: Row[] = [
  withNat({
    name: "NAT mapping that changes",
    direction: "ours → strongSwan",
    setup: client(CHECKS),
    swanctl: theirs({ remoteAddress: SEEN.ours }),
    before: async (run) => {
      await hideOurs(run);
      await mappingsLast(run.lab.ours, 1);
    },
    check: async (run) => {
      const sa = await floated(run, /remote host is behind NAT/);
      const before = await peerAt(run);
      await changeMapping(run.lab.ours, SEEN.ours);
      await until("strongSwan following our mapping", 15_000, async () => {
        return (await peerAt(run)).startsWith(`${SEEN.ours}[3`);
      });
      expect(before.startsWith(`${SEEN.ours}[2`), `strongSwan saw us at ${before} before`);
      // strongSwan sends first, so that it must use the new mapping.
      const done = await run.charon.swanctl(["--rekey", "--child", "net"]);
      expect(done.code === 0, `swanctl says ${done.stderr.trim()}`);
      await keyed(run, sa.id, 4);
      const result = await run.ours.stop();
      expect(result.tunnels.failed === 0, `Failures: ${JSON.stringify(result.failures)}`);
    },
  }),
  withNat({
    name: "NAT mapping that changes",
    direction: "strongSwan → ours",
    setup: gateway(CHECKS),
    swanctl: theirs(),
    before: async (run) => {
      await hideTheirs(run);
      await mappingsLast(run.lab.theirs, 1);
    },
    check: async (run) => {
      await run.charon.initiate("net");
      const sa = await floated(run, /local host is behind NAT/);
      await changeMapping(run.lab.theirs, SEEN.theirs);
      await run.charon.swanctl(["--rekey", "--child", "net"]);
      await keyed(run, sa.id, 4);
      const at = SEEN.theirs;
      await weSay(run, new RegExp(`mapping changed: ${at}:2\\d+ is ${at}:3\\d+ now`));
      // Our end sends first, so that it must use the new mapping.
      await run.peerLogs(/parsed INFORMATIONAL request \d+ \[ \]/);
      await until("an answer to our check", 5_000, async () => {
        return await run.peerLogged(/generating INFORMATIONAL response \d+ \[ \]/) > 0;
      });
      const result = await run.ours.stop();
      expect(result.tunnels.failed === 0, `Failures: ${JSON.stringify(result.failures)}`);
    },
  }),
];

/** Waits until strongSwan has keys of `espSas` ESP SAs (two for each CHILD_SA), and compares them all. */
async function keyed(run: RowRun, id: number, espSas: number): Promise<void> {
  const sa = await until(`${espSas} ESP SAs keyed at strongSwan`, 15_000, async () => {
    const found = (await run.charon.sas()).find((one) => one.id === id);
    return found && found.esp.size >= espSas ? found : undefined;
  });
  await run.sameKeys([sa]);
}

/** strongSwan rekeys a CHILD_SA and the IKE SA, and then our end does. */
async function rekeys(run: RowRun, words: RegExp): Promise<void> {
  await floated(run, words);
  await run.charon.swanctl(["--rekey", "--child", "net"]);
  await run.peerLogs(/CREATE_CHILD_SA response \d+ \[ SA No TSi TSr \]/);
  await run.charon.swanctl(["--rekey", "--ike", "net"]);
  await run.peerLogs(/rescheduling reauthentication|IKE_SA net\[\d+\] rekeyed|rekeyed between/);
  await run.peerLogs(/parsed CREATE_CHILD_SA request \d+ \[ N\(REKEY_SA\)/, 20_000);
  const listed = (await run.charon.swanctl(["--list-sas"])).stdout;
  expect(/local .*\[4500\]/.test(listed), `strongSwan is not at port 4500: ${listed}`);
  const result = await run.ours.stop();
  const { ike, child } = result.rekeys;
  expect(ike >= 1 && child >= 2, `The result counts ${ike} and ${child} rekeys`);
  expect(result.tunnels.failed === 0, `Failures: ${JSON.stringify(result.failures)}`);
}

/** Our end rekeys by itself after 6 s. */
const SHORT: Setup = {
  margintime: "4s",
  jitter: false,
  childlist: [{
    encalg: ["aes-gcm-16:128"],
    ownts: [{ startaddr: OURS.net[0], endaddr: OURS.net[1] }],
    peerts: [{ startaddr: THEIRS.net[0], endaddr: THEIRS.net[1] }],
    lifetime: "10s",
  }],
};

const rekeyed: Row[] = [
  withNat({
    name: "rekeys through a NAT",
    direction: "ours → strongSwan",
    setup: client(SHORT),
    swanctl: theirs({ remoteAddress: SEEN.ours }),
    before: (run) => hideOurs(run),
    check: (run) => rekeys(run, /remote host is behind NAT/),
  }),
  withNat({
    name: "rekeys through a NAT",
    direction: "strongSwan → ours",
    setup: gateway(SHORT),
    swanctl: theirs(),
    before: (run) => hideTheirs(run),
    check: async (run) => {
      await run.charon.initiate("net");
      await rekeys(run, /local host is behind NAT/);
    },
  }),
];

/** All rows of this file. */
export const NATT_ROWS: readonly Row[] = [
  ...found,
  ...forced,
  refused,
  ...changing,
  ...rekeyed,
];
