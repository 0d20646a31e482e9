// What a refusal may look like: RFC 7296 §2.21, §3.10.
import assert from "node:assert/strict";
import { NotifyType } from "@/iana/notify_type.ts";
import { Bench, notify } from "./bench.ts";
import { checksOf } from "./entries.ts";

const { both } = checksOf(import.meta.url);

for (const type of ["COOKIE", "REDIRECT", "TICKET_NACK"] as const) {
  both("§3.10", `A CREATE_CHILD_SA response with ${type} alone is malformed`, (role) => {
    const bench = Bench.up(role);
    bench.tell({ kind: "rekey_child", child: bench.sa.children[0]! });
    bench.answer([notify(NotifyType[type], Uint8Array.of(1))]);
    bench.over();
    assert.match(bench.failure, /CREATE_CHILD_SA response is malformed/);
  });
}
