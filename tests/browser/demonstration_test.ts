/**
 * A client and a gateway with pings, a bad network, a storm of rekeys and a threshold that cannot hold; and all
 * that is made of them, read back by others: the live page and the report in Chromium, the metrics by
 * Prometheus, CSV and JUnit by Python. Two runs are compared.
 *
 * With another number of tunnels, and with pictures: deno test -A tests/browser/demonstration_test.ts --
 * --tunnels 2000 --pictures docs/pictures
 */
import assert from "node:assert/strict";
import type { RunResultJson } from "@/report/result.ts";
import { Chromium, hasChromium } from "./chromium.ts";
import {
  complaintsOfPromtool,
  ended,
  freePort,
  hasPrometheus,
  ours,
  Prometheus,
  resultAt,
  told,
  until,
} from "./processes.ts";

/** The value of an option behind `--`. */
function option(name: string): string | undefined {
  const at = Deno.args.indexOf(`--${name}`);
  return at < 0 ? undefined : Deno.args[at + 1];
}

const TUNNELS = Number(option("tunnels") ?? 100);
const PICTURES = option("pictures");
/** Seconds of the first run, and of the one that it is compared with. */
const FIRST_SEC = 6 + Math.ceil(TUNNELS / 50);
const SECOND_SEC = 2 + Math.ceil(TUNNELS / 50);
const PSK = "a secret of the demonstration";
/** Without the right to make a device, pings of the other end are answered in the process. */
const WITHOUT_DEVICE = Deno.uid() === 0 ? ["setpriv", "--bounding-set=-net_admin"] : [];
const STORMED = Math.min(50, TUNNELS);

const isThere = (path: string) => Deno.stat(path).then(() => true, () => false);
const HAS_SHIM = await isThere(
  new URL("../../ffi/build/myikev2_shim.so", import.meta.url).pathname,
);
const HAS_ALL = hasChromium && hasPrometheus && HAS_SHIM && await isThere("/usr/bin/python3");

interface Ports {
  readonly gateway: number;
  readonly gatewayNatt: number;
}

function gatewaySetup({ gateway, gatewayNatt }: Ports): string {
  return `role: gateway
numberoftunnels: ${TUNNELS}
runningtime: 300s
bindifname: lo
bindifaddr: 127.0.0.1/8
ownport: ${gateway}
ownnattport: ${gatewayNatt}
apilistenport: 0
${ikeConf("gateway.example", "10.1.0.1", "10.1.0.1", "10.2.0.0", "10.2.255.255")}`;
}

/** A client; with `trouble` in a bad network, with a storm, and with a threshold that cannot hold. */
function clientSetup({ gateway, gatewayNatt }: Ports, trouble: boolean): string {
  return `role: client
desc: ${TUNNELS} tunnels with pings${trouble ? " in a bad network" : ""}
numberoftunnels: ${TUNNELS}
runningtime: ${trouble ? FIRST_SEC : SECOND_SEC}s
startclntaddr: 127.0.2.1/8
peeraddr: 127.0.0.1
peerport: ${gateway}
peernattport: ${gatewayNatt}
ownport: ${freePort()}
ownnattport: ${freePort()}
bindifname: lo
setupinterval: 5ms
owntsaddrincrease: 1
peertsaddrincrease: 0
apilistenport: 0
${ikeConf("client-&d.example", "10.2.0.0", "10.2.0.0", "10.1.0.1", "10.1.0.1")}
pingconf: {destaddr: 10.1.0.1, autoaddr: true, interval: 500ms, startwith: tunnel}
${trouble ? TROUBLE : ""}`;
}

const TROUBLE = `thresholds: [p50(setup) < 1ms, failed < 1%]
impairment:
  seed: 7
  rules:
    - {exchange: ike_sa_init, delay: 0.2, delaymin: 20ms, delaymax: 80ms}
    - {exchange: ike_auth, message: response, direction: in, loss: 0.05}
loadconf:
  storms: [{kind: rekey-child, after: 1s, tunnels: ${STORMED}, spread: 500ms}]
`;

function ikeConf(id: string, ...[ownFrom, ownTo, peerFrom, peerTo]: readonly string[]): string {
  return `ikeconf:
  psk: ${PSK}
  myid: ${id}
  dhgrpid: 31
  retraninterval: 1s
  ikeencyptalg: aes-gcm-16:256
  tradtionalencapforceudp: true
  enablenatt: true
  installfastpath: true
  datapath: userland
  childlist:
    - encalg: aes-gcm-16:128
      ownts: [{ startaddr: ${ownFrom}, endaddr: ${ownTo} }]
      peerts: [{ startaddr: ${peerFrom}, endaddr: ${peerTo} }]`;
}

