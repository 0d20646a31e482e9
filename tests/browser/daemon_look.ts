/**
 * Opens the page of a daemon in Chromium, waits until its table says what is wanted, and prints what is on
 * it as one line of JSON: its rows, the same of the page of one instance, and what the browser complained of.
 *
 * Run: deno run -A tests/browser/daemon_look.ts URL INSTANCE ESTABLISHED
 * @module
 */
import { Chromium } from "./chromium.ts";

const [url, instance, established] = Deno.args;
const PICTURES = Deno.env.get("REPORT_PICTURES");
const WAIT_MS_MAX = 30_000;

const ROWS = `[...document.querySelectorAll("#instances tbody tr")].map((row) =>
  [row.cells[0].innerText, ...[...row.cells].slice(1).map((cell) => cell.innerText)])`;

async function until(browser: Chromium, expression: string): Promise<void> {
  const end = Date.now() + WAIT_MS_MAX;
  while (Date.now() < end) {
    if (await browser.evaluate<boolean>(expression)) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`Not within ${WAIT_MS_MAX} ms: ${expression}`);
}

const browser = await Chromium.start();
try {
  await browser.open(url!);
  const rowOf = `[...document.querySelectorAll("#instances tbody tr")].find((row) =>
    row.cells[0].innerText === ${JSON.stringify(instance)})`;
  const cell = `${rowOf}?.querySelector("[data-column=established]").innerText`;
  await until(browser, `${cell} === ${JSON.stringify(established)}`);
  await until(browser, `document.getElementById("connection").innerText.startsWith("Live")`);
  const rows = await browser.evaluate<string[][]>(ROWS);
  if (PICTURES) {
    for (const theme of ["light", "dark"] as const) {
      await browser.show(theme, 1_120, 340);
      await Deno.writeFile(`${PICTURES}/daemon-${theme}.png`, await browser.picture(false));
    }
  }
  // By the keyboard: the name of the instance is a link that has the focus and is followed by Enter.
  await browser.evaluate(`${rowOf}.querySelector("a").focus()`);
  await browser.press("Enter");
  await until(browser, `location.pathname.startsWith("/instances/") && !!globalThis.report`);
  await until(browser, `document.getElementById("connection").innerText.startsWith("Live")`);
  const figure = `document.querySelector("#figure-established td")?.innerText`;
  await until(browser, `${figure} === ${JSON.stringify(established)}`);
  const page = await browser.evaluate<string>("location.pathname");
  console.log(JSON.stringify({ rows, page, errors: browser.complaints.errors }));
} finally {
  await browser.close();
}
