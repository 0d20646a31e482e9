// AUTH over both messages of IKE_SA_INIT: draft-ietf-ipsecme-ikev2-downgrade-prevention.
import assert from "node:assert/strict";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { findNotify } from "@/ike/records/notify.ts";
import { Bench, notify } from "./bench.ts";
import { checksOf, type Role } from "./entries.ts";

const { check, both } = checksOf(import.meta.url);
const { IKE_AUTH } = ExchangeType;
const { IKE_SA_INIT_FULL_TRANSCRIPT_AUTH, AUTHENTICATION_FAILED, NO_PROPOSAL_CHOSEN } = NotifyType;
const SAID = notify(IKE_SA_INIT_FULL_TRANSCRIPT_AUTH);
const DRAFT = "draft-ietf-ipsecme-ikev2-downgrade-prevention";
const OFFER = { fullTranscript: "offer" } as const;
const REQUIRE = { fullTranscript: "require" } as const;
type Change = typeof OFFER | typeof REQUIRE | Record<never, never>;

/** A core after IKE_SA_INIT, whose peer says the notify or does not. */
function keyed(role: Role, change: Change, says: boolean): Bench {
  const bench = new Bench(role, change);
  const { peer } = bench;
  if (role === "initiator") peer.learn(bench.said().at(-1)!.octets);
  bench.hear(peer.init([...peer.initPayloads(), ...(says ? [SAID] : [])]));
  return bench;
}

/** IKE_AUTH, in which the AUTH of the peer covers both messages or its own alone. */
function authenticates(role: Role, bench: Bench, full: boolean): void {
  const { peer } = bench;
  peer.fullTranscript = full;
  if (role === "initiator") return bench.answer(peer.authPayloads());
  peer.learn(bench.said().at(-1)!.octets);
  bench.ask(IKE_AUTH, peer.authPayloads());
}

both(DRAFT, "An end says it if it is told to, whether or not its peer said it", (role) => {
  for (const [change, says] of [[{}, false], [OFFER, true]] as const) {
    const bench = new Bench(role, change);
    if (role === "responder") bench.hear(bench.peer.init());
    const { payloads } = bench.said().at(-1)!;
    assert.equal(findNotify(payloads, IKE_SA_INIT_FULL_TRANSCRIPT_AUTH) !== undefined, says);
  }
});

both(DRAFT, "AUTH covers both messages where both ends said it, and only there", (role) => {
  const cases = [
    [OFFER, true, true],
    [REQUIRE, true, true],
    [OFFER, false, false],
    [{}, true, false],
  ] as const;
  for (const [change, says, full] of cases) {
    const bench = keyed(role, change, says);
    authenticates(role, bench, full);
    bench.said();
    bench.stands();
  }
});

both(DRAFT, "A peer whose AUTH covers other messages than it should is not trusted", (role) => {
  // If the notify is stripped on the way, one end counts on it, and the other does not.
  for (const [change, says, full] of [[OFFER, true, false], [OFFER, false, true]] as const) {
    const bench = keyed(role, change, says);
    authenticates(role, bench, full);
    if (role === "responder") {
      assert.match(bench.failure, /AUTH data .* is wrong/);
      bench.over();
      continue;
    }
    const request = bench.said().at(-1)!;
    assert.ok(findNotify(request.payloads, AUTHENTICATION_FAILED));
    bench.answer([]);
    assert.match(bench.failure, /AUTH data .* is wrong/);
    bench.over();
  }
});

check(DRAFT, "A response that was altered on the way is found out by the responder", () => {
  const bench = keyed("responder", OFFER, true);
  const { peer } = bench;
  peer.learn(bench.said().at(-1)!.octets);
  peer.fullTranscript = true;
  peer.initResponse = peer.initResponse.with(-1, peer.initResponse.at(-1)! ^ 1);
  bench.refuses(AUTHENTICATION_FAILED, IKE_AUTH, peer.authPayloads());
  bench.over();
});

check(
  DRAFT,
  "A responder that requires it refuses an initiator that does not say it, by name",
  () => {
    const bench = keyed("responder", REQUIRE, false);
    assert.ok(findNotify(bench.said().at(-1)!.payloads, NO_PROPOSAL_CHOSEN));
    assert.match(bench.failure, /did not say IKE_SA_INIT_FULL_TRANSCRIPT_AUTH/);
  },
);

check(
  DRAFT,
  "An initiator that requires it sends no IKE_AUTH to a responder that does not say it",
  () => {
    const bench = keyed("initiator", REQUIRE, false);
    assert.deepEqual(bench.said(), []);
    const failed = bench.effects.find(({ kind }) => kind === "failed");
    assert.equal(failed?.kind === "failed" && failed.failure.cause, "NO_FULL_TRANSCRIPT_AUTH");
    bench.over();
  },
);
