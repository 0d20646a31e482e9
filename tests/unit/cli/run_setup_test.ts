import assert from "node:assert/strict";
import { main } from "@/cli/program.ts";
import type { RunResultJson } from "@/report/result.ts";

interface Outcome {
  readonly status: number;
  readonly out: string[];
  readonly err: string[];
  readonly log: string;
  readonly crash: string | undefined;
}

/**
 * Runs a command line with a setup file in a temporary directory. `SETUP` and `DIR` in the line stand for
 * the paths of the file and of the directory. `onError` is called with each line of standard error.
 */
async function run(
  setup: string,
  line: string,
  onError: (line: string) => void = () => {},
): Promise<Outcome> {
  const dir = await Deno.makeTempDir();
  await Deno.writeTextFile(`${dir}/my.yaml`, setup);
  const { log, error } = console;
  const out: string[] = [];
  const err: string[] = [];
  console.log = (text: string) => void out.push(text);
  console.error = (text: string) => {
    err.push(text);
    onError(text);
  };
  try {
    const args = line.replace("SETUP", `${dir}/my.yaml`).replaceAll("DIR", dir).split(" ");
    const status = await main(args);
    const read = (name: string) => Deno.readTextFile(`${dir}/${name}`).catch(() => undefined);
    return { status, out, err, log: await read("log") ?? "", crash: await read("crash") };
  } finally {
    console.log = log;
    console.error = error;
    await Deno.remove(dir, { recursive: true });
  }
}

/** The result in JSON that is the only line of standard output. */
function resultIn({ out }: Outcome): RunResultJson {
  assert.equal(out.length, 1, out.join("\n"));
  assert.doesNotMatch(out[0]!, /\n/);
  return JSON.parse(out[0]!);
}

const QUIET = "--flush=false --lf DIR/log --crlf DIR/crash";

const GATEWAY = `
role: gateway
desc: a gateway nobody calls
numberoftunnels: 1
runningtime: 200ms
bindifname: lo
bindifaddr: 127.0.0.1/8
ownport: 0
ownnattport: 0
apilistenport: 0
loglevel: 4
ikeconf: {psk: not to be told}
`;

const CLIENT = `
role: client
numberoftunnels: 2
tunnelmaxretry: 1
setupinterval: 0s
bindifname: lo
startclntaddr: 127.0.0.1/8
peeraddr: 127.0.0.1
peerport: 9
ownport: 0
apilistenport: 0
loglevel: 4
ikeconf: {psk: not to be told, retraninterval: 50ms, maxretran: 2}
`;

Deno.test("a test that fails ends with status 1, and writes a report and a log without secrets", async () => {
  const outcome = await run(CLIENT, `test SETUP ${QUIET}`);
  const text = outcome.out.join("\n");
  assert.equal(outcome.status, 1);
  assert.match(text, /^Test failed after /);
  assert.match(text, /Tunnels: 0 of 2 established, 2 failed/);
  assert.match(text, /Failed by \w+: 2, for example: .*127\.0\.0\.1/);
  assert.equal(outcome.log.match(/ Test failed after /g)?.length, 1, outcome.log);
  for (const written of [text, outcome.err.join("\n"), outcome.log]) {
    assert.doesNotMatch(written, /not to be told/);
  }
});

Deno.test("with --json the result is the only line on standard output", async () => {
  const outcome = await run(CLIENT, `test --json SETUP ${QUIET}`);
  const { result, tunnels, failures } = resultIn(outcome);
  assert.equal(outcome.status, 1);
  assert.equal(result, "failed");
  assert.deepEqual([tunnels.configured, tunnels.established, tunnels.failed], [2, 0, 2]);
  assert.equal(failures[0]?.count, 2);
});

Deno.test("a gateway shows its description and its ports, ends in time, and fails without a client", async () => {
  const outcome = await run(GATEWAY, `exec -f SETUP -j ${QUIET}`);
  assert.equal(outcome.status, 1);
  assert.equal(outcome.err[0], "a gateway nobody calls");
  assert.ok(
    outcome.err.some((line) => /^gateway on UDP port \d+ and \d+, API on .*:\d+, /.test(line)),
  );
  assert.equal(resultIn(outcome).error, "0 of 1 expected tunnels established");
});

