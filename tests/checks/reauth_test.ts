// Repeated authentication: how long it is good for, and what a rekey does about that. RFC 4478.
import assert from "node:assert/strict";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { findNotify } from "@/ike/records/notify.ts";
import { findPayload } from "@/wire/message.ts";
import { Bench, notify } from "./bench.ts";
import { checksOf } from "./entries.ts";

const { check } = checksOf(import.meta.url);
const { IKE_AUTH, INFORMATIONAL } = ExchangeType;
const { AUTH_LIFETIME } = NotifyType;
const FOLLOWS = { reauth: { lifetimeMs: 0 } };
const GIVES = { reauth: { lifetimeMs: 90_000 } };
const SIXTY = notify(AUTH_LIFETIME, Uint8Array.of(0, 0, 0, 60));

/** An initiator that got an AUTH_LIFETIME of sixty seconds in IKE_AUTH. */
function given(change = FOLLOWS): Bench {
  const bench = Bench.keyed("initiator", change);
  const [id, auth, ...child] = bench.peer.authPayloads();
  bench.answer([id!, SIXTY, auth!, ...child]);
  assert.equal(bench.sa.phase, "established");
  return bench;
}

function dueCount(bench: Bench): number {
  return bench.effects.filter(({ kind }) => kind === "reauth_due").length;
}

check("RFC 4478 §3", "A responder says in IKE_AUTH how soon it wants authentication again", () => {
  const bench = Bench.keyed("responder", GIVES);
  const { data } = findNotify(bench.ask(IKE_AUTH, bench.peer.authPayloads()), AUTH_LIFETIME)!;
  assert.deepEqual([...data], [0, 0, 0, 90]);
  const plain = Bench.keyed("responder");
  assert.equal(
    findNotify(plain.ask(IKE_AUTH, plain.peer.authPayloads()), AUTH_LIFETIME),
    undefined,
  );
});

check(
  "RFC 4478 §3",
  "A peer that does not authenticate again is ended when its time is over",
  () => {
    const bench = Bench.keyed("responder", GIVES);
    bench.ask(IKE_AUTH, bench.peer.authPayloads());
    const { sa } = bench;
    // Ninety seconds, and the time for which a request is repeated: twelve times half a second.
    bench.pass(95_000);
    assert.equal(bench.sa.phase, "established");
    bench.pass(2_000);
    const [last] = bench.said();
    assert.ok(findPayload(last!.payloads, PayloadType.DELETE));
    bench.answer([]);
    bench.over();
    assert.equal(sa.closeCode, CloseCode.HARD_EXPIRY);
    assert.match(bench.failure, /did not authenticate again within 1m30s/);
  },
);

check("RFC 4478 §3", "An initiator authenticates again before the time is over", () => {
  const bench = given();
  bench.pass(59_000);
  assert.equal(dueCount(bench), 0);
  bench.pass(2_000);
  assert.equal(dueCount(bench), 1);
});

check("RFC 4478 §3", "A responder may say so later too, in INFORMATIONAL", () => {
  const bench = Bench.up("initiator", FOLLOWS);
  bench.pass(10_000);
  assert.deepEqual(bench.ask(INFORMATIONAL, [SIXTY]), []);
  bench.pass(61_000);
  assert.equal(dueCount(bench), 1);
  const again = given();
  again.ask(INFORMATIONAL, [notify(AUTH_LIFETIME, Uint8Array.of(0, 0, 0, 0))]);
  again.pass(1);
  assert.equal(dueCount(again), 1, "zero is at once");
});

check("RFC 4478 §3", "AUTH_LIFETIME of an initiator means nothing", () => {
  const bench = Bench.up("responder", FOLLOWS);
  bench.ask(INFORMATIONAL, [SIXTY]);
  bench.pass(120_000);
  assert.equal(dueCount(bench), 0);
  bench.stands();
});

check("RFC 4478 §2", "An initiator that is not to authenticate again says so and goes on", () => {
  const bench = given({} as typeof FOLLOWS);
  const notes = bench.effects.filter((e) => e.kind === "note");
  assert.match(
    notes.map((n) => n.text).join("\n"),
    /authenticate again within 1m0?s?: reauth is false/,
  );
  bench.pass(120_000);
  assert.equal(dueCount(bench), 0);
  bench.stands();
});
