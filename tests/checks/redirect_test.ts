// Redirection to another gateway, at each moment there is. RFC 5685.
import assert from "node:assert/strict";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { RedirectConfig } from "@/ike/records/redirect.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { findNotify } from "@/ike/records/notify.ts";
import { gatewayAt, gatewayData } from "@/ike/negotiate/gateway_identity.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import { twoHosts } from "../two_hosts.ts";
import { Bench, notify } from "./bench.ts";
import { checksOf } from "./entries.ts";

const { check } = checksOf(import.meta.url);
const { IKE_AUTH, INFORMATIONAL } = ExchangeType;
const { REDIRECT, REDIRECT_SUPPORTED, REDIRECTED_FROM } = NotifyType;
const OTHER = gatewayAt(Uint8Array.of(10, 0, 0, 9));
const FOLLOWS: RedirectConfig = { follows: true };
const AFTER_MS = 2_000;

function sends(at: "init" | "auth" | "established"): { readonly redirect: RedirectConfig } {
  return { redirect: { follows: false, sends: { to: [OTHER], at, afterMs: AFTER_MS } } };
}

/** The gateway to which the core was redirected. */
function goesTo(bench: Bench): Uint8Array | undefined {
  const effect = bench.effects.find(({ kind }) => kind === "redirected");
  return effect?.kind === "redirected" ? effect.to.data : undefined;
}

/** An IKE_SA_INIT response with only a REDIRECT. */
function answerInit(bench: Bench, data: Uint8Array): void {
  bench.peer.learn(bench.said().at(-1)!.octets);
  bench.hear(bench.peer.init([notify(REDIRECT, data)], { spiR: 0n }));
}

function supports(bench: Bench): Payload[] {
  return [...bench.peer.initPayloads(), notify(REDIRECT_SUPPORTED)];
}

check("RFC 5685 §3", "A client says REDIRECT_SUPPORTED where it follows, and only there", () => {
  for (const [change, says] of [[{}, false], [{ redirect: FOLLOWS }, true]] as const) {
    const { payloads } = new Bench("initiator", change).said().at(-1)!;
    assert.equal(findNotify(payloads, REDIRECT_SUPPORTED) !== undefined, says);
  }
});

check(
  "RFC 5685 §4",
  "A client that was redirected says from where, in place of REDIRECT_SUPPORTED",
  () => {
    const { world, a, b: gateway } = twoHosts({ a: { redirect: FOLLOWS } });
    world.dial(a, gateway, 0, { trail: { from: OTHER, timesMs: [0] } });
    world.run();
    const request = world.ladder.find((line) => line.includes("IKE_SA_INIT req"));
    assert.match(request!, /N\(REDIRECTED_FROM\)/);
    assert.doesNotMatch(request!, /REDIRECT_SUPPORTED/);
  },
);

check(
  "RFC 5685 §3",
  "A client follows a REDIRECT in IKE_SA_INIT that has its nonce, and no other",
  () => {
    const bench = new Bench("initiator", { redirect: FOLLOWS });
    const { sa } = bench;
    answerInit(bench, gatewayData(OTHER, new Uint8Array(32)));
    assert.deepEqual(bench.dropped(), ["a REDIRECT without our nonce"]);
    bench.hear(
      bench.peer.init([notify(REDIRECT, gatewayData(OTHER, bench.peer.nonceI))], { spiR: 0n }),
    );
    assert.deepEqual(goesTo(bench), OTHER.data);
    assert.equal(sa.closeCode, CloseCode.REDIRECTED);
    const other = new Bench("initiator", {});
    answerInit(other, gatewayData(OTHER, other.peer.nonceI));
    assert.deepEqual(other.dropped(), ["a REDIRECT though followredirect is false"]);
  },
);

check("RFC 5685 §7.2", "A REDIRECT whose lengths do not fit is malformed, and passed over", () => {
  for (
    const data of [[], [1], [1, 4, 10, 0, 0], [1, 3, 10, 0, 0], [2, 4, 10, 0, 0, 9], [3, 0], [
      9,
      1,
      1,
    ]]
  ) {
    const bench = new Bench("initiator", { redirect: FOLLOWS });
    answerInit(bench, Uint8Array.from(data));
    assert.deepEqual(bench.dropped(), ["a malformed REDIRECT"], String(data));
  }
});

check(
  "RFC 5685 §3",
  "A gateway redirects in IKE_SA_INIT a client that says REDIRECT_SUPPORTED, and keeps nothing",
  () => {
    const bench = new Bench("responder", sends("init"));
    bench.hear(bench.peer.init(supports(bench)));
    const [said] = bench.said();
    assert.equal(said!.payloads.length, 1);
    assert.deepEqual(
      findNotify(said!.payloads, REDIRECT)!.data,
      gatewayData(OTHER, bench.peer.nonceI),
    );
    assert.equal(said!.header.spiR, 0n);
    assert.deepEqual(bench.live, []);
    const other = new Bench("responder", sends("init"));
    other.hear(other.peer.init());
    assert.equal(other.sa.phase, "created");
  },
);

