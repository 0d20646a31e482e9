/**
 * A report in a real browser: its figures are those of the result, its plots are drawn, and texts of peers
 * have no effect.
 */
import assert from "node:assert/strict";
import { adviceOf } from "@/cli/explain.ts";
import { main } from "@/cli/program.ts";
import { LEFT_OUT } from "@/report/masking.ts";
import { PLOTS } from "@/report/plots.ts";
import { reportPage } from "@/report/report_page.ts";
import type { RunResultJson } from "@/report/result.ts";
import { EVENTS_MAX, MILESTONES_MAX, STEPS_MAX, type TimelineColumns } from "@/report/timeline.ts";
import { Chromium, hasChromium } from "./chromium.ts";

const SIZE_MAX = 1_000_000;
const PICTURES = Deno.env.get("REPORT_PICTURES");

const STYLE = { masks: false, advice: adviceOf };

/** The result of a short demo, and the report that was written with it. */
async function demo(): Promise<{ result: RunResultJson; page: string; mode: number }> {
  const dir = await Deno.makeTempDir();
  const { log, error } = console;
  const out: string[] = [];
  console.log = (text: string) => void out.push(text);
  console.error = () => {};
  try {
    const words = ["demo", "--tunnels", "200", "--json", "--timeline", "100ms", "--report"];
    assert.equal(await main([...words, `${dir}/report.html`]), 0);
    const mode = (await Deno.stat(`${dir}/report.html`)).mode! & 0o777;
    const page = await Deno.readTextFile(`${dir}/report.html`);
    return { result: JSON.parse(out.join("")), page, mode };
  } finally {
    console.log = log;
    console.error = error;
    await Deno.remove(dir, { recursive: true });
  }
}

const HOSTILE = `<script>document.title="hit"</script><img src=x onerror="document.title='hit'">` +
  `</script><!--"'&#0;\u0000\u2028 javascript:alert(1)`;

/** A result in which every text is an attack of a peer. */
function hostile(result: RunResultJson): RunResultJson {
  const causes = [{ cause: HOSTILE, count: 1, example: HOSTILE }];
  const { timeline, rekeys, datagrams } = result;
  return {
    ...result,
    program: HOSTILE,
    setup: HOSTILE,
    error: HOSTILE,
    result: "failed",
    suites: { [HOSTILE]: 1 },
    peers: { [HOSTILE]: 1 },
    vendorIds: { [HOSTILE]: 1 },
    failures: causes,
    strangers: causes,
    refusals: causes,
    children: { refused: { count: 1, causes }, lost: { count: 1, causes } },
    rekeys: { ...rekeys, refused: { ...rekeys.refused, causes } },
    datagrams: { ...datagrams, sendErrors: causes },
    drops: { [HOSTILE]: 1 },
    timeline: { ...timeline!, events: [{ atSec: 0.1, level: 2, text: HOSTILE }] },
  };
}

/** A timeline of an hour with the most steps, and with long numbers. */
function anHour(result: RunResultJson): RunResultJson {
  const { timeline } = result;
  const steps: Record<string, number[]> = {};
  for (const name of Object.keys(timeline!.steps)) {
    steps[name] = Array.from(
      { length: STEPS_MAX },
      (_, i) =>
        name === "atSec"
          ? 2 * (i + 1)
          : name === "rssBytes"
          ? 1e9 + 1e3 * i
          : (i * 7919 % 100_003) / 8,
    );
  }
  const events = Array.from(
    { length: EVENTS_MAX + MILESTONES_MAX },
    (_, i) => ({ atSec: i, level: 2, text: "x".repeat(401) }),
  );
  return {
    ...result,
    timeline: { ...timeline!, stepSec: 2, steps: steps as unknown as TimelineColumns, events },
  };
}

Deno.test("an hour of a hundred thousand tunnels is no more than a megabyte", async () => {
  const { result } = await demo();
  const octets = new TextEncoder().encode(reportPage(anHour(result), STYLE)).length;
  assert.ok(octets <= SIZE_MAX, `${octets} octets`);
});

Deno.test("no text of a peer stands in a report as markup, and none at all where it is masked", async () => {
  const { result } = await demo();
  const page = reportPage(hostile(result), STYLE);
  assert.doesNotMatch(page, /<script>document|<img|<!--/);
  assert.equal(page.match(/<\/script>/g)!.length, 3);
  const masked = reportPage(
    { ...result, failures: [{ cause: "X", count: 1, example: "bob" }] },
    { ...STYLE, masks: true },
  );
  assert.ok(masked.includes(LEFT_OUT) && !masked.includes("bob"));
  const silent = [{ cause: "NO_ANSWER", count: 1, example: "Nobody answered" }];
  const advised = reportPage({ ...result, failures: silent }, STYLE);
  assert.match(advised, /<td>Nobody answered<\/td><td>[^<]+<code>maxhalfopen<\/code>/);
});

