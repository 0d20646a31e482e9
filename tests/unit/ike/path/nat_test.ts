import assert from "node:assert/strict";
import { REDUNDANT } from "@/ike/records/ike_sa.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { keepaliveDueMs } from "@/ike/path/nat.ts";

const FLOATED = {
  config: { natt: { ownPort: 4500, peerPort: 4500, forced: false, keepaliveMs: 20_000 } },
  env: { broken: new Set() },
  path: { ownPort: 4500 },
  peer: { natOwn: true },
  lastSentMs: 5_000,
  succession: { kind: "current" },
} as unknown as IkeSa;

Deno.test("a keepalive is due where there is a NAT in front of us, at the NAT-T port, of the SA that stays", () => {
  assert.equal(keepaliveDueMs(FLOATED), 25_000);
  const never: readonly Partial<IkeSa>[] = [
    { peer: { ...FLOATED.peer, natOwn: false } },
    { path: { ...FLOATED.path, ownPort: 500 } },
    { succession: { kind: "replaced", by: FLOATED } },
    { succession: REDUNDANT },
    { config: { ...FLOATED.config, natt: undefined } },
    { config: { ...FLOATED.config, natt: { ...FLOATED.config.natt!, keepaliveMs: 0 } } },
  ];
  for (const change of never) assert.equal(keepaliveDueMs({ ...FLOATED, ...change }), Infinity);
});
