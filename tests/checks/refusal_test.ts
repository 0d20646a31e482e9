// What a refusal may look like: RFC 7296 §2.21, §3.10.
import assert from "node:assert/strict";
import { ExchangeType } from "@/iana/exchange_type.ts";
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

both(
  "RFC 7791 §5.1",
  "An IKE SA is not cloned, as this end does not say that it can be",
  (role) => {
    const bench = Bench.up(role);
    const clone = [notify(NotifyType.CLONE_IKE_SA), ...bench.peer.rekeyIke()];
    bench.refuses(NotifyType.NO_ADDITIONAL_SAS, ExchangeType.CREATE_CHILD_SA, clone);
    const refused = bench.effects.findLast(({ kind }) => kind === "refused");
    assert.match(JSON.stringify(refused), /did not say CLONE_IKE_SA_SUPPORTED/);
    bench.stands();
  },
);
