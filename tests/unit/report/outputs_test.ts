/**
 * Programs of others read the files that a run writes: ajv, the library of HdrHistogram, and the modules
 * csv and xml of Python.
 */
import assert from "node:assert/strict";
import { Ajv2020 } from "ajv/dist/2020.js";
import { decodeFromCompressedBase64 } from "hdr-histogram-js";
import { main } from "@/cli/program.ts";
import { Histogram } from "@/engine/show/histogram.ts";
import type { TunnelRecord } from "@/engine/show/tunnel_log.ts";
import { CSV_COLUMNS, csvLines } from "@/report/csv.ts";
import { encodedHistogram } from "@/report/hdr_log.ts";
import { junitOf } from "@/report/junit.ts";
import { LEFT_OUT } from "@/report/masking.ts";
import { reportPage } from "@/report/report_page.ts";
import { refusedResult, type RunResultJson } from "@/report/result.ts";
import { resultSchema } from "@/report/result_schema.ts";

const SECRET = "not to be told";

/** A client whose tunnels have no peer: all of them fail. */
const FAILING = `
role: client
numberoftunnels: 3
tunnelmaxretry: 1
setupinterval: 0s
bindifname: lo
startclntaddr: 127.0.0.1/8
peeraddr: 127.0.0.1
peerport: 9
ownport: 0
apilistenport: 0
ikeconf: {psk: ${SECRET}, retraninterval: 50ms, maxretran: 2}
`;

/** What a run has written. */
interface Written {
  readonly status: number;
  readonly result: RunResultJson;
  readonly files: Readonly<Record<string, string>>;
  /** The permissions of the files. */
  readonly modes: readonly number[];
}

/** Each file with its option. */
const FILES = { csv: "--csv", junit: "--junit", hdrlog: "--hdrlog" } as const;

/** Runs a command line that writes every file, in a temporary directory. */
async function runWithFiles(args: readonly string[], setup = ""): Promise<Written> {
  const dir = await Deno.makeTempDir();
  const { log, error } = console;
  const out: string[] = [];
  await Deno.writeTextFile(`${dir}/my.yaml`, setup);
  console.log = (text: string) => void out.push(text);
  console.error = () => {};
  try {
    const files = Object.entries(FILES).flatMap(([name, option]) => [option, `${dir}/${name}`]);
    const commandLine = args.map((word) => word.replace("DIR", dir));
    const status = await main([...commandLine, "--json", ...files]);
    const texts: Record<string, string> = {};
    const modes: number[] = [];
    for (const name of Object.keys(FILES)) {
      texts[name] = await Deno.readTextFile(`${dir}/${name}`);
      modes.push((await Deno.stat(`${dir}/${name}`)).mode! & 0o777);
    }
    return { status, result: JSON.parse(out.join("")), files: texts, modes };
  } finally {
    console.log = log;
    console.error = error;
    await Deno.remove(dir, { recursive: true });
  }
}