Deno.test({
  name: "Chromium shows the figures of the result, and runs nothing that a peer said" +
    (hasChromium ? "" : " (left out: no chromium)"),
  ignore: !hasChromium,
  // The browser's socket and process are its own.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async (t) => {
    const { result, page, mode } = await demo();
    const dir = await Deno.makeTempDir();
    const browser = await Chromium.start();
    const open = async (name: string, text: string) => {
      await Deno.writeTextFile(`${dir}/${name}`, text);
      browser.complaints.errors.length = browser.complaints.requests.length = 0;
      await browser.open(`file://${dir}/${name}`);
    };
    const textOf = (selector: string) =>
      browser.evaluate<string>(`document.querySelector(${JSON.stringify(selector)}).innerText`);
    const keep = async (name: string) => {
      if (PICTURES) await Deno.writeFile(`${PICTURES}/${name}.png`, await browser.picture());
    };
    try {
      await browser.call("Emulation.setDeviceMetricsOverride", {
        width: 1200,
        height: 900,
        deviceScaleFactor: 1,
        mobile: false,
      });
      await t.step("its values are those of the result", async () => {
        assert.equal(mode, 0o600);
        await open("report.html", page);
        assert.match(await textOf("h1"), /^Passed after /);
        const { tunnels, setupRate, latencyMs } = result;
        assert.equal(await textOf("#figure-established td"), String(tunnels.established));
        assert.equal(await textOf("#figure-setupRate td"), String(setupRate));
        const shown = await browser.evaluate<string[]>(
          `[...document.querySelectorAll("#latencies tbody tr:nth-child(3) td")].map((c) => c.innerText)`,
        );
        const { p50, p90, p99, max } = latencyMs.setup;
        assert.deepEqual(shown, [p50, p90, p99, max].map(String));
        assert.match(await textOf("#tested"), /Curve25519/);
      });
      await t.step("each plot is drawn, and the page asks nobody for anything", async () => {
        const drawn = await browser.evaluate<number>(`document.querySelectorAll("canvas").length`);
        const wanted = PLOTS.filter((plot) => plot.isShown(result.timeline!.steps)).length;
        assert.equal(drawn, wanted);
        assert.deepEqual(browser.complaints.errors, []);
        assert.deepEqual(browser.complaints.requests, [`file://${dir}/report.html`]);
      });
      await t.step("a plot is read by keyboard to the value", async () => {
        const { established } = result.timeline!.steps;
        await browser.evaluate(`document.querySelector("#plot-tunnels .canvas").focus()`);
        await browser.press("End");
        await browser.evaluate("new Promise((done) => setTimeout(done, 100))");
        const total = established.reduce((sum: number, n) => sum + n!, 0);
        assert.match(
          await textOf("#plot-tunnels .u-legend"),
          new RegExp(`established:?\\s*${total}(?!\\d)`),
        );
      });
      await t.step("both themes, and paper", async () => {
        const ground = () =>
          browser.evaluate<string>("getComputedStyle(document.body).backgroundColor");
        const light = await ground();
        await keep("light");
        await browser.call("Emulation.setEmulatedMedia", {
          features: [{ name: "prefers-color-scheme", value: "dark" }],
        });
        assert.notEqual(await ground(), light);
        await keep("dark");
        const pdf = await browser.print();
        assert.equal(new TextDecoder().decode(pdf.subarray(0, 5)), "%PDF-");
        assert.deepEqual(browser.complaints.errors, []);
      });
      await t.step("what a peer says is shown as it is, and does nothing", async () => {
        await open("hostile.html", reportPage(hostile(result), STYLE));
        assert.doesNotMatch(await browser.evaluate<string>("document.title"), /^hit$/);
        assert.equal(await browser.evaluate<number>("document.images.length"), 0);
        assert.match(await textOf("#failures"), /<script>document\.title="hit"<\/script>/);
        assert.deepEqual(browser.complaints.errors, []);
      });
      await t.step("a script that got into the page all the same would not run", async () => {
        await open(
          "injected.html",
          page.replace("</main>", `<script>document.title="hit"</script></main>`),
        );
        assert.notEqual(await browser.evaluate<string>("document.title"), "hit");
        assert.ok(browser.complaints.errors.some((text) => /Content Security Policy/.test(text)));
      });
    } finally {
      await browser.close();
      await Deno.remove(dir, { recursive: true });
    }
  },
});
