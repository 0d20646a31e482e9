// IKE SAs that are set up without a CHILD_SA. RFC 6023 §3.
import assert from "node:assert/strict";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { findNotify } from "@/ike/records/notify.ts";
import { findPayload } from "@/wire/message.ts";
import { Bench, notify } from "./bench.ts";
import { checksOf } from "./entries.ts";

const { check } = checksOf(import.meta.url);
const { IKE_AUTH, CREATE_CHILD_SA } = ExchangeType;
const { CHILDLESS_IKEV2_SUPPORTED, NO_PROPOSAL_CHOSEN } = NotifyType;
const ALLOW = { childless: "allow" } as const;
const FORCE = { childless: "force" } as const;

/** Our initiator with a responder that sends CHILDLESS_IKEV2_SUPPORTED, or does not. */
function initiator(
  change: typeof ALLOW | typeof FORCE | Record<never, never>,
  says: boolean,
): Bench {
  const bench = new Bench("initiator", change);
  const { peer } = bench;
  peer.learn(bench.said().at(-1)!.octets);
  const more = says ? [notify(CHILDLESS_IKEV2_SUPPORTED)] : [];
  bench.hear(peer.init([...peer.initPayloads(), ...more]));
  return bench;
}

/** Whether the last message of the core asks for a CHILD_SA. */
const asksForChild = (bench: Bench) =>
  findPayload(bench.said().at(-1)!.payloads, PayloadType.SA) !== undefined;

check(
  "RFC 6023 §3",
  "A responder says CHILDLESS_IKEV2_SUPPORTED where it takes IKE_AUTH without a CHILD_SA",
  () => {
    for (const [change, says] of [[{}, false], [ALLOW, true], [FORCE, true]] as const) {
      const bench = new Bench("responder", change);
      bench.hear(bench.peer.init());
      const { payloads } = bench.said().at(-1)!;
      assert.equal(findNotify(payloads, CHILDLESS_IKEV2_SUPPORTED) !== undefined, says);
    }
  },
);

check("RFC 6023 §3", "An initiator does not say CHILDLESS_IKEV2_SUPPORTED", () => {
  const [said] = new Bench("initiator", FORCE).said();
  assert.equal(findNotify(said!.payloads, CHILDLESS_IKEV2_SUPPORTED), undefined);
});

check(
  "RFC 6023 §3",
  "An initiator leaves the CHILD_SA out of IKE_AUTH where the responder said that it may",
  () => {
    assert.equal(asksForChild(initiator({}, true)), true);
    assert.equal(asksForChild(initiator(ALLOW, false)), true);
    assert.equal(asksForChild(initiator(ALLOW, true)), false);
    assert.equal(asksForChild(initiator(FORCE, true)), false);
    const alone = initiator(FORCE, false);
    assert.deepEqual(alone.said(), []);
    assert.match(alone.failure, /did not say CHILDLESS_IKEV2_SUPPORTED, and childless: force/);
    alone.over();
  },
);

check(
  "RFC 6023 §3",
  "The first CHILD_SA of an IKE SA without one is asked for in CREATE_CHILD_SA, by the initiator",
  () => {
    const bench = initiator(ALLOW, true);
    const { peer, sa } = bench;
    bench.said();
    bench.answer([peer.identity(), peer.auth()]);
    assert.deepEqual([sa.phase, sa.children.length], ["established", 1]);
    const isUp = () => bench.effects.some(({ kind }) => kind === "established");
    assert.equal(isUp(), false, "a tunnel without a CHILD_SA is none yet");
    const [request] = bench.said();
    assert.equal(request!.header.exchange, CREATE_CHILD_SA);
    const [proposal, ...selectors] = peer.childPayloads();
    bench.answer([proposal!, peer.nonce(), ...selectors]);
    assert.equal(isUp(), true);
    assert.equal(sa.children[0]!.state, "established");
    bench.said();
    bench.stands();
  },
);

check(
  "RFC 6023 §3",
  "An initiator that is refused its first CHILD_SA deletes the IKE SA, and says why",
  () => {
    const bench = initiator(ALLOW, true);
    const { peer, sa } = bench;
    bench.answer([peer.identity(), peer.auth()]);
    bench.said();
    bench.answer([notify(NotifyType.TS_UNACCEPTABLE)]);
    const [request] = bench.said();
    assert.ok(findPayload(request!.payloads, PayloadType.DELETE));
    bench.answer([]);
    assert.match(sa.failure!.text, /TS_UNACCEPTABLE/);
    bench.over();
  },
);

check(
  "RFC 6023 §3",
  "A first CHILD_SA that is refused for a moment (TEMPORARY_FAILURE) is asked for again",
  () => {
    const bench = initiator(ALLOW, true);
    const { peer, sa } = bench;
    bench.answer([peer.identity(), peer.auth()]);
    bench.answer([notify(NotifyType.TEMPORARY_FAILURE)]);
    assert.equal(sa.phase, "established");
    bench.said();
    bench.pass(4_000);
    assert.equal(bench.said()[0]!.header.exchange, CREATE_CHILD_SA);
  },
);

check(
  "RFC 6023 §3",
  "A responder takes an IKE_AUTH request without a CHILD_SA only where it said that it does",
  () => {
    const refuses = Bench.keyed("responder");
    const { peer: other } = refuses;
    refuses.refuses(NotifyType.INVALID_SYNTAX, IKE_AUTH, [other.identity(), other.auth()]);
    assert.match(refuses.failure, /without SA, TSi, TSr, and childless is never/);
    for (const change of [ALLOW, FORCE]) {
      const bench = Bench.keyed("responder", change);
      const { peer, sa } = bench;
      const answer = bench.ask(IKE_AUTH, [peer.identity(), peer.auth()]);
      assert.deepEqual(answer.map(({ type }) => type), [PayloadType.IDR, PayloadType.AUTH]);
      assert.deepEqual([sa.phase, sa.children.length], ["established", 0]);
      const made = bench.ask(CREATE_CHILD_SA, peer.createChild());
      assert.ok(findPayload(made, PayloadType.SA));
      assert.equal(bench.effects.filter(({ kind }) => kind === "established").length, 1);
      bench.said();
      bench.stands();
    }
  },
);

check(
  "RFC 6023 §3",
  "A responder that wants the CHILD_SA apart makes none in IKE_AUTH, and keeps the IKE SA",
  () => {
    const bench = Bench.keyed("responder", FORCE);
    const answer = bench.ask(IKE_AUTH, bench.peer.authPayloads());
    assert.ok(findNotify(answer, NO_PROPOSAL_CHOSEN));
    assert.deepEqual([bench.sa.phase, bench.sa.children.length], ["established", 0]);
    const either = Bench.keyed("responder", ALLOW);
    either.ask(IKE_AUTH, either.peer.authPayloads());
    assert.equal(either.sa.children.length, 1);
  },
);
