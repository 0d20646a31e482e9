/**
 * Rows about what a CHILD_SA negotiates in addition to ciphers and selectors: transport mode, extended
 * sequence numbers, AH, TFC padding, IPComp. The peer's kernel implements none of it here: its SAs are only
 * accepted, so that mode and keys can be compared at both ends.
 * @module
 */
import type { ApiDump } from "./api_dump.ts";
import type { CharonSa } from "./charon_log.ts";
import { child, type Connection, connection, ourClient, ourGateway, swanctl } from "./ends.ts";
import { until } from "./harness.ts";
import type { Setup } from "./ours.ts";
import { compareSa, expect, type Row, type RowRun } from "./row.ts";
import { MODERN } from "./suites.ts";

const API_PORT = 12330;

/** What both ends must report of the CHILD_SA. */
interface Settled {
  readonly tunnelMode: boolean;
  readonly esn: boolean;
  /** strongSwan's line of the CHILD_SA. */
  readonly listed: RegExp;
}

/** A tunnel for which both ends have the same configuration. */
interface Terms {
  readonly name: string;
  readonly ours: Setup;
  readonly theirs: Connection;
  readonly settled: Settled;
  /** Further options of our `ikeconf`. */
  readonly ikeconf?: Setup;
  /** Lines that strongSwan must have logged. */
  readonly logged?: readonly RegExp[];
}

async function dumped(run: RowRun, client: boolean): Promise<ApiDump> {
  const script = new URL("api_dump.ts", import.meta.url).pathname;
  const args = ["run", "-A", script, String(API_PORT), client ? "client" : "gateway"];
  const asked = await run.lab.exec(run.lab.ours, Deno.execPath(), args);
  expect(asked.code === 0, `The API does not answer: ${asked.stderr}`);
  return JSON.parse(asked.stdout) as ApiDump;
}

/** Checks that both ends have one CHILD_SA with the same SPIs, keys and properties. */
async function alike(run: RowRun, { tunnelMode, esn, listed }: Settled, client: boolean) {
  const [sa] = await run.established(1);
  const dump = await dumped(run, client);
  compareSa(sa!, dump);
  expect(dump.children.length === 1, `The API lists ${dump.children.length} CHILD_SAs`);
  const [ours] = dump.children;
  expect(ours!.tunnelMode === tunnelMode, `Our tunnel mode is ${ours!.tunnelMode}`);
  expect(ours!.esn === esn, `Our ESN is ${ours!.esn}`);
  await theirs(run, listed);
  return sa!;
}

async function theirs(run: RowRun, listed: RegExp): Promise<void> {
  const text = (await run.charon.swanctl(["--list-sas"])).stdout;
  const line = text.split("\n").find((l) => /INSTALLED/.test(l)) ?? text;
  expect(listed.test(line), `strongSwan lists ${line.trim()}, not ${listed}`);
}

/**
 * Checks a tunnel by its {@linkcode Terms}; then strongSwan rekeys the CHILD_SA, which must keep all
 * properties.
 */
async function keeps(run: RowRun, terms: Terms, client: boolean): Promise<void> {
  const { settled, logged = [] } = terms;
  const first = await alike(run, settled, client);
  for (const line of logged) await run.peerLogs(line);
  await run.charon.swanctl(["--rekey", "--child", "net"]);
  await until("another CHILD_SA", 10_000, async () => {
    const [sa] = await run.charon.sas();
    return sa!.esp.size >= first.esp.size + 2;
  });
  await run.peerLogs(/CHILD_SA closed/);
  await theirs(run, settled.listed);
  const dump = await dumped(run, client);
  const [now] = dump.children;
  expect(dump.children.length === 1, `The API lists ${dump.children.length} CHILD_SAs`);
  expect(!first.esp.has(now!.spi), "It is another CHILD_SA");
  const same = now!.esn === settled.esn && now!.tunnelMode === settled.tunnelMode;
  expect(same, `The rekeyed CHILD_SA is ${JSON.stringify(now)}`);
  const [sa] = await run.charon.sas();
  expectKeys(sa!, dump);
  const result = await run.ours.stop();
  expect(result.tunnels.established === 1 && result.tunnels.failed === 0, "The tunnel was lost");
}

