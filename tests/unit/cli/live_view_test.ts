import type { RunFigures } from "@/engine/show/figures.ts";
import type { PingFigures } from "@/engine/show/ping_table.ts";
import assert from "node:assert/strict";
import { LiveScreen } from "@/cli/live_screen.ts";
import { plainLine } from "@/cli/live_view.ts";
import type { RunView } from "@/engine/show/view.ts";

const MAIN = new URL("../../../main.ts", import.meta.url).pathname;
const ESCAPE = "\u001b";

/** A client that runs for a second, and whose gateway never answers. */
const SILENT = `role: client
numberoftunnels: 7
runningtime: 1s
setupinterval: 0s
bindifname: lo
startclntaddr: 127.0.0.1/8
peeraddr: 127.0.0.1
peerport: 9
ownport: 0
apilistenport: 0
ikeconf: {psk: a secret, retraninterval: 300ms}
`;

/** The octets that a terminal gets while a test runs; `size` is a command that sets the terminal's size. */
async function onTerminal(size: string): Promise<string> {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${dir}/my.yaml`, SILENT);
    const words = [Deno.execPath(), "run", "-A", MAIN, "test", `${dir}/my.yaml`];
    const line = [...words, "--flush=false", "--lf", `${dir}/log`].join(" ");
    const { stdout } = await new Deno.Command("script", {
      args: ["-qec", `${size}${line}`, "/dev/null"],
      stdin: "null",
      stdout: "piped",
      env: { TERM: "xterm", NO_COLOR: "1" },
    }).output();
    return new TextDecoder().decode(stdout);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const hasScript = await new Deno.Command("script", { args: ["--version"], stdout: "null" }).output()
  .then(() => true, () => false);

for (
  const [what, size] of [
    ["a terminal", "stty cols 100 rows 30; "],
    ["a terminal of no size", "stty cols 0 rows 0; "],
    ["a terminal of two lines", "stty cols 40 rows 2; "],
  ] as const
) {
  Deno.test({
    name: `${what} gets figures that are redrawn in place, and its cursor stays visible` +
      (hasScript ? "" : " (left out: no script command)"),
    ignore: !hasScript,
    fn: async () => {
      const sent = await onTerminal(size);
      assert.match(sent, /elapsed +\d/);
      if (!what.includes("two lines")) {
        assert.match(sent, /created +7 of 7/);
        assert.match(sent, /half-open +7/);
        assert.match(sent, /retransmitted +[1-9]/);
        assert.match(sent, /s left/);
      }
      assert.ok(sent.includes(`${ESCAPE}[1A`), "the cursor does not go up to draw again");
      assert.ok(!sent.includes(`${ESCAPE}[?25l`), "the cursor is hidden");
      assert.match(sent.slice(sent.lastIndexOf(ESCAPE)), /Test failed after/);
    },
  });
}

Deno.test("without a terminal the figures are one line, with the remaining time if the test has an end", async () => {
  const figures = {
    elapsedMs: 65_400,
    established: 40,
    live: 39,
    halfOpen: 2,
    failed: 1,
    retransmissions: 12,
    recentRate: 9.6,
  } as RunFigures;
  const view = (more: Partial<RunFigures>) =>
    ({
      figures: () => ({ ...figures, ...more }),
      summary: () => ({ configured: 100 }),
    }) as unknown as RunView;
  const line = "1m5s tunnels: 40/100 established, 39 live, 2 half-open, 1 failed, " +
    "12 retransmissions, 10/s";
  assert.equal(await plainLine(view({})), line);
  assert.equal(await plainLine(view({ timeLeftMs: 4_100 })), `${line}, 5s left`);
  assert.equal(
    await plainLine(view({ timeLeftMs: 0, isEnding: true })),
    `${line}, ending: live tunnels are being deleted`,
  );
  const ping = {
    tasks: 7,
    sent: 0,
    received: 0,
    lossPercent: undefined,
    latencyMs: undefined,
  } as PingFigures;
  assert.equal(await plainLine(view({ ping })), `${line}, ping: not begun`);
  const latencyMs = { p50: 1.234, p90: 2, p99: 3, max: 4, samples: 5 };
  const afterSomeRequests = { ...ping, sent: 50, received: 40, lossPercent: 12.345, latencyMs };
  assert.equal(
    await plainLine(view({ ping: afterSomeRequests })),
    `${line}, ping: 7 tasks, 40/50 answered, 12.35 % lost, p50 1.23 ms`,
  );
});

/** Figures of a run in which a lot has happened. */
const BUSY = {
  elapsedMs: 3_725_000,
  timeLeftMs: 60_000,
  created: 1_000_000,
  established: 999_999,
  live: 999_000,
  lost: 12,
  failed: 123_456,
  halfOpen: 20_000,
  retransmissions: 9_876_543,
  recentRate: 12_345.6,
  failures: [
    { cause: "NO_ANSWER", count: 100_000, example: "" },
    { cause: "AUTHENTICATION_FAILED", count: 23_000, example: "" },
    { cause: "EAP: refused by the other end", count: 400, example: "" },
    { cause: "NO_PROPOSAL_CHOSEN", count: 56, example: "" },
  ],
  strangers: [{ cause: "HALF_OPEN_TIMEOUT", count: 7, example: "" }],
  throttled: [{ cause: "COOKIE", count: 5_000, example: "" }],
  setupMs: { p50: 12_345.67, p90: 23_456.78, p99: 34_567.89, max: 45_678.9, samples: 99 },
  ping: {
    tasks: 1_000_000,
    sent: 123_456_789,
    received: 123_000_000,
    lossPercent: 0.37,
    latencyMs: { p50: 1.234, p90: 2, p99: 3, max: 4, samples: 5 },
  },
} as unknown as RunFigures;
const TERMINAL = { columns: 80, rows: 24 };

Deno.test("a terminal of 80 by 24 has room for all figures, the keys and the last failures", () => {
  const screen = new LiveScreen(true);
  screen.hasKeys = screen.showsFailures = true;
  for (let i = 0; i < 100; i++) {
    const msg = `Tunnel ${i} failed: \u001b[2J${"long words ".repeat(20)}`;
    screen.addFailure({ level: 2, msg, epochMs: 1_700_000_000_000 });
  }
  let lines: string[] = [];
  for (let i = 0; i < 60; i++) {
    const figures = { ...BUSY, elapsedMs: i * 1_000, recentRate: i, isEnding: true };
    lines = screen.lines(figures, 1_000_000, TERMINAL);
  }
  assert.ok(lines.length < 24, `${lines.length} lines`);
  for (const line of lines) assert.ok(line.length < 80 && !line.includes(ESCAPE), line);
  const text = lines.join("\n");
  assert.match(text, /causes +100000 × NO_ANSWER, 23000 × AUTHENTICATION_FAILED, 400 × EAP/);
  assert.match(text, /throttled by +5000 × COOKIE/);
  assert.match(text, /set-up +p50 12345\.7 ms, p90 23456\.8 ms, p99 34567\.9 ms/);
  assert.match(text, /rate +59\/s +[▁-█]{40}$/m);
  assert.match(text, /ending +999000 tunnels are left/);
  assert.match(text, /q: end at once +d: hide the last failures/);
  assert.match(text, /22:13:20 Tunnel 99 failed/);
  assert.ok(!/Tunnel 91 failed/.test(text), "old failures are shown");
});

for (const rows of [4, 8, 12, 18, 20, 24, 25]) {
  Deno.test(`a terminal of ${rows} rows shows the last failures, as many as fit, and the keys`, () => {
    const screen = new LiveScreen(true);
    screen.hasKeys = screen.showsFailures = true;
    const workers = [{ live: 1, recentRate: 1 }, { live: 2, recentRate: 2 }];
    const traffic = { flows: 1, sent: 0 };
    const figures = { ...BUSY, workers, traffic, isEnding: true } as unknown as RunFigures;
    const shown = () => screen.lines(figures, 10, { columns: 80, rows }).join("\n");
    assert.match(shown(), /nothing has failed/);
    for (let i = 0; i < 9; i++) screen.addFailure({ level: 2, msg: `Tunnel ${i}`, epochMs: 0 });
    const text = shown();
    assert.ok(text.split("\n").length < rows, text);
    assert.match(text, /Tunnel 8\n/);
    assert.match(text, /elapsed .*\n/);
    assert.match(text, /d: hide the last failures$/);
    const failures = text.match(/Tunnel \d/g)!.length;
    assert.equal(failures >= Math.min(4, rows - 3), true, `${failures} failures`);
  });
}

Deno.test("bars are those of the last seconds, and of letters where the terminal has no UTF-8", () => {
  const screen = new LiveScreen(false);
  const at = (seconds: number, recentRate: number) =>
    screen.lines({ ...BUSY, elapsedMs: seconds * 1_000, recentRate }, 10, TERMINAL).join("\n");
  assert.match(at(0, 0), /rate +0\/s$/m);
  at(0.5, 99);
  at(1, 50);
  assert.match(at(2, 100), /rate +100\/s +\.\+@$/m);
});

Deno.test("a terminal that is small gets the last lines, cut to its width", () => {
  const screen = new LiveScreen(true);
  const lines = screen.lines(BUSY, 10, { columns: 20, rows: 4 });
  assert.deepEqual([lines.length, Math.max(...lines.map((line) => line.length))], [3, 19]);
});

/** Types these keys into the terminal of a test, each when its screen has the pattern before it. */
async function typing(keys: readonly (readonly [RegExp, string])[], runningtime: string) {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${dir}/my.yaml`, SILENT.replace("runningtime: 1s", runningtime));
    const words = [Deno.execPath(), "run", "-A", MAIN, "test", `${dir}/my.yaml`];
    const line = [...words, "--flush=false", "--lf", `${dir}/log`, "; stty -a"].join(" ");
    const child = new Deno.Command("script", {
      args: ["-qec", `stty cols 100 rows 30; ${line}`, "/dev/null"],
      stdin: "piped",
      stdout: "piped",
      env: { TERM: "xterm", NO_COLOR: "1", LC_ALL: "C.UTF-8" },
    }).spawn();
    const writer = child.stdin.getWriter();
    let said = "";
    let next = 0;
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      said += text;
      const key = keys[next];
      if (!key?.[0].test(said)) continue;
      next++;
      await writer.write(new TextEncoder().encode(key[1]));
    }
    await child.status;
    writer.close().catch(() => {});
    return said;
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test({
  name: "d shows the last failures, q ends the test, and the terminal is as before" +
    (hasScript ? "" : " (left out: no script command)"),
  ignore: !hasScript,
  fn: async () => {
    const said = await typing([
      [/q: end the test gracefully/, "d"],
      [/hide the last failures/, "q"],
    ], "runningtime: 100s");
    assert.match(said, /nothing has failed|Tunnel/);
    assert.match(said, /Test (failed|stopped) after/);
    assert.doesNotMatch(said, /after 1m/);
    // What stty says behind it: lines are edited and echoed again.
    const [, after] = said.split(/Test (?:failed|stopped) after/);
    assert.match(after!, / icanon/);
    assert.match(after!, / echo /);
  },
});
