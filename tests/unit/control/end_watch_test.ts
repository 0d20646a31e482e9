import assert from "node:assert/strict";
import type { Daemons } from "@/control/daemons.ts";
import { EndWatch } from "@/control/end_watch.ts";
import type { InstanceOutcome } from "@/control/outcome.ts";
import { InstanceState } from "@/daemon/record.ts";

/** Daemons whose one instance has ended with this `SummaryResp.Result`. */
function daemonsWith(result: number): Daemons {
  const summary = {
    Role: 1,
    NumOfCreatedTunnel: 5,
    SetupRate: 1,
    Live_count: "0",
    Configured_count: "5",
    Result: result,
    LastErrMsg: "",
  };
  const client = {
    state: () => Promise.resolve(InstanceState.PASSED),
    list: () =>
      Promise.resolve([{ name: "one", type: 1, api: undefined, summary, ping: undefined }]),
  };
  return { client: () => client } as unknown as Daemons;
}

/** The outcome of that instance after the controller has waited for its end. */
async function outcomeOf(result: number): Promise<InstanceOutcome> {
  const instance = { id: 1, name: "one", daemonName: "d", setup: { ends: true, apiTls: false } };
  const outcome = {
    instance,
    result: "running",
    reason: "",
    summary: undefined,
    ping: undefined,
    durationSec: undefined,
  } as unknown as InstanceOutcome;
  const options = { timeoutMs: 0, tell: () => {} };
  const watch = new EndWatch(daemonsWith(result), options, new AbortController().signal);
  watch.started(outcome, Date.now());
  await watch.wait([outcome]);
  return outcome;
}

Deno.test("a test that was stopped by somebody else than the recipe has failed", async () => {
  assert.equal((await outcomeOf(1)).result, "passed");
  const { result, reason } = await outcomeOf(3);
  assert.equal(result, "failed");
  assert.match(reason, /stopped before its end, and not by this recipe/);
});
