import assert from "node:assert/strict";
import { SetupError } from "@/base/errors.ts";
import { historyLines, parseListen } from "@/cli/daemon.ts";

Deno.test("--listen accepts addresses of both families, with or without a port", () => {
  const cases = [
    ["127.0.0.1:12240", "127.0.0.1", 12240],
    ["127.0.0.1", "127.0.0.1", 12240],
    ["0.0.0.0:0", "0.0.0.0", 0],
    ["[::1]:7", "::1", 7],
    ["[::1]", "::1", 12240],
    ["::1", "::1", 12240],
  ] as const;
  for (const [text, address, port] of cases) assert.deepEqual(parseListen(text), { address, port });
  for (const text of ["", "here", "127.0.0.1:", "127.0.0.1:65536", "[::1", "1.2.3.4:5:6"]) {
    assert.throws(() => parseListen(text), SetupError, text);
  }
});

Deno.test("the history of the daemon is a table with one line for each run", () => {
  const run = {
    run: 7,
    name: "gw",
    type: 1 as const,
    defined: Date.UTC(2026, 0, 31, 12),
    ended: Date.UTC(2026, 0, 31, 12, 1),
    outcome: "failed" as const,
    reason: "no answer",
    logDirectory: "/log",
    established: 3,
    configured: 10,
  };
  const other = { ...run, type: 2 as const, established: null, configured: null, reason: "" };
  assert.deepEqual(historyLines([run, other]), [
    "run  defined               length  type     name  result  tunnels  why",
    "7    2026-01-31T12:00:00Z  60 s    myikev2  gw    failed  3 of 10  no answer",
    "7    2026-01-31T12:00:00Z  60 s    other    gw    failed  -",
  ]);
});
