/**
 * Rows that check our files by other programs: tshark decrypts our capture with the keys that we export. In
 * one more row a second strongSwan takes our place, which checks the harness itself.
 * @module
 */
import {
  connection,
  OUR_ID,
  ourClient,
  ourGateway,
  OURS,
  swanctl,
  THEIR_ID,
  THEIRS,
} from "./ends.ts";
import type { Keylog } from "./keylog.ts";
import { run as runCommand } from "./harness.ts";
import { compareSa, expect, type Row, type RowRun } from "./row.ts";
import { ikeProposal, MODERN, PLAIN, showSuite, type Suite, SUITES } from "./suites.ts";
import { decryptedFields } from "./tshark.ts";

const IKE_SA_INIT = "34";
const IKE_AUTH = "35";
/** Payload numbers of IDi, IDr, AUTH, SA, TSi and TSr (RFC 7296 §3.2). */
const REQUEST_PAYLOADS = ["35", "39", "33", "44", "45"];
const RESPONSE_PAYLOADS = ["36", "39", "33", "44", "45"];

/** The fields that tshark decodes of one frame. */
interface Frame {
  readonly exchange: string;
  readonly response: boolean;
  readonly payloads: readonly string[];
  readonly notifies: readonly string[];
}

async function decrypt(run: RowRun): Promise<Frame[]> {
  const fields = ["exchangetype", "flag_r", "typepayload", "notify.msgtype"];
  const frames = await decryptedFields(run, fields.map((field) => `isakmp.${field}`));
  return frames.map((frame) => {
    const [exchange, response, payloads, notifies] = frame as Four;
    return {
      exchange,
      response: response === "1" || response === "True",
      payloads: payloads.split(","),
      notifies: notifies.split(","),
    };
  });
}

type Four = [string, string, string, string];

function expectPayloads(frames: readonly Frame[], response: boolean, wanted: string[]): void {
  const end = response ? "response" : "request";
  const frame = frames.find((f) => f.exchange === IKE_AUTH && f.response === response);
  expect(frame !== undefined, `tshark shows no IKE_AUTH ${end}`);
  const lacking = wanted.filter((payload) => !frame.payloads.includes(payload));
  const seen = frame.payloads.join(",");
  expect(lacking.length === 0, `tshark shows payloads ${seen} of the ${end}, not ${lacking}`);
}

async function readable(run: RowRun): Promise<void> {
  await run.wholeLife();
  const frames = await decrypt(run);
  const opened = frames.filter((frame) => frame.exchange === IKE_SA_INIT).length;
  expect(opened === 2, `tshark shows ${opened} IKE_SA_INIT messages, not 2`);
  expectPayloads(frames, false, REQUEST_PAYLOADS);
  expectPayloads(frames, true, RESPONSE_PAYLOADS);
}

/** Suites whose IKE cipher Wireshark 4.0 knows. */
const READABLE = SUITES.filter((suite) => !suite.encryption.startsWith("chacha20"));

function wireshark(suite: Suite): Row {
  return {
    name: `tshark decrypts our capture, ${showSuite(suite)}`,
    direction: "ours → strongSwan",
    setup: ourClient({}, suite),
    swanctl: swanctl(connection({ suite })),
    check: readable,
  };
}

const gatewayCapture: Row = {
  name: `tshark decrypts our capture, ${showSuite(PLAIN)}`,
  direction: "strongSwan → ours",
  setup: ourGateway(),
  swanctl: swanctl(connection()),
  check: async (run) => {
    await run.charon.initiate("net");
    await readable(run);
  },
};

const API_PORT = 12330;

/** Compares what the Test API says of a tunnel with what strongSwan has logged. */
function apiDump(suite: Suite): Row[] {
  const name = `the Test API shows the SPIs and keys of strongSwan, ${ikeProposal(suite)}`;
  const conf = swanctl(connection({ suite }));
  const check = (role: "client" | "gateway") => async (run: RowRun) => {
    if (role === "gateway") await run.charon.initiate("net");
    const [sa] = await run.established(1);
    await run.sameKeys([sa!]);
    const script = new URL("api_dump.ts", import.meta.url).pathname;
    const args = ["run", "-A", script, String(API_PORT), role];
    const asked = await run.lab.exec(run.lab.ours, Deno.execPath(), args);
    expect(asked.code === 0, `The API does not answer: ${asked.stderr}`);
    compareSa(sa!, JSON.parse(asked.stdout) as Keylog);
    await run.wholeLife();
  };
  const port = { apilistenport: API_PORT };
  return [
    {
      name,
      direction: "ours → strongSwan",
      setup: ourClient(port, suite),
      swanctl: conf,
      check: check("client"),
    },
    {
      name,
      direction: "strongSwan → ours",
      setup: ourGateway(port, suite),
      swanctl: conf,
      check: check("gateway"),
    },
  ];
}

/** The version of tshark; undefined if it is not installed. */
export async function tsharkVersion(): Promise<string | undefined> {
  try {
    const said = await runCommand("tshark", ["--version"]);
    return /TShark \(Wireshark\) (\S+)/.exec(said.stdout)?.[1];
  } catch {
    return undefined;
  }
}

/** strongSwan's suites for the check of the harness: one with an integrity algorithm, one without. */
const selfCheck = [PLAIN, MODERN].map((suite): Row => ({
  name: `the harness reads both ends alike, ${ikeProposal(suite)}`,
  direction: "strongSwan ↔ strongSwan",
  setup: swanctl(connection({
    suite,
    localAddress: OURS.address4,
    remoteAddress: THEIRS.address4,
    localId: OUR_ID,
    remoteId: THEIR_ID,
    localTs: "10.2.0.0/16",
    remoteTs: "10.1.0.0/16",
  })),
  swanctl: swanctl(connection({ suite })),
  check: async (run) => {
    await run.standIn!.initiate("net");
    const [theirs] = await run.established(1);
    const [ours] = await run.standIn!.sas();
    const esp = [...ours!.esp].map(([spi, keys]) => ({
      spi,
      family: "IPv4",
      from: "",
      to: "",
      ...keys,
    }));
    const secret = (name: string) => ours!.secrets.get(name) ?? "";
    const ike = {
      spiI: ours!.spiI,
      spiR: ours!.spiR,
      skEi: secret("SK_ei"),
      skEr: secret("SK_er"),
      skAi: secret("SK_ai"),
      skAr: secret("SK_ar"),
      encryption: "",
      integrity: "",
    };
    compareSa(theirs!, { ike: [ike], esp });
    expect(theirs!.secrets.get("SK_ei")!.length >= 32, "SK_ei is too short to be one");
    const [listed] = await run.charon.list();
    expect(listed!.spiI === theirs!.spiI && listed!.spiR === theirs!.spiR, "The SPIs differ");
    expect(theirs!.esp.has(listed!.children[0]!.spiIn), "The CHILD_SA's SPI differs");
  },
}));

/** All rows of this file. */
export const TOOL_ROWS: readonly Row[] = [
  ...selfCheck,
  ...READABLE.map(wireshark),
  gatewayCapture,
  ...apiDump(PLAIN),
  ...apiDump(MODERN),
];
