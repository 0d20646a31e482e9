/**
 * The live page of a run in a real browser, and its metrics in a real Prometheus. The figures in both are
 * those of the run.
 */
import assert from "node:assert/strict";
import type { RunResultJson } from "@/report/result.ts";
import { Chromium, hasChromium } from "./chromium.ts";

const PICTURES = Deno.env.get("REPORT_PICTURES");
const WAIT_MS_MAX = 60_000;

const isInstalled = (path: string) => Deno.stat(path).then(() => true, () => false);
const hasPrometheus = await isInstalled("/usr/bin/prometheus");

/** A gateway and a client with fifty tunnels, each a process of our program; the client has a live page. */
class Pair {
  readonly url: string;
  readonly #processes: readonly Deno.ChildProcess[];
  readonly #dir: string;

  private constructor(url: string, processes: readonly Deno.ChildProcess[], dir: string) {
    this.url = url;
    this.#processes = processes;
    this.#dir = dir;
  }

  static async start(): Promise<Pair> {
    const dir = await Deno.makeTempDir();
    const port = freePort();
    const common = "apilistenport: 0\nbindifname: lo\nrunningtime: 120s\nownnattport: 0\n";
    await Deno.writeTextFile(
      `${dir}/gateway.yaml`,
      `role: gateway\nnumberoftunnels: 50\nbindifaddr: 127.0.0.1/8\nownport: ${port}\n${common}` +
        "ikeconf: {psk: of a test}\n",
    );
    await Deno.writeTextFile(
      `${dir}/client.yaml`,
      `role: client\nnumberoftunnels: 50\nsetupinterval: 40ms\nownport: 0\npeerport: ${port}\n` +
        `peeraddr: 127.0.0.1\nstartclntaddr: 127.0.1.1/8\n${common}` +
        "ikeconf: {psk: of a test}\n",
    );
    const gateway = ours([
      "test",
      `${dir}/gateway.yaml`,
      "--flush=false",
      "--lf",
      `${dir}/gateway.log`,
    ]);
    await told(gateway, /API on/);
    const words = [
      "test",
      `${dir}/client.yaml`,
      "--flush=false",
      "--lf",
      `${dir}/client.log`,
      "--web",
      "0",
    ];
    const client = ours(words);
    const [, url] = await told(client, /live page at (\S+),/);
    return new Pair(url!, [client, gateway], dir);
  }

  async end(): Promise<void> {
    for (const process of this.#processes) {
      process.kill("SIGTERM");
      await process.status;
      await process.stderr.cancel().catch(() => {});
    }
    await Deno.remove(this.#dir, { recursive: true });
  }
}

function ours(args: readonly string[]): Deno.ChildProcess {
  const main = new URL("../../main.ts", import.meta.url).pathname;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", main, ...args],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
}

/** Reads the output of a process until a line matches. */
async function told(process: Deno.ChildProcess, wanted: RegExp): Promise<RegExpExecArray> {
  const reader = process.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`The process ended: ${text}`);
    text += value;
    const found = wanted.exec(text);
    if (!found) continue;
    // Its further output is read and dropped, so that it never waits for a reader.
    (async () => {
      while (!(await reader.read()).done);
    })();
    return found;
  }
}

function freePort(): number {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const { port } = socket.addr as Deno.NetAddr;
  socket.close();
  return port;
}

function freeTcpPort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}

async function until(what: string, is: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + WAIT_MS_MAX;
  while (Date.now() < end) {
    if (await is()) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.fail(`${what}: not within ${WAIT_MS_MAX} ms`);
}

async function resultAt(url: string): Promise<RunResultJson> {
  return await (await fetch(`${url}result.json`)).json();
}

Deno.test({
  name: "Chromium shows a run while it goes on" + (hasChromium ? "" : " (left out: no chromium)"),
  ignore: !hasChromium,
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const pair = await Pair.start();
    const browser = await Chromium.start();
    const textOf = (selector: string) =>
      browser.evaluate<string>(
        `document.querySelector(${JSON.stringify(selector)})?.innerText ?? ""`,
      );
    try {
      await browser.open(pair.url);
      assert.match(await textOf("h1"), /^Running after /);
      await until(
        "50 tunnels on the page",
        async () => await textOf("#figure-established td") === "50",
      );
      const { tunnels, suites } = await resultAt(pair.url);
      assert.equal(tunnels.established, 50);
      for (const suite of Object.keys(suites)) assert.ok((await textOf("#tested")).includes(suite));
      // The plot is updated with the page, and its table has the values.
      await until("the plot", async () => {
        const last = await browser.evaluate<number>(
          "globalThis.report.timeline().steps.live.at(-1)",
        );
        return last === 50;
      });
      const drawn = await browser.evaluate<number>(`document.querySelectorAll("canvas").length`);
      assert.ok(drawn >= 4, `${drawn} plots`);
      assert.equal(await textOf("#connection"), "Live: this page changes by itself.");
      if (PICTURES) await Deno.writeFile(`${PICTURES}/live.png`, await browser.picture());
      assert.deepEqual(browser.complaints.errors, []);
    } finally {
      await browser.close();
      await pair.end();
    }
  },
});

Deno.test({
  name: "Prometheus scrapes the figures of a run" +
    (hasPrometheus ? "" : " (left out: no prometheus)"),
  ignore: !hasPrometheus,
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const pair = await Pair.start();
    const dir = await Deno.makeTempDir();
    const target = new URL(pair.url).host;
    const port = freeTcpPort();
    await Deno.writeTextFile(
      `${dir}/prometheus.yml`,
      "scrape_configs:\n- job_name: myikev2\n  scrape_interval: 1s\n" +
        `  static_configs: [{targets: ["${target}"]}]\n`,
    );
    const prometheus = new Deno.Command("/usr/bin/prometheus", {
      args: [
        `--config.file=${dir}/prometheus.yml`,
        `--storage.tsdb.path=${dir}/data`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      stdout: "null",
      stderr: "null",
    }).spawn();
    const value = async (query: string): Promise<number | undefined> => {
      const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`;
      const answer = await fetch(url).then((r) => r.json(), () => undefined);
      const found = answer?.data?.result?.[0]?.value?.[1];
      return found === undefined ? undefined : Number(found);
    };
    try {
      const name = "myikev2_tunnels_established_total";
      await until("50 tunnels in Prometheus", async () => await value(name) === 50);
      assert.equal(await value('myikev2_ike_sas{state="established"}'), 50);
      assert.equal(await value("myikev2_setup_latency_seconds_count"), 50);
      const { latencyMs } = await resultAt(pair.url);
      const p50 = await value("histogram_quantile(0.5, myikev2_setup_latency_seconds_bucket)");
      assert.ok(
        p50! > 0 && p50! <= latencyMs.setup.max!,
        `${p50} s, at most ${latencyMs.setup.max} ms`,
      );
      const text = await (await fetch(`${pair.url}metrics`)).text();
      const promtool = new Deno.Command("/usr/bin/promtool", {
        args: ["check", "metrics"],
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const writer = promtool.stdin.getWriter();
      await writer.write(new TextEncoder().encode(text));
      await writer.close();
      const { success, stdout, stderr } = await promtool.output();
      const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
      assert.ok(success, said);
      assert.equal(said, "");
    } finally {
      prometheus.kill("SIGTERM");
      await prometheus.status;
      await pair.end();
      await Deno.remove(dir, { recursive: true });
    }
  },
});