/** The JSON that a Python program prints when it reads this text from standard input. */
async function python(program: string, text: string) {
  const child = new Deno.Command("python3", {
    args: ["-c", program],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { stdout, success } = await child.output();
  assert.ok(success);
  return JSON.parse(new TextDecoder().decode(stdout));
}

const READ_CSV = "import csv, io, json, sys\n" +
  "text = sys.stdin.buffer.read().decode('utf-8')\n" +
  "print(json.dumps(list(csv.DictReader(io.StringIO(text, newline='')))))";
const READ_JUNIT = `import json, sys, xml.etree.ElementTree as tree
suite = tree.fromstring(sys.stdin.buffer.read()).find('testsuite')
cases = [{'name': case.get('name'), 'out': case.findtext('system-out'),
          'bad': [dict(one.attrib, tag=one.tag) for one in case if one.tag != 'system-out']}
         for case in suite]
print(json.dumps({'suite': suite.attrib, 'cases': cases}))`;

const hasPython = await new Deno.Command("python3", { args: ["--version"], stdout: "null" })
  .output().then(() => true, () => false);
const needsPython = { ignore: !hasPython };
const skippedNote = hasPython ? "" : " (left out: no python3)";

const validate = new Ajv2020({ allErrors: true }).compile(resultSchema(true));

function assertValid(result: unknown): void {
  assert.ok(validate(result), JSON.stringify(validate.errors, null, 1));
}

/** A test of the setup file, without flushing the interface. */
const TEST = ["test", "DIR/my.yaml", "--flush=false", "--lf", "DIR/log"];
const demo = await runWithFiles(["demo", "--tunnels", "40", "--timeline", "100ms"]);
const failing = await runWithFiles([...TEST, "--timeline", "100ms"], FAILING);

Deno.test("each kind of result is valid by the schema according to ajv, and an unknown field is not", () => {
  const results = [demo.result, failing.result, refusedResult([new Error("no")], "my.yaml")];
  for (const result of results) assertValid(result);
  assert.equal(validate({ ...demo.result, more: 1 }), false);
  assert.equal(validate({ ...demo.result, retries: "0" }), false);
  assert.equal(validate({ ...demo.result, schema: "myikev2-result/2" }), false);
  const { tunnels: _, ...less } = demo.result;
  assert.equal(validate(less), false);
});

Deno.test("the published schema allows unknown fields", async () => {
  const url = new URL("../../../docs/result.schema.json", import.meta.url);
  const validatePublished = new Ajv2020().compile(JSON.parse(await Deno.readTextFile(url)));
  assert.ok(validatePublished({ ...demo.result, more: 1 }));
  assert.equal(validatePublished({ ...demo.result, retries: "0" }), false);
});

Deno.test("the steps of a timeline add up to the figures of the run", () => {
  const { timeline, tunnels, datagrams, retransmissions } = demo.result;
  const { steps } = timeline!;
  const sum = (values: readonly (number | null)[]) => values.reduce((n: number, v) => n + v!, 0);
  assert.equal(sum(steps.established), tunnels.established);
  assert.equal(sum(steps.datagramsSent), datagrams.sent);
  assert.equal(sum(steps.retransmissions), retransmissions);
  assert.equal(steps.atSec.at(-1), demo.result.durationSec);
  const peak = Math.max(...steps.setupMax.map((ms) => ms ?? 0));
  assert.equal(peak, demo.result.latencyMs.setup.max);
  assert.ok(failing.result.timeline!.events.some(({ text }) => text.includes("Tunnel 0 failed")));
});

Deno.test("the page of a file holds the columns of the timeline that have a value, and no others", () => {
  const page = reportPage(demo.result, { masks: false, advice: () => undefined });
  const [, text] = /<script type="application\/json" id="result">(.*?)<\/script>/s.exec(page)!;
  const { steps } = (JSON.parse(text!) as RunResultJson).timeline!;
  const whole = demo.result.timeline!.steps;
  assert.deepEqual(
    steps.setupP50,
    whole.setupP50.map((ms) => ms === null ? null : Number(ms.toPrecision(4))),
  );
  assert.deepEqual(steps.atSec, whole.atSec);
  assert.deepEqual(steps.cpuMs, whole.cpuMs.map((ms) => Math.round(ms!)));
  assert.deepEqual([steps.established.length > 0, "trafficP50" in steps], [true, false]);
});

Deno.test("only the owner can read the files, and they contain no secret", () => {
  for (const { modes, files } of [demo, failing]) {
    assert.deepEqual(modes, [0o600, 0o600, 0o600]);
    for (const text of Object.values(files)) assert.ok(!text.includes(SECRET));
  }
});

Deno.test({
  name: `Python reads a row for each tunnel from the CSV${skippedNote}`,
  ...needsPython,
  fn: async () => {
    const rows: Record<string, string>[] = await python(READ_CSV, demo.files.csv!);
    assert.deepEqual(rows.map((row) => Number(row.tunnel)), [...Array(40).keys()]);
    for (const { outcome, own_id, spi_i, ike_suite, setup_ms, tunnel } of rows) {
      assert.deepEqual([outcome, own_id], ["established", `tunnel-${tunnel}.demo (ID_FQDN)`]);
      assert.match(spi_i!, /^[0-9A-F]{16}$/);
      assert.match(ike_suite!, /^ENCR_AES_GCM_16-128, PRF_HMAC_SHA2_256, Curve25519$/);
      assert.ok(Number(setup_ms) > 0);
    }
    const setups = rows.map((row) => Number(row.setup_ms));
    assert.equal(Math.max(...setups), demo.result.latencyMs.setup.max);
    const failed: Record<string, string>[] = await python(READ_CSV, failing.files.csv!);
    const { failures } = failing.result;
    assert.deepEqual(
      failed.map(({ outcome, cause }) => [outcome, cause]),
      Array(3).fill(["failed", failures[0]!.cause]),
    );
  },
});

/** The record of a tunnel with this identity, which an attacker may have chosen. */
function tunnelOf(ownId: string): TunnelRecord {
  return {
    tunnel: 0,
    outcome: "failed",
    cause: "NO_ANSWER",
    words: `of ${ownId}`,
    tries: 1,
    losses: 0,
    ownAddress: "",
    ownPort: 0,
    peerAddress: "",
    peerPort: 0,
    ownId,
    peerId: "",
    spiI: 1n,
    spiR: 0n,
    ikeSuite: "",
    childSpiIn: 0,
    childSpiOut: 0,
    childSuite: "",
    innerAddresses: [],
    startedEpochMs: 0,
    ikeSaInitMs: 1.5,
    resumed: false,
    ikeSessionResumeMs: undefined,
    createChildMs: undefined,
    followupKeMs: undefined,
    informationalMs: undefined,
    ikeIntermediateMs: undefined,
    ikeAuthMs: undefined,
    setupMs: undefined,
    establishedEpochMs: undefined,
    endedEpochMs: undefined,
    retransmissions: 0,
    ikeRekeys: 0,
    childRekeys: 0,
  };
}

/** Identities that programs for spreadsheets would take for formulas, rows or cells. */
const HOSTILE = [
  '=HYPERLINK("http://example.org")',
  "+1+1",
  "-2",
  "@SUM(A1)",
  'a"b,c',
  "a\r\nb",
  "\t=1+1",
  "\u0000\u001b[2J",
  "\u202egnp.exe",
  "a\ud800",
  " =1",
  "'quoted",
];

Deno.test({
  name: `no identity in a CSV becomes a formula, another row, or another cell${skippedNote}`,
  ...needsPython,
  fn: async () => {
    const text = [...csvLines(HOSTILE.map(tunnelOf), false)].join("");
    const rows: Record<string, string>[] = await python(READ_CSV, text);
    assert.equal(rows.length, HOSTILE.length);
    for (const [i, row] of rows.entries()) {
      assert.deepEqual(Object.keys(row), [...CSV_COLUMNS], `${HOSTILE[i]}`);
      assert.doesNotMatch(row.own_id!, /^[=+\-@\t\r]/);
      // deno-lint-ignore no-control-regex -- none may be left
      assert.doesNotMatch(Object.values(row).join(""), /[\x00-\x1f\u202e\ud800]/);
    }
    assert.equal(rows[4]!.own_id, 'a"b,c');
    assert.equal(text.split("\r\n").length, HOSTILE.length + 2);
    const masked = [...csvLines([tunnelOf("alice@example.org (ID_RFC822_ADDR)")], true)].join("");
    assert.doesNotMatch(masked, /alice/);
  },
});

Deno.test({
  name: `Python reads the cases of a run from the JUnit file${skippedNote}`,
  ...needsPython,
  fn: async () => {
    const good = await python(READ_JUNIT, demo.files.junit!);
    assert.deepEqual([good.suite.tests, good.suite.failures, good.suite.errors], ["1", "0", "0"]);
    assert.match(good.cases[0].out, /Tunnels: 40 of 40 established/);
    const bad = await python(READ_JUNIT, failing.files.junit!);
    const { cause, count } = failing.result.failures[0]!;
    assert.deepEqual([bad.suite.tests, bad.suite.failures], ["2", "2"]);
    assert.deepEqual(bad.cases[0].bad[0].message, failing.result.error);
    assert.equal(bad.cases[1].name, `failures: ${cause}`);
    assert.match(bad.cases[1].bad[0].message, new RegExp(`^${count} tunnels failed by ${cause}`));
    const refused = await runWithFiles(TEST, "rolle: client\n");
    assert.equal(refused.status, 2);
    const error = await python(READ_JUNIT, refused.files.junit!);
    assert.deepEqual([error.suite.errors, error.cases[0].bad[0].tag], ["1", "error"]);
  },
});

Deno.test({
  name: `texts of a peer cannot change the structure of the JUnit file${skippedNote}`,
  ...needsPython,
  fn: async () => {
    const example = `"]]></failure><testcase name='x'/>&\u0000\u001b <script>alert(1)</script>`;
    const failures = [{ cause: "AUTHENTICATION_FAILED", count: 1, example }];
    const result = { ...failing.result, failures };
    const { suite, cases } = await python(READ_JUNIT, junitOf(result, false));
    assert.deepEqual([suite.tests, cases.length], ["2", 2]);
    assert.ok(cases[1].bad[0].message.includes("<script>alert(1)</script>"));
    const masked = junitOf(result, true);
    assert.ok(!masked.includes("alert") && masked.includes(LEFT_OUT));
  },
});

Deno.test("the library of HdrHistogram reads the same samples and percentiles", () => {
  const histogram = new Histogram();
  for (let i = 1; i <= 5_000; i++) histogram.add(i * 0.37);
  const decoded = decodeFromCompressedBase64(encodedHistogram(histogram.data()));
  assert.equal(decoded.totalCount, 5_000);
  for (const percent of [1, 50, 90, 99, 100]) {
    const ownMs = histogram.percentile(percent / 100);
    const decodedMs = decoded.getValueAtPercentile(percent) / 1e6;
    assert.ok(Math.abs(ownMs - decodedMs) <= 0.02 * ownMs, `p${percent}: ${ownMs}, ${decodedMs}`);
  }
});

Deno.test("the library of HdrHistogram finds all set-ups of a run in its log", () => {
  const lines = demo.files.hdrlog!.split("\n").filter((line) => line.startsWith("Tag=setup,"));
  const histograms = lines.map((line) => decodeFromCompressedBase64(line.split(",")[4]!));
  assert.equal(histograms.reduce((sum, { totalCount }) => sum + totalCount, 0), 40);
  const largest = Math.max(...histograms.map(({ maxValue }) => maxValue)) / 1e6;
  const { max } = demo.result.latencyMs.setup;
  assert.ok(Math.abs(largest - max!) <= 0.02 * max!, `${largest} and ${max}`);
});