Deno.test("an internal error ends a test with status 1, a report in the crash file, and a result with the figures so far", async () => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Throws an error outside of any call soon after the gateway has begun to run. */
  const throwLater = (line: string) => {
    if (!line.startsWith("gateway on UDP port")) return;
    timer = setTimeout(() => {
      throw new Error("planted");
    }, 100);
  };
  try {
    const setup = GATEWAY.replace("200ms", "30s");
    const outcome = await run(setup, `test SETUP --json ${QUIET}`, throwLater);
    const { result, error, tunnels, transport } = resultIn(outcome);
    assert.equal(outcome.status, 1);
    assert.deepEqual([result, error], ["failed", "Internal error: planted"]);
    assert.equal(tunnels.configured, 1);
    assert.notEqual(transport, null);
    assert.match(outcome.crash!, /^Error: planted\n.*run_setup_test/);
    assert.ok(outcome.err.some((line) => /internal error, the report is in .*crash/.test(line)));
  } finally {
    clearTimeout(timer);
  }
});

/** Setups and command lines that cannot be run, with what the error must say. */
const REFUSED: readonly (readonly [why: string, setup: string, line: string, words: RegExp])[] = [
  ["an unknown option", "rolle: client\n", `test SETUP --json`, /my\.yaml:1:1: .*role/],
  [
    "a file that is not there",
    "",
    `test DIR/none.yaml --json`,
    /Cannot read .*none\.yaml: No such file/,
  ],
  [
    "a log file that cannot be written",
    GATEWAY,
    `test SETUP --json --flush=false --lf DIR/no/log`,
    /--lf/,
  ],
  [
    "a capture file that cannot be written",
    GATEWAY,
    `test SETUP --json ${QUIET} --pcap DIR/no/p`,
    /--pcap/,
  ],
  [
    "a directory of keys that cannot be made",
    GATEWAY,
    `test SETUP --json ${QUIET} --keylog DIR/log/k`,
    /--keylog/,
  ],
  ["a missing argument", "", "test --json", /missing required argument/],
  [
    "an unknown value of a switch",
    GATEWAY,
    "test SETUP --json --flush=maybe",
    /Expected true or false/,
  ],
  ["a second setup file", GATEWAY, "test SETUP SETUP --json", /too many arguments/],
  ["an unknown suite", "", "demo --json --suite des", /Cannot run suite des: x25519-gcm/],
];

for (const [why, setup, line, words] of REFUSED) {
  Deno.test(`${why} is refused with status 2 and one line of JSON`, async () => {
    const outcome = await run(setup, line);
    assert.equal(outcome.status, 2);
    const { result, error, setupErrors } = resultIn(outcome);
    assert.equal(result, "failed");
    assert.match(error!, words);
    assert.equal(setupErrors[0], error);
    assert.equal(outcome.crash, undefined);
  });
}

Deno.test("every error of a setup is reported, as text and in JSON", async () => {
  const bad = "role: clientt\nnumberoftunnels: 0\nloglevel: 9\n";
  const outcome = await run(bad, "test SETUP --json");
  const { setupErrors } = resultIn(outcome);
  assert.ok(setupErrors.length >= 3, setupErrors.join("\n"));
  for (const error of setupErrors) assert.ok(outcome.err.includes(`myikev2: ${error}`), error);
});

Deno.test("--verify checks a setup and does not run it", async () => {
  const good = await run(GATEWAY, "test --verify SETUP");
  assert.deepEqual([good.status, good.log], [0, ""]);
  assert.match(good.out[0]!, /my\.yaml is a valid gateway setup$/);
  const json = await run(GATEWAY, "test SETUP --verify --json");
  assert.equal(JSON.parse(json.out[0]!).result, "verified");
  assert.equal((await run("role: x\n", "test SETUP --verify")).status, 2);
});

