/**
 * Rows about what happens around and after the set-up: cookies, Deletes by either end, liveness checks,
 * rekeys by either end, and a second CHILD_SA.
 * @module
 */
import type { CharonSa } from "./charon_log.ts";
import { connection, ourClient, ourGateway, swanctl, THEIRS } from "./ends.ts";
import { delay, until } from "./harness.ts";
import type { Setup } from "./ours.ts";
import { expect, type Row, type RowRun } from "./row.ts";
import { MODERN } from "./suites.ts";

const SECOND_CHILD = `second {
        local_ts = 10.1.0.0/16
        remote_ts = 10.2.7.0/24
        esp_proposals = aes128gcm16
      }`;

/** The same check with the tunnel initiated by either end. */
function bothWays(
  name: string,
  theirs: NonNullable<Parameters<typeof connection>[0]>,
  check: (run: RowRun) => Promise<void>,
): Row[] {
  const conf = swanctl(connection({ suite: MODERN, ...theirs }));
  return [
    { name, direction: "ours → strongSwan", setup: ourClient({}, MODERN), swanctl: conf, check },
    {
      name,
      direction: "strongSwan → ours",
      setup: ourGateway({}, MODERN),
      swanctl: conf,
      check: async (run) => {
        await run.charon.initiate("net");
        await check(run);
      },
    },
  ];
}

/** Whether strongSwan was the original initiator. */
function byStrongSwan(sa: CharonSa): boolean {
  return sa.lines.some((line) => line.startsWith("generating IKE_AUTH request"));
}

const deletes: Row[] = [
  ...bothWays("IKE SA deleted by us", {}, async (run) => {
    await run.established(1);
    await run.ours.stop();
    await run.peerLogs(/received DELETE for IKE_SA/);
    expect((await run.charon.list()).length === 0, "strongSwan still lists the IKE SA");
  }),
  ...bothWays("IKE SA deleted by strongSwan", {}, async (run) => {
    const [sa] = await run.established(1);
    const done = await run.charon.swanctl(["--terminate", "--ike", "net", "--timeout", "5"]);
    expect(done.code === 0, `swanctl says ${done.stderr.trim()}`);
    await run.peerLogs(/parsed INFORMATIONAL response \d+ \[ \]/);
    expect(await run.peerLogged(/retransmit \d+ of request/) === 0, "The delete was repeated");
    if (byStrongSwan(sa!)) {
      const result = await run.ours.stop();
      expect(result.failures.length === 0, `Failures: ${JSON.stringify(result.failures)}`);
    } else {
      // A client has lost its only tunnel: the test ends by itself and says so.
      await run.failure([/DELETED_BY_PEER/, /deleted/]);
    }
  }),
  ...bothWays("CHILD_SA deleted by strongSwan", {}, async (run) => {
    const [sa] = await run.established(1);
    await run.sameKeys([sa!]);
    const done = await run.charon.swanctl(["--terminate", "--child", "net", "--timeout", "5"]);
    expect(done.code === 0, `swanctl says ${done.stderr.trim()}`);
    await run.peerLogs(/parsed INFORMATIONAL response \d+ \[ D \]/);
    const spis = [...sa!.esp.keys()].join("|");
    await run.peerLogs(new RegExp(`received DELETE for ESP CHILD_SA with SPI (${spis})`));
    const [left] = await run.charon.list();
    expect(left?.state === "ESTABLISHED", "The IKE SA went with its CHILD_SA");
    await run.ours.stop();
  }),
];

/** A valid IKE_SA_INIT request of a sender that does not continue: AES-CBC-128, SHA2-256, X25519. */
function halfOpenRequest(): Uint8Array {
  const transforms = [
    [3, 0, 0, 12, 1, 0, 0, 12, 0x80, 14, 0, 128],
    [3, 0, 0, 8, 3, 0, 0, 12],
    [3, 0, 0, 8, 2, 0, 0, 5],
    [0, 0, 0, 8, 4, 0, 0, 31],
  ].flat();
  const proposal = [0, 0, 0, 8 + transforms.length, 1, 1, 0, 4, ...transforms];
  const random = (octets: number) => [...crypto.getRandomValues(new Uint8Array(octets))];
  const payload = (next: number, body: number[]) => [next, 0, 0, 4 + body.length, ...body];
  const body = [
    ...payload(34, proposal),
    ...payload(40, [0, 31, 0, 0, ...random(32)]),
    ...payload(0, random(32)),
  ];
  const header = [...random(8), 0, 0, 0, 0, 0, 0, 0, 0, 33, 0x20, 34, 8, 0, 0, 0, 0, 0, 0, 0];
  return Uint8Array.from([...header, 28 + body.length, ...body]);
}

