import assert from "node:assert/strict";
import { daemonView } from "@/cli/daemon_view.ts";
import type { Instance } from "@/daemon/instance.ts";
import type { Instances } from "@/daemon/instances.ts";

/** An instance with a summary as its API gives it. */
function instance(more: Record<string, unknown> = {}): Instance {
  const summary = {
    Role: 1,
    Result: 2,
    LastErrMsg: "Tunnel of bob@example.org lost",
    Configured_count: 10n,
    NumOfCreatedTunnel: 9,
    Live_count: 8n,
    Ikesa_state_init: 1n,
    Ikesa_state_created: 2n,
    SetupRate: 3.5,
  };
  const record = { name: "cl", type: 1, state: 4, reason: "", summary, ping: null, ...more };
  return { record, hasResult: false } as unknown as Instance;
}

const rowsOf = (masks: boolean, ...all: readonly Instance[]) =>
  daemonView({ list: () => Promise.resolve(all) } as unknown as Instances, masks).instances();

Deno.test("the row of an instance has the figures of its summary", async () => {
  const [row] = await rowsOf(false, instance({ ping: { TotalSent: 7n, TotalRecv: 6n } }));
  assert.deepEqual(row, {
    name: "cl",
    type: "myikev2",
    state: "failed",
    verdict: "failed",
    reason: "Tunnel of bob@example.org lost",
    figures: {
      role: "client",
      configured: 10,
      established: 9,
      live: 8,
      halfOpen: 3,
      setupRate: 3.5,
      pingsSent: 7,
      pingsAnswered: 6,
    },
    hasPage: false,
  });
});

Deno.test("an instance without a summary has no figures, and masks leave sentences out", async () => {
  const none = { summary: null, reason: "its process ended without a result", state: 7 };
  const [row] = await rowsOf(false, instance(none));
  assert.deepEqual([row!.figures, row!.verdict, row!.reason], [undefined, undefined, none.reason]);
  const [masked, well] = await rowsOf(true, instance(), instance({ summary: null }));
  assert.ok(!masked!.reason.includes("bob"));
  assert.equal(well!.reason, "");
});