check("RFC 5685 §4", "REDIRECTED_FROM says as well that a client can be redirected", () => {
  const bench = new Bench("responder", sends("init"));
  const { peer } = bench;
  bench.hear(peer.init([...peer.initPayloads(), notify(REDIRECTED_FROM, gatewayData(OTHER))]));
  assert.ok(findNotify(bench.said()[0]!.payloads, REDIRECT));
});

/** Our responder after an IKE_SA_INIT in which the peer sent REDIRECT_SUPPORTED. */
function keyedResponder(at: "auth" | "established"): Bench {
  const bench = new Bench("responder", sends(at));
  bench.hear(bench.peer.init(supports(bench)));
  bench.peer.learn(bench.said().at(-1)!.octets);
  return bench;
}

check(
  "RFC 5685 §6",
  "A gateway redirects in IKE_AUTH once both ends are authenticated, without a CHILD_SA",
  () => {
    const bench = keyedResponder("auth");
    const answer = bench.ask(IKE_AUTH, bench.peer.authPayloads());
    const types = answer.map(({ type }) => type);
    assert.deepEqual(types, [PayloadType.IDR, PayloadType.AUTH, PayloadType.NOTIFY]);
    assert.deepEqual(findNotify(answer, REDIRECT)!.data, gatewayData(OTHER));
    assert.equal(bench.sa.children.length, 0);
    bench.pass(60_000);
    assert.ok(
      findPayload(bench.said().at(-1)!.payloads, PayloadType.DELETE),
      "it deletes in the end",
    );
  },
);

check(
  "RFC 5685 §6",
  "A client follows a REDIRECT in IKE_AUTH of an authenticated gateway, and deletes the IKE SA",
  () => {
    const bench = Bench.keyed("initiator", { redirect: FOLLOWS });
    const { peer, sa } = bench;
    bench.said();
    bench.answer([peer.identity(), peer.auth(), notify(REDIRECT, gatewayData(OTHER))]);
    assert.deepEqual(goesTo(bench), OTHER.data);
    assert.ok(findPayload(bench.said()[0]!.payloads, PayloadType.DELETE));
    bench.answer([]);
    assert.equal(sa.closeCode, CloseCode.REDIRECTED);
    const wrong = Bench.keyed("initiator", { redirect: FOLLOWS });
    const auth = { ...wrong.peer.auth(), data: new Uint8Array(32) } as Payload;
    wrong.answer([wrong.peer.identity(), auth, notify(REDIRECT, gatewayData(OTHER))]);
    assert.equal(goesTo(wrong), undefined);
  },
);

check(
  "RFC 5685 §5",
  "A gateway redirects an established client by INFORMATIONAL, and waits",
  () => {
    const bench = keyedResponder("established");
    bench.ask(IKE_AUTH, bench.peer.authPayloads());
    bench.said();
    bench.pass(AFTER_MS);
    const [request] = bench.said();
    assert.equal(request!.header.exchange, INFORMATIONAL);
    assert.deepEqual(findNotify(request!.payloads, REDIRECT)!.data, gatewayData(OTHER));
    bench.answer([]);
    assert.equal(bench.sa.phase, "established");
    bench.pass(60_000);
    assert.ok(findPayload(bench.said().at(-1)!.payloads, PayloadType.DELETE));
  },
);

check(
  "RFC 5685 §5",
  "A client acknowledges the REDIRECT of an established IKE SA, deletes that and goes",
  () => {
    const bench = Bench.up("initiator", { redirect: FOLLOWS });
    const answer = bench.ask(INFORMATIONAL, [notify(REDIRECT, gatewayData(OTHER))]);
    assert.deepEqual(answer, []);
    assert.deepEqual(goesTo(bench), OTHER.data);
    const stays = Bench.up("initiator", {});
    stays.ask(INFORMATIONAL, [notify(REDIRECT, gatewayData(OTHER))]);
    assert.equal(goesTo(stays), undefined);
    stays.stands();
  },
);

check(
  "RFC 5685 §5.2",
  "A client follows five redirections within 300 s, and fails at the sixth",
  () => {
    const sent = (timesMs: readonly number[]) => {
      const bench = Bench.up("initiator", { redirect: FOLLOWS });
      const { sa } = bench;
      sa.peer.trail = { from: OTHER, timesMs };
      bench.ask(INFORMATIONAL, [notify(REDIRECT, gatewayData(OTHER))]);
      return { goes: goesTo(bench), cause: sa.failure?.cause };
    };
    assert.deepEqual(sent([-4, -3, -2, -1]), { goes: OTHER.data, cause: undefined });
    assert.deepEqual(sent([-5, -4, -3, -2, -1]), { goes: undefined, cause: "REDIRECT_LOOP" });
    assert.deepEqual(sent([-300_000, -4, -3, -2, -1]).goes, OTHER.data);
  },
);