/** strongSwan initiated the rekey, so that it sends with the keys of the initiator. */
function expectKeys(sa: CharonSa, { children, esp }: ApiDump): void {
  const [{ spi } = { spi: "" }] = children;
  const inward = sa.esp.get(spi);
  expect(inward !== undefined, `strongSwan has no SA ${spi} of ours`);
  const keys = esp.map(({ encryption, integrity }) => `${encryption}/${integrity}`);
  const found = keys.includes(`${inward.encryption}/${inward.integrity}`);
  expect(found, "The keys of the rekeyed CHILD_SA differ");
}

function withChild(over: Setup, ikeconf: Setup = {}): Setup {
  return { apilistenport: API_PORT, ikeconf: { ...ikeconf, childlist: [child(MODERN, over)] } };
}

function bothWays(terms: Terms): Row[] {
  const { name, ours, ikeconf } = terms;
  const setup = withChild(ours, ikeconf);
  const conf = swanctl(connection({ suite: MODERN, ...terms.theirs }));
  return [
    {
      name,
      direction: "ours → strongSwan",
      setup: ourClient(setup, MODERN),
      swanctl: conf,
      check: (run) => keeps(run, terms, true),
    },
    {
      name,
      direction: "strongSwan → ours",
      setup: ourGateway(setup, MODERN),
      swanctl: conf,
      check: async (run) => {
        await run.charon.initiate("net");
        await keeps(run, terms, false);
      },
    },
  ];
}

/** Selectors for the two hosts: our default, and strongSwan's `dynamic`. */
const HOSTS = {
  ours: { ownts: [{}], peerts: [{}] },
  theirs: { localTs: "dynamic", remoteTs: "dynamic" },
};
const TRANSPORT = {
  ours: { ...HOSTS.ours, tunnelmode: false },
  theirs: { ...HOSTS.theirs, childExtra: "mode = transport" },
};
const USE_TRANSPORT = /parsed \w+ (request|response) \d+ \[ [^\]]*N\(USE_TRANSP\)/;

const AGREED: readonly Terms[] = [
  {
    name: "transport mode, kept by a rekey",
    ...TRANSPORT,
    settled: { tunnelMode: false, esn: false, listed: /TRANSPORT, ESP:AES_GCM_16-128(?!.*ESN)/ },
    logged: [USE_TRANSPORT],
  },
  {
    name: "transport mode behind a NAT that strongSwan feigns",
    ours: TRANSPORT.ours,
    ikeconf: { enablenatt: true },
    theirs: { ...TRANSPORT.theirs, extra: "mobike = no\n    encap = yes" },
    settled: { tunnelMode: false, esn: false, listed: /TRANSPORT-in-UDP, ESP:AES_GCM_16-128/ },
    logged: [USE_TRANSPORT],
  },
  {
    name: "extended sequence numbers, kept by a rekey",
    ours: { esn: true },
    theirs: { espProposals: "aes128gcm16-esn" },
    settled: { tunnelMode: true, esn: true, listed: /TUNNEL, ESP:AES_GCM_16-128\/ESN/ },
  },
  {
    name: "extended sequence numbers in transport mode",
    ours: { ...TRANSPORT.ours, esn: true },
    theirs: { ...TRANSPORT.theirs, espProposals: "aes128gcm16-esn-noesn" },
    settled: { tunnelMode: false, esn: true, listed: /TRANSPORT, ESP:AES_GCM_16-128\/ESN/ },
  },
  {
    name: "AH, kept by a rekey",
    ours: { protocol: "ah", integrityalg: ["sha256"], encalg: ["aes-cbc:128"] },
    theirs: { espProposals: "", childExtra: "ah_proposals = sha256" },
    settled: { tunnelMode: true, esn: false, listed: /TUNNEL, AH:HMAC_SHA2_256_128/ },
  },
  {
    name: "AH in transport mode with extended sequence numbers",
    ours: { ...TRANSPORT.ours, protocol: "ah", integrityalg: ["sha512"], esn: true },
    theirs: {
      ...HOSTS.theirs,
      espProposals: "",
      childExtra: "mode = transport\n        ah_proposals = sha512-esn",
    },
    settled: { tunnelMode: false, esn: true, listed: /TRANSPORT, AH:HMAC_SHA2_512_256\/ESN/ },
  },
  {
    name: "TFC padding that we do not take",
    ours: { tfc: false },
    theirs: { childExtra: "tfc_padding = 1400" },
    settled: { tunnelMode: true, esn: false, listed: /TUNNEL, ESP:AES_GCM_16-128/ },
    logged: [/received ESP_TFC_PADDING_NOT_SUPPORTED, not using ESPv3 TFC padding/],
  },
  {
    name: "IPComp with DEFLATE",
    ours: { ipcomp: true },
    theirs: { childExtra: "ipcomp = yes" },
    settled: { tunnelMode: true, esn: false, listed: /ESP:AES_GCM_16-128/ },
    logged: [/parsed \w+ (request|response) \d+ \[ [^\]]*N\(IPCOMP_SUP\)/],
  },
  {
    name: "IPComp that strongSwan alone offers is passed over",
    ours: {},
    theirs: { childExtra: "ipcomp = yes" },
    settled: { tunnelMode: true, esn: false, listed: /TUNNEL, ESP:AES_GCM_16-128/ },
  },
];

