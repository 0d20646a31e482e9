import assert from "node:assert/strict";
import { Tally } from "@/engine/show/tally.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import type { IkeSa } from "@/ike/records/sa.ts";

Deno.test("the latency of each kind of exchange is counted by itself", () => {
  const tally = new Tally();
  const kinds = [
    [ExchangeType.IKE_SA_INIT, tally.ikeSaInitMs],
    [ExchangeType.IKE_SESSION_RESUME, tally.ikeSessionResumeMs],
    [ExchangeType.IKE_INTERMEDIATE, tally.ikeIntermediateMs],
    [ExchangeType.IKE_AUTH, tally.ikeAuthMs],
    [ExchangeType.CREATE_CHILD_SA, tally.createChildMs],
    [ExchangeType.IKE_FOLLOWUP_KE, tally.followupKeMs],
    [ExchangeType.INFORMATIONAL, tally.informationalMs],
  ] as const;
  for (const [i, [exchange]] of kinds.entries()) {
    const answered = { kind: "answered", exchange, latencyMs: i + 1, transmissions: 1 } as const;
    tally.handlers.answered!(answered, {} as IkeSa, 0);
  }
  for (const [i, [exchange, histogram]] of kinds.entries()) {
    assert.deepEqual([histogram.samples, histogram.data().max], [1, i + 1], `${exchange}`);
  }
});