Deno.test("the option --licfile is ignored, with a message about it", async () => {
  const outcome = await run(GATEWAY, "test SETUP -l my.lic --verify");
  assert.equal(outcome.status, 0);
  assert.ok(outcome.err.some((line) => /--licfile is not needed, and ignored/.test(line)));
});

Deno.test("with -p a CPU profile with the functions of the run is written beside the log", async () => {
  const dir = await Deno.makeTempDir();
  const line = `test SETUP --json --flush=false --lf ${dir}/log --crlf DIR/crash -p`;
  const { status, err } = await run(GATEWAY, line);
  assert.equal(status, 1, err.join("\n")); // The gateway has no client.
  assert.ok(err.includes(`wrote the CPU profile ${dir}/log.cpuprofile`), err.join("\n"));
  const profile = JSON.parse(Deno.readTextFileSync(`${dir}/log.cpuprofile`));
  const lengthMs = (profile.endTime - profile.startTime) / 1e3;
  assert.ok(lengthMs >= 200, `${lengthMs} ms of a run of 200 ms`);
  assert.equal(profile.samples.length, profile.timeDeltas.length);
  const urls = profile.nodes.map((node: { callFrame: { url: string } }) => node.callFrame.url);
  assert.ok(urls.some((url: string) => url.includes("/lib/")), urls.join("\n"));
  assert.equal(Deno.statSync(`${dir}/log.cpuprofile`).mode! & 0o777, 0o600);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("--pcap and --keylog write a capture and the tables of keys", async () => {
  const dir = await Deno.makeTempDir();
  const { status } = await run("", `demo --json --tunnels 3 --pcap ${dir}/p --keylog ${dir}/k`);
  assert.equal(status, 0);
  const names = [...Deno.readDirSync(`${dir}/k`)].map(({ name }) => name).sort();
  assert.deepEqual(names, ["esp_sa", "ike_secrets", "ikev2_decryption_table", "other_keys"]);
  assert.equal(Deno.readTextFileSync(`${dir}/k/ikev2_decryption_table`).split("\n").length, 4);
  assert.equal(Deno.readTextFileSync(`${dir}/k/esp_sa`).split("\n").length, 7);
  assert.ok(Deno.statSync(`${dir}/p`).size > 3 * 4 * 100);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("the demo establishes its tunnels without a retransmission", async () => {
  const outcome = await run(
    "",
    "demo --json --tunnels 20 --transport portable --cryptobackend portable",
  );
  const { result, tunnels, retransmissions, transport, datagrams } = resultIn(outcome);
  assert.equal(outcome.status, 0);
  assert.deepEqual([result, tunnels.established, retransmissions], ["passed", 20, 0]);
  assert.equal(transport, "portable");
  assert.ok(datagrams.sent >= 40 && datagrams.received >= 40);
});

Deno.test("a capture of a tunnel that a client does not have is refused, with the numbers there are", async () => {
  const client = "role: client\nnumberoftunnels: 10\nbindifname: lo\npeeraddr: 127.0.0.1\n" +
    "startclntaddr: 127.0.1.1/8\nikeconf: {psk: x}\n";
  const refused = async (options: string) => {
    const { status, err } = await run(client, `test SETUP --pcap DIR/p ${options} ${QUIET}`);
    assert.equal(status, 2, err.join("\n"));
    return err.join("\n");
  };
  assert.match(await refused("--pcap-tunnel 10"), /--pcap-tunnel 10: .* are 0 to 9$/);
  assert.match(await refused("--pcap-tunnel 10 --verify"), /0 to 9$/);
  assert.match(
    await refused("--pcap-tunnel 2 --slice 2/4"),
    /--pcap-tunnel 2: .* are 1, one in 4, to 9, as this is slice 2\/4$/,
  );
  const { status } = await run(client, "test SETUP --pcap DIR/p --pcap-tunnel 9 --verify");
  assert.equal(status, 0);
  const gateway = await run(GATEWAY, `test SETUP --pcap DIR/p --pcap-tunnel 7 ${QUIET}`);
  assert.ok(gateway.err.some((line) => /is empty, as there was no tunnel 7$/.test(line)));
});