/** Compares the CPIs: our log has them in decimal, strongSwan lists them in hex, each with its own first. */
async function sameCpis(run: RowRun): Promise<void> {
  await run.established(1);
  const text = (await run.charon.swanctl(["--list-sas"])).stdout;
  const [, inward, outward] = /in +\w{8}\/(\w{4})[\s\S]*out +\w{8}\/(\w{4})/.exec(text) ?? [];
  expect(inward !== undefined && outward !== undefined, `strongSwan lists no CPIs: ${text}`);
  const words = `CPI ${parseInt(outward, 16)}/${parseInt(inward, 16)}`;
  await until(`${words} in our log`, 5_000, async () => (await run.ours.log()).includes(words));
  await run.wholeLife();
}

function ipcomp(): Row[] {
  const name = "IPComp with DEFLATE, the CPIs of both ends";
  const setup = { ...withChild({ ipcomp: true }), loglevel: 4 };
  const conf = swanctl(connection({ suite: MODERN, childExtra: "ipcomp = yes" }));
  return [
    {
      name,
      direction: "ours → strongSwan",
      setup: ourClient(setup, MODERN),
      swanctl: conf,
      check: sameCpis,
    },
    {
      name,
      direction: "strongSwan → ours",
      setup: ourGateway(setup, MODERN),
      swanctl: conf,
      check: async (run) => {
        await run.charon.initiate("net");
        await sameCpis(run);
      },
    },
  ];
}

/** Rows in which our lifetime is short: the CHILD_SA of the rekey must have the properties of the first. */
function rekeyedByUs(): Row[] {
  const name = "CHILD_SA in transport mode with ESN rekeyed by us, the old one kept listed";
  const over = withChild({ ...TRANSPORT.ours, esn: true, lifetime: "4s" });
  const conf = swanctl(
    connection({ suite: MODERN, ...TRANSPORT.theirs, espProposals: "aes128gcm16-esn" }),
  );
  const times = { margintime: "2s", jitter: false, keepchildhistory: true };
  const setup = { ...over, ikeconf: { ...over["ikeconf"] as Setup, ...times } };
  const check = (client: boolean) => async (run: RowRun) => {
    await run.established(1);
    await run.peerLogs(/CHILD_SA closed/);
    const dump = await dumped(run, client);
    expect(dump.children.length >= 2, "The rekeyed CHILD_SA is listed no more");
    const same = dump.children.every(({ esn, tunnelMode }) => esn && !tunnelMode);
    expect(same, `We have ${JSON.stringify(dump.children)}`);
    await theirs(run, /TRANSPORT, ESP:AES_GCM_16-128\/ESN/);
    const [sa] = await run.charon.sas();
    for (const { spi } of dump.children) expect(sa!.esp.has(spi), `strongSwan knows no SA ${spi}`);
    await run.sameKeys([sa!]);
    await run.ours.stop();
  };
  return [
    {
      name,
      direction: "ours → strongSwan",
      setup: ourClient(setup, MODERN),
      swanctl: conf,
      check: check(true),
    },
    {
      name,
      direction: "strongSwan → ours",
      setup: ourGateway(setup, MODERN),
      swanctl: conf,
      check: async (run) => {
        await run.charon.initiate("net");
        await check(false)(run);
      },
    },
  ];
}

/** A tunnel for which the ends have incompatible configurations, and each says so. */
interface Misfit {
  readonly name: string;
  readonly ours: Setup;
  readonly theirs: Connection;
  /** Patterns for our result as client and for our log as gateway. */
  readonly words: RegExp;
  readonly said: RegExp;
}