/** One run of the client with all its files. */
interface Run {
  readonly result: RunResultJson;
  readonly status: number;
  /** Path of a file of this run by its ending. */
  readonly file: (ending: string) => string;
}

/** The endings of the files that a run writes, which begin with the name of their option. */
const FILES = ["csv", "junit.xml", "hdrlog", "report.html"] as const;

async function runClient(
  path: string,
  whileItRuns: (url: string) => Promise<void> = () => Promise.resolve(),
): Promise<Run> {
  const base = path.replace(/\.yaml$/, "");
  const [, directory, name] = /^(.*)\/([^/]+)$/.exec(path)!;
  const file = (ending: string) => `${base}.${ending}`;
  const files = FILES.flatMap((name) => [`--${name.split(".")[0]}`, file(name)]);
  const more = ["--json", "--timeline", "500ms", "--web", "0", "--hold", "--lf", file("log")];
  const client = ours(["test", name!, "--flush=false", ...files, ...more], [
    ...WITHOUT_DEVICE,
    "env",
    "-C",
    directory!,
  ]);
  const printed = new Response(client.stdout).text();
  try {
    const [, url] = await told(client, /live page at (\S+),/);
    await whileItRuns(url!);
    // Its page stays until then, however long the others take.
    await until("the end", async () => (await resultAt(url!)).result !== "running");
    client.kill("SIGTERM");
    const { code } = await client.status;
    await Deno.writeTextFile(file("json"), await printed);
    return { result: JSON.parse(await printed), status: code, file };
  } catch (e) {
    await ended(client);
    throw e;
  }
}

