/**
 * The live page of a run in a real browser, and its metrics in a real Prometheus. The figures in both are
 * those of the run.
 */
import assert from "node:assert/strict";
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

const PICTURES = Deno.env.get("REPORT_PICTURES");

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
    for (const process of this.#processes) await ended(process);
    await Deno.remove(this.#dir, { recursive: true });
  }
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
    const prometheus = await Prometheus.start(pair.url);
    const value = (query: string) => prometheus.value(query);
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
      assert.equal(await complaintsOfPromtool(text), "");
    } finally {
      await prometheus.end();
      await pair.end();
    }
  },
});