const MISFITS: readonly Misfit[] = [
  {
    name: "extended sequence numbers that strongSwan does not want",
    ours: { esn: true },
    theirs: {},
    words: /NO_PROPOSAL_CHOSEN.*ESN/,
    said: /offered \{ENCR_AES_GCM_16-128, NO_ESN\}, configured here \{ENCR_AES_GCM_16-128, ESN\}/,
  },
  {
    name: "extended sequence numbers that strongSwan alone wants",
    ours: {},
    theirs: { espProposals: "aes128gcm16-esn" },
    words: /NO_PROPOSAL_CHOSEN.*NO_ESN/,
    said: /offered \{ENCR_AES_GCM_16-128, ESN\}, configured here \{ENCR_AES_GCM_16-128, NO_ESN\}/,
  },
  {
    name: "AH against ESP",
    ours: { protocol: "ah", integrityalg: ["sha256"], encalg: ["aes-cbc:128"] },
    theirs: {},
    words: /NO_PROPOSAL_CHOSEN.*AH \{AUTH_HMAC_SHA2_256_128, NO_ESN\}/,
    said: /offered \{ENCR_AES_GCM_16-128, NO_ESN\}, configured here AH \{/,
  },
];

function refused({ name, ours, theirs, words, said }: Misfit): Row[] {
  const setup = withChild(ours);
  const conf = swanctl(connection({ suite: MODERN, ...theirs }));
  return [
    {
      name,
      direction: "ours → strongSwan",
      setup: ourClient(setup, MODERN),
      swanctl: conf,
      check: async (run) => void await run.failure([words]),
    },
    {
      name,
      direction: "strongSwan → ours",
      setup: ourGateway(setup, MODERN),
      swanctl: conf,
      check: async (run) => {
        const done = await run.charon.tryInitiate("net", 5);
        expect(done.code !== 0, "strongSwan says that its CHILD_SA is up");
        await run.peerLogs(/NO_PROP/);
        await until(`${said} in our log`, 5_000, async () => said.test(await run.ours.log()));
      },
    },
  ];
}

const DECLINED = "transport mode declined by the responder (RFC 7296 §1.3.1)";
const declined: Row[] = [
  {
    name: DECLINED,
    direction: "ours → strongSwan",
    setup: ourClient(withChild(TRANSPORT.ours), MODERN),
    swanctl: swanctl(connection({ suite: MODERN, ...HOSTS.theirs, childExtra: "mode = tunnel" })),
    check: async (run) => {
      await run.failure([/declined transport mode/, /tunnelmode: false/]);
      await run.peerLogs(/received DELETE for IKE_SA/);
      expect((await run.charon.list()).length === 0, "strongSwan still lists the IKE SA");
    },
  },
  {
    // strongSwan accepts tunnel mode, so that both ends use it.
    name: DECLINED,
    direction: "strongSwan → ours",
    setup: ourGateway(withChild(HOSTS.ours), MODERN),
    swanctl: swanctl(connection({ suite: MODERN, ...TRANSPORT.theirs })),
    check: async (run) => {
      await run.charon.initiate("net");
      await run.peerLogs(/generating IKE_AUTH request 1 \[ [^\]]*N\(USE_TRANSP\)/);
      const answered = /parsed IKE_AUTH response 1 \[ [^\]]*N\(USE_TRANSP\)/;
      expect(await run.peerLogged(answered) === 0, "We answered with transport mode");
      await alike(run, { tunnelMode: true, esn: false, listed: /TUNNEL, ESP/ }, false);
      await run.ours.stop();
    },
  },
  {
    name: "tunnel mode asked of us in transport mode",
    direction: "strongSwan → ours",
    setup: ourGateway(withChild(TRANSPORT.ours), MODERN),
    swanctl: swanctl(connection({ suite: MODERN, ...HOSTS.theirs })),
    check: async (run) => {
      const done = await run.charon.tryInitiate("net", 5);
      expect(done.code !== 0, "strongSwan says that its CHILD_SA is up");
      await run.peerLogs(/NO_PROP/);
    },
  },
];

/** All rows of this file. */
export const CHILD_ROWS: readonly Row[] = [
  ...AGREED.flatMap(bothWays),
  ...ipcomp(),
  ...rekeyedByUs(),
  ...MISFITS.flatMap(refused),
  ...declined,
];
