import type { RunFigures } from "@/engine/show/figures.ts";
import type { PingFigures } from "@/engine/show/ping_table.ts";
import assert from "node:assert/strict";
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