const cookies: Row[] = [
  {
    name: "cookie demanded by strongSwan",
    direction: "ours → strongSwan",
    setup: ourClient({}, MODERN),
    settings: "cookie_threshold = 1",
    swanctl: swanctl(
      connection({ suite: MODERN, remoteAddress: "%any" }) +
        connection({ name: "other", proposals: "aes128-sha256-curve25519", remoteAddress: "%any" }),
    ),
    before: async (run) => {
      await run.lab.datagram(run.lab.ours, THEIRS.address4, halfOpenRequest());
      await run.peerLogs(/generating IKE_SA_INIT response 0 \[ SA/);
    },
    check: async (run) => {
      await run.established(1);
      const log = await run.charon.log();
      expect(
        /generating IKE_SA_INIT response 0 \[ N\(COOKIE\) \]/.test(log),
        "No cookie was demanded",
      );
      expect(/parsed IKE_SA_INIT request 0 \[ N\(COOKIE\) SA/.test(log), "No cookie came first");
      const [sa] = await run.established(1);
      await run.sameKeys([sa!]);
      const result = await run.ours.stop();
      expect(result.tunnels.established === 1, "The result does not count the tunnel");
    },
  },
  {
    name: "cookie demanded by us",
    direction: "strongSwan → ours",
    setup: ourGateway({ ikeconf: { numoftunneltoenablecookie: 0 } }, MODERN),
    swanctl: swanctl(connection({ suite: MODERN })),
    check: async (run) => {
      await run.charon.initiate("net");
      const log = await run.charon.log();
      expect(/parsed IKE_SA_INIT response 0 \[ N\(COOKIE\) \]/.test(log), "No cookie was demanded");
      await run.wholeLife();
    },
  },
];

const liveness = bothWays(
  "liveness checks of strongSwan answered",
  { extra: "mobike = no\n    dpd_delay = 1s" },
  async (run) => {
    await run.established(1);
    await run.peerLogs(/sending DPD request/);
    await until("two answers to liveness checks", 10_000, async () => {
      return await run.peerLogged(/parsed INFORMATIONAL response \d+ \[ \]/) >= 2;
    });
    expect(await run.peerLogged(/retransmit \d+ of request/) === 0, "A check was repeated");
    await run.wholeLife();
  },
);

/** The first IKE SA in strongSwan's log, once it has keys of `espSas` ESP SAs (two for each CHILD_SA). */
async function keyed(run: RowRun, espSas: number): Promise<CharonSa> {
  return await until(`${espSas} ESP SAs keyed at strongSwan`, 15_000, async () => {
    const [sa] = await run.charon.sas();
    return sa && sa.esp.size >= espSas ? sa : undefined;
  });
}

/** Ends a row with rekeys: our result must count them, and one tunnel that was never lost. */
async function endedWith(run: RowRun, rekeys: { ike?: number; child?: number }): Promise<void> {
  const result = await run.ours.stop();
  expect(result.tunnels.established === 1 && result.tunnels.failed === 0, "The tunnel was lost");
  const { ike = 0, child = 0 } = rekeys;
  const counted = result.rekeys.ike >= ike && result.rekeys.child >= child;
  expect(counted, `The result counts ${JSON.stringify(result.rekeys)} rekeys`);
}

const secondChild = bothWays(
  "second CHILD_SA of strongSwan",
  { children: SECOND_CHILD },
  async (run) => {
    await run.established(1);
    const done = await run.charon.tryInitiate("second", 5);
    expect(done.code === 0, "strongSwan does not get its second CHILD_SA");
    await run.sameKeys([await keyed(run, 4)]);
    await endedWith(run, {});
  },
);

/** The old and the new CHILD_SA must both have the same keys at both ends. */
const childByThem = bothWays("CHILD_SA rekeyed by strongSwan", {}, async (run) => {
  await run.established(1);
  await run.charon.swanctl(["--rekey", "--child", "net"]);
  await run.sameKeys([await keyed(run, 4)]);
  await run.peerLogs(/CHILD_SA closed/);
  await endedWith(run, { child: 1 });
});

/**
 * The new IKE SA must have the same keys at both ends. strongSwan logs them under the number of the old one,
 * so that they are recognized as those that differ from the first.
 */
async function ikeRekeyed(run: RowRun): Promise<void> {
  await until("the keys of the new IKE SA at both ends", 15_000, async () => {
    const { ike } = await run.ours.keylog();
    const theirs = (await run.charon.sas()).map((sa) => sa.secrets);
    return ike.slice(1).some(({ skEi, skEr }) =>
      theirs.some((keys) => keys.get("SK_ei") === skEi && keys.get("SK_er") === skEr)
    );
  });
  await run.peerLogs(/IKE_SA deleted/);
  await delay(200);
  await endedWith(run, { ike: 1 });
}

const ikeByThem = bothWays("IKE SA rekeyed by strongSwan", {}, async (run) => {
  await run.sameKeys(await run.established(1));
  await run.charon.swanctl(["--rekey", "--ike", "net"]);
  await ikeRekeyed(run);
});

/** Rows in which our end rekeys, as its lifetimes are short and strongSwan's long. */
function byUs(
  name: string,
  { ikeconf, child, espProposals }: {
    readonly ikeconf?: Setup;
    readonly child?: Setup;
    readonly espProposals?: string;
  },
  check: (run: RowRun) => Promise<void>,
): Row[] {
  const theirs = espProposals ? { espProposals } : {};
  const conf = swanctl(connection({ suite: MODERN, ...theirs }));
  const over = {
    ikeconf: {
      ...ikeconf,
      margintime: "2s",
      jitter: false,
      childlist: [{ encalg: ["aes-gcm-16:128"], ...child }],
    },
  };
  return [
    { name, direction: "ours → strongSwan", setup: ourClient(over, MODERN), swanctl: conf, check },
    {
      name,
      direction: "strongSwan → ours",
      setup: ourGateway(over, MODERN),
      swanctl: conf,
      check: async (run) => {
        await run.charon.initiate("net");
        await check(run);
      },
    },
  ];
}

async function childRekeyed(run: RowRun): Promise<void> {
  await run.sameKeys([await keyed(run, 4)]);
  await endedWith(run, { child: 1 });
}

const rekeys: Row[] = [
  ...secondChild,
  ...childByThem,
  ...ikeByThem,
  ...byUs("CHILD_SA rekeyed by us", { child: { lifetime: "4s" } }, childRekeyed),
  ...byUs("CHILD_SA rekeyed by us, with a key exchange of its own", {
    child: { lifetime: "4s", pfsenabled: true, pfsgrpid: [31] },
    espProposals: "aes128gcm16-x25519",
  }, childRekeyed),
  ...byUs("IKE SA rekeyed by us", { ikeconf: { ikelifetime: "4s" } }, ikeRekeyed),
  ...byUs("liveness checks of ours answered", { ikeconf: { dpdinterval: "1s" } }, async (run) => {
    await run.established(1);
    await until("two empty requests of ours", 8_000, async () => {
      return await run.peerLogged(/parsed INFORMATIONAL request \d+ \[ \]/) >= 2;
    });
    await endedWith(run, {});
  }),
];

/** A second client with the identity of the first, whose INITIAL_CONTACT ends the first one's tunnel. */
function initialContact(sent: boolean): Row {
  const setup: Setup = { ikeconf: { initialcontact: sent } };
  return {
    name: sent ? "INITIAL_CONTACT sent" : "INITIAL_CONTACT switched off",
    direction: "ours → strongSwan",
    setup: ourClient(setup, MODERN),
    swanctl: swanctl(connection({ suite: MODERN })),
    check: async (run) => {
      await run.wholeLife();
      const count = await run.peerLogged(/parsed IKE_AUTH request 1 \[ [^\]]*N\(INIT_CONTACT\)/);
      expect(count === (sent ? 1 : 0), `INITIAL_CONTACT was in ${count} IKE_AUTH requests`);
    },
  };
}

/** All rows of this file. */
export const LIFE_ROWS: readonly Row[] = [
  ...cookies,
  ...deletes,
  ...liveness,
  ...rekeys,
  initialContact(true),
  initialContact(false),
];
