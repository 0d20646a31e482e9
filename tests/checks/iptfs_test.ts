// IP-TFS as it is negotiated, by hand-made messages. RFC 9347 §5.1.
import assert from "node:assert/strict";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import type { AggfragConfig } from "@/ike/records/aggfrag.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import { findNotify } from "@/ike/records/notify.ts";
import { CHILD } from "@/sim/scenarios.ts";
import { Bench, notify } from "./bench.ts";
import { checksOf } from "./entries.ts";

const { check } = checksOf(import.meta.url);
const { CREATE_CHILD_SA, IKE_AUTH } = ExchangeType;
const { NO_PROPOSAL_CHOSEN, USE_AGGFRAG } = NotifyType;

function wants(use: AggfragConfig["use"], takesFragments = true): Partial<IkeConfig> {
  const aggfrag = { use, takesFragments, payloadOctets: 0, rate: 0 };
  return { children: [{ ...CHILD, aggfrag }] };
}

const flags = (octet: number) => notify(USE_AGGFRAG, Uint8Array.of(octet));

/** The answer of a responder to IKE_AUTH with this notify, or without. */
function asked(change: Partial<IkeConfig>, said?: ReturnType<typeof notify>) {
  const bench = Bench.keyed("responder", change);
  const payloads = bench.peer.authPayloads();
  const answer = bench.ask(IKE_AUTH, said ? [...payloads, said] : payloads);
  return { bench, answer, aggfrag: bench.sa.children[0]?.aggfrag };
}

check("RFC 9347 §5.1", "A responder agrees by the notify with its own flags", () => {
  for (const [takes, octet] of [[true, 0], [false, 1]] as const) {
    const { answer, aggfrag } = asked(wants("allow", takes), flags(0));
    assert.deepEqual([...findNotify(answer, USE_AGGFRAG)!.data], [octet]);
    assert.deepEqual(aggfrag, { peerTakesFragments: true });
  }
  assert.deepEqual(asked(wants("allow"), flags(1)).aggfrag, { peerTakesFragments: false });
});

check("RFC 9347 §5.1", "A notify without flags, as libreswan 5 sends it, has none set", () => {
  const { aggfrag } = asked(wants("force"), notify(USE_AGGFRAG));
  assert.deepEqual(aggfrag, { peerTakesFragments: true });
});

check(
  "RFC 9347 §5.1",
  "A responder that does not want it, or is not asked, says nothing of it",
  () => {
    for (const [change, said] of [[{}, flags(0)], [wants("allow"), undefined]] as const) {
      const { answer, bench } = asked(change, said);
      assert.equal(findNotify(answer, USE_AGGFRAG), undefined);
      assert.equal(bench.sa.children[0]!.aggfrag, undefined);
    }
  },
);

check("RFC 9347 §5.1", "Congestion control is not agreed on, as this end has none", () => {
  const { answer, aggfrag } = asked(wants("allow"), flags(2));
  assert.equal(findNotify(answer, USE_AGGFRAG), undefined);
  assert.equal(aggfrag, undefined);
});

check("RFC 9347 §5.1", "IP-TFS is not agreed on with a flag that this end does not know", () => {
  for (const octet of [4, 0x81]) {
    const { answer, aggfrag } = asked(wants("allow"), flags(octet));
    assert.equal(findNotify(answer, USE_AGGFRAG), undefined);
    assert.equal(aggfrag, undefined);
  }
});

check("RFC 9347 §5.1", "A responder with force refuses a CHILD_SA without it, by name", () => {
  for (
    const [said, why] of [[undefined, /did not ask for IP-TFS/], [
      flags(2),
      /congestion control/,
    ], [flags(4), /does not know \(flags 0x4\)/]] as const
  ) {
    const { answer, bench } = asked(wants("force"), said);
    assert.ok(findNotify(answer, NO_PROPOSAL_CHOSEN));
    assert.match(bench.failure, why);
    assert.equal(bench.sa.children.length, 0);
  }
});

/** An initiator that has sent IKE_AUTH, answered with this notify or without. */
function answeredWith(change: Partial<IkeConfig>, said?: ReturnType<typeof notify>): Bench {
  const bench = Bench.keyed("initiator", change);
  const request = bench.said().at(-1)!.payloads;
  assert.equal(findNotify(request, USE_AGGFRAG) !== undefined, change.children !== undefined);
  const payloads = bench.peer.authPayloads();
  bench.answer(said ? [...payloads, said] : payloads);
  return bench;
}

check(
  "RFC 9347 §5.1",
  "An initiator takes an answer with the notify, or goes on without it",
  () => {
    const bench = answeredWith(wants("allow", false), flags(1));
    assert.deepEqual(bench.sa.children[0]!.aggfrag, { peerTakesFragments: false });
    assert.equal(answeredWith(wants("allow")).sa.children[0]!.aggfrag, undefined);
  },
);

check(
  "RFC 9347 §5.1",
  "An initiator refuses an answer that it did not ask for, or cannot follow",
  () => {
    for (
      const [change, said, why] of [
        [wants("force"), undefined, /declined IP-TFS .* iptfs: force asks for it/],
        [wants("allow"), flags(2), /requires congestion control/],
        [wants("allow"), flags(0x81), /does not know \(flags 0x80\)/],
        [{}, flags(0), /answered with IP-TFS .* did not ask for/],
      ] as const
    ) {
      const bench = answeredWith(change, said);
      assert.match(bench.sa.failure?.text ?? bench.failure, why);
      assert.equal(bench.sa.children.length, 0);
    }
  },
);

check("RFC 9347 §5.1", "A rekey asks for it again, and answers it again", () => {
  const bench = answeredWith(wants("allow"), flags(0));
  bench.said();
  bench.tell({ kind: "rekey_child", child: bench.sa.children[0]! });
  const { payloads } = bench.said().at(-1)!;
  assert.deepEqual([...findNotify(payloads, USE_AGGFRAG)!.data], [0]);
  const other = asked(wants("allow"), flags(0)).bench;
  const answer = other.ask(CREATE_CHILD_SA, other.peer.createChild([flags(1)]));
  assert.deepEqual([...findNotify(answer, USE_AGGFRAG)!.data], [0]);
});