/** What a Python program prints as JSON, of the file at a path. */
async function python(program: string, path: string) {
  const { success, stdout, stderr } = await new Deno.Command("/usr/bin/python3", {
    args: ["-c", program, path],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

const READ_CSV = `import collections, csv, json, sys
rows = list(csv.DictReader(open(sys.argv[1], newline="")))
print(json.dumps({"rows": len(rows), "tunnels": len({row["tunnel"] for row in rows}),
  "outcomes": collections.Counter(row["outcome"] for row in rows),
  "timed": sum(float(row["ike_sa_init_ms"]) > 0 and float(row["ike_auth_ms"]) > 0 for row in rows),
  "rekeyed": sum(row["create_child_sa_ms"] != "" and int(row["child_rekeys"]) > 0 for row in rows)}))`;

const READ_JUNIT = `import json, sys, xml.etree.ElementTree as tree
suite = tree.parse(sys.argv[1]).getroot()[0]
print(json.dumps({case.get("name"): [one.get("message") for one in case if one.tag != "system-out"]
  for case in suite}))`;

/** Compares two results; the exit status, and what is printed. */
async function compared(before: Run, after: Run): Promise<readonly [number, string]> {
  const child = ours(["compare", before.file("json"), after.file("json")]);
  const [{ code }, text] = await Promise.all([child.status, new Response(child.stdout).text()]);
  await child.stderr.cancel();
  return [code, text];
}

async function checkComparison(good: Run, bad: Run): Promise<void> {
  assert.equal((await compared(good, good))[0], 0, "no run is worse than itself");
  const [status, text] = await compared(good, bad);
  assert.equal(status, 1, text);
  assert.match(text, /worse/);
  assert.match((await compared(bad, good))[1], /better/);
}

/** Keeps pictures of a part of the page in both themes. */
async function keepPictures(browser: Chromium, name: string, part: string): Promise<void> {
  if (!PICTURES) return;
  for (const theme of ["light", "dark"] as const) {
    await browser.show(theme, 960, 760);
    await browser.evaluate(`document.querySelector(${JSON.stringify(part)}).scrollIntoView()`);
    // Nothing changes for some frames, so that what has scrolled is drawn.
    await browser.evaluate("new Promise((done) => setTimeout(done, 300))");
    await Deno.writeFile(`${PICTURES}/${name}-${theme}.png`, await browser.picture(false));
  }
}

/** The live page, and Prometheus, while the tunnels come up and are pinged. */
async function watch(browser: Chromium, url: string): Promise<void> {
  const prometheus = await Prometheus.start(url);
  try {
    await browser.open(url);
    const established = `document.querySelector("#figure-established td")?.innerText`;
    const stormed = async () => (await resultAt(url)).rekeys.child >= STORMED;
    await until(
      "the tunnels on the page",
      async () => await browser.evaluate(established) === String(TUNNELS),
    );
    await until(
      "the tunnels in Prometheus",
      async () => await prometheus.value("myikev2_tunnels_established_total") === TUNNELS,
    );
    await until("the storm", stormed);
    await until(
      "pings in Prometheus",
      async () => (await prometheus.value("myikev2_ping_sent_total") ?? 0) > TUNNELS,
    );
    assert.equal((await resultAt(url)).tunnels.established, TUNNELS);
    const metrics = await (await fetch(`${url}metrics`)).text();
    assert.equal(await complaintsOfPromtool(metrics), "");
    await keepPictures(browser, "live", "#over-time");
    assert.deepEqual(browser.complaints.errors, []);
  } finally {
    await prometheus.end();
  }
}

async function checkReport(browser: Chromium, { result, file }: Run): Promise<void> {
  await browser.open(`file://${file("report.html")}`);
  const textOf = (selector: string) =>
    browser.evaluate<string>(
      `document.querySelector(${JSON.stringify(selector)})?.innerText ?? ""`,
    );
  assert.match(await textOf("h1"), /^Failed after /);
  assert.match(await textOf("#thresholds"), /p50\(setup\) < 1ms\s+broken/);
  assert.match(await textOf("#thresholds"), /failed < 1%\s+held/);
  assert.equal(await textOf("#figure-established td"), String(TUNNELS));
  assert.equal(await textOf("#figure-ping-sent td"), String(result.ping.sent));
  const impaired = await browser.evaluate<string[]>(
    `[...document.querySelectorAll("#impairment tbody tr:nth-child(2) td")].map((c) => c.innerText)`,
  );
  assert.deepEqual(impaired, Object.values(result.impairment[1]!).map(String));
  const events = await textOf("#events");
  for (
    const words of ["The set-up is over", "A storm begins", "The test ends"]
  ) {
    assert.ok(events.includes(words), `${words}: ${events}`);
  }
  await keepPictures(browser, "report", "h1");
  await keepPictures(browser, "plots", "#over-time");
  assert.deepEqual(browser.complaints.errors, []);
}

async function checkFiles({ result, file }: Run): Promise<void> {
  const table = await python(READ_CSV, file("csv"));
  assert.deepEqual([table.rows, table.tunnels, table.timed], [TUNNELS, TUNNELS, TUNNELS]);
  assert.deepEqual(table.outcomes, { established: TUNNELS });
  assert.equal(table.rekeyed, STORMED);
  const cases = await python(READ_JUNIT, file("junit.xml"));
  assert.deepEqual(Object.keys(cases), [
    "run",
    "threshold: p50(setup) < 1ms",
    "threshold: failed < 1%",
  ]);
  assert.deepEqual(Object.values(cases).map((told) => (told as string[]).length), [1, 1, 0]);
  assert.ok(result.impairment[1]!.lost > 0 && result.retransmissions > 0, "nothing was lost");
  for (const name of [...FILES, "log"]) {
    const { mode, size } = await Deno.stat(file(name));
    assert.deepEqual([name, mode! & 0o777], [name, 0o600]);
    assert.ok(size > 0 && !(await Deno.readTextFile(file(name))).includes(PSK), name);
  }
}

Deno.test({
  name: `a run of ${TUNNELS} tunnels in a bad network is shown, kept, read back and compared` +
    (HAS_ALL ? "" : " (left out: no chromium, prometheus, python or shim)"),
  ignore: !HAS_ALL,
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const dir = await Deno.makeTempDir();
    const ports = { gateway: freePort(), gatewayNatt: freePort() };
    const write = async (name: string, text: string) => {
      await Deno.writeTextFile(`${dir}/${name}.yaml`, text);
      return `${dir}/${name}.yaml`;
    };
    const options = ["--flush=false", "--lf", `${dir}/gateway.log`];
    const gateway = ours(
      ["test", await write("gateway", gatewaySetup(ports)), ...options],
      WITHOUT_DEVICE,
    );
    const browser = await Chromium.start();
    try {
      await told(gateway, /API on/);
      await browser.show("light", 1_000, 900);
      const bad = await runClient(
        await write("bad", clientSetup(ports, true)),
        (url) => watch(browser, url),
      );
      assert.deepEqual([bad.result.result, bad.status], ["failed", 1]);
      assert.match(bad.result.error!, /p50\(setup\) < 1ms/);
      await checkReport(browser, bad);
      await checkFiles(bad);
      const good = await runClient(await write("good", clientSetup(ports, false)));
      assert.equal(good.result.result, "passed", good.result.error ?? "");
      await checkComparison(good, bad);
    } finally {
      await browser.close();
      await ended(gateway);
      await Deno.remove(dir, { recursive: true });
    }
  },
});
