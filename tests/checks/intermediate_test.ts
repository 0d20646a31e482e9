// IKE_INTERMEDIATE with additional key exchanges. RFC 9242 §3, RFC 9370 §2.2.
import assert from "node:assert/strict";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { worldConfig } from "@/sim/scenarios.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import { Bench, notify } from "./bench.ts";
import { checksOf, type Role } from "./entries.ts";

const { check, both } = checksOf(import.meta.url);
const { IKE_AUTH, IKE_INTERMEDIATE } = ExchangeType;
const { AUTHENTICATION_FAILED, INVALID_SYNTAX, NO_PROPOSAL_CHOSEN } = NotifyType;

/** Two additional key exchanges by classical groups, as the peer has pairs for them. */
const GROUPS = [KeGroup.ECP_384, KeGroup.ECP_256] as const;
const { algorithms } = worldConfig();
const HYBRID = { algorithms: { ...algorithms, additional: GROUPS.map((group) => [group]) } };

function keyed(role: Role): Bench {
  return Bench.keyed(role, HYBRID, HYBRID);
}

function keOf(group: number, data: Uint8Array): Payload {
  return { type: PayloadType.KE, group, data };
}

/**
 * The next additional key exchange, with the core at the other end; `change` is laid over what the
 * peer sends, which is what its AUTH covers all the same.
 */
function exchange(
  bench: Bench,
  group: number,
  change: (ke: Payload) => Payload = (ke) => ke,
): void {
  const { peer } = bench;
  const pair = peer.freshPair(group);
  const sent = [keOf(group, pair.publicValue)];
  if (bench.role === "responder") {
    const header = peer.header(IKE_INTERMEDIATE);
    const octets = peer.seal(header, sent);
    peer.link(true, octets, sent);
    const answer = bench.ask(IKE_INTERMEDIATE, sent.map(change));
    peer.link(false, peer.seal({ ...header, response: true, initiator: false }, answer), answer);
    return peer.addSecret(peer.derive(findPayload(answer, PayloadType.KE)!.data, pair));
  }
  const { octets, payloads } = bench.said().at(-1)!;
  peer.link(true, octets, payloads);
  const response = bench.response(sent);
  peer.link(false, response, sent);
  const shared = peer.derive(findPayload(payloads, PayloadType.KE)!.data, pair);
  const heard = bench.response(sent.map(change));
  peer.addSecret(shared);
  bench.hear(heard);
}

function finish(bench: Bench): void {
  if (bench.role === "responder") bench.ask(IKE_AUTH, bench.peer.authPayloads());
  else bench.answer(bench.peer.authPayloads());
}

both(
  "RFC 9370 §2.2.2",
  "Each additional key exchange changes the keys, and AUTH covers them",
  (role) => {
    const bench = keyed(role);
    const before = bench.sa.keys!.slice();
    for (const group of GROUPS) {
      exchange(bench, group);
      assert.notDeepEqual(bench.sa.keys, before);
      assert.deepEqual(bench.sa.keys, bench.peer.keys);
    }
    finish(bench);
    assert.equal(bench.sa.phase, "established");
    bench.said();
    bench.stands();
  },
);

both("RFC 9242 §3.3.2", "AUTH that does not cover the exchanges is wrong", (role) => {
  const bench = keyed(role);
  const { peer } = bench;
  for (const group of GROUPS) exchange(bench, group);
  // The peer assumes that it has sent one message more.
  peer.link(true, peer.seal(peer.header(IKE_INTERMEDIATE), []), []);
  if (role === "responder") {
    bench.refuses(AUTHENTICATION_FAILED, IKE_AUTH, peer.authPayloads());
  } else {
    bench.answer(peer.authPayloads());
    assert.match(bench.failure || bench.sa.failure!.text, /AUTH data .* is wrong/);
  }
});

both(
  "RFC 9370 §2.2.1",
  "Methods that were chosen are not used without INTERMEDIATE_EXCHANGE_SUPPORTED",
  (role) => {
    const bench = new Bench(role, HYBRID, HYBRID);
    const { peer } = bench;
    if (role === "initiator") peer.learn(bench.said().at(-1)!.octets);
    bench.hear(peer.init(peer.initPayloads().filter(({ type }) => type !== PayloadType.NOTIFY)));
    if (role === "responder") {
      const [answer] = bench.said().at(-1)!.payloads;
      assert.deepEqual(answer, notify(NO_PROPOSAL_CHOSEN));
    } else {
      assert.match(bench.failure, /without INTERMEDIATE_EXCHANGE_SUPPORTED/);
    }
    bench.over();
  },
);

check("RFC 9370 §2.2.2", "IKE_AUTH before the last additional key exchange ends the SA", () => {
  for (const done of [0, 1]) {
    const bench = keyed("responder");
    for (const group of GROUPS.slice(0, done)) exchange(bench, group);
    bench.refuses(INVALID_SYNTAX, IKE_AUTH, bench.peer.authPayloads());
    bench.over();
  }
});

check("RFC 9370 §2.2.2", "One IKE_INTERMEDIATE more than was negotiated ends the SA", () => {
  const bench = keyed("responder");
  for (const group of GROUPS) exchange(bench, group);
  const { publicValue } = bench.peer.freshPair(KeGroup.ECP_384);
  bench.refuses(INVALID_SYNTAX, IKE_INTERMEDIATE, [keOf(KeGroup.ECP_384, publicValue)]);
  bench.over();
  const plain = Bench.keyed("responder");
  plain.refuses(INVALID_SYNTAX, IKE_INTERMEDIATE, [keOf(KeGroup.ECP_384, publicValue)]);
  plain.over();
});

both("RFC 9370 §2.2.2", "An exchange by another method than was negotiated ends the SA", (role) => {
  const wrong: (Payload | undefined)[] = [
    keOf(KeGroup.ECP_256, new Uint8Array(64)),
    keOf(KeGroup.ML_KEM_768, new Uint8Array(1184)),
    undefined,
  ];
  for (const ke of wrong) {
    const bench = keyed(role);
    const sent = ke ? [ke] : [];
    if (role === "responder") {
      bench.refuses(INVALID_SYNTAX, IKE_INTERMEDIATE, sent);
    } else {
      bench.answer(sent);
      assert.match(bench.failure, /384-bit random ECP group was negotiated|without KE/);
    }
    assert.deepEqual(bench.live, []);
  }
});

both(
  "RFC 9370 §2.2.2",
  "A value of another length, or one that is none of the method, ends the SA",
  (role) => {
    for (const octets of [0, 95, 97, 96]) {
      const bench = keyed(role);
      const sent = [keOf(KeGroup.ECP_384, new Uint8Array(octets))];
      if (role === "responder") {
        bench.refuses(INVALID_SYNTAX, IKE_INTERMEDIATE, sent);
      } else {
        bench.answer(sent);
        assert.match(bench.failure, /Cannot use|malformed/);
      }
      assert.deepEqual(bench.live, []);
    }
  },
);

check(
  "FIPS 203 §7.2",
  "An ML-KEM key of another length, or with coefficients beyond q, ends the SA",
  () => {
    const kem = { algorithms: { ...algorithms, additional: [[KeGroup.ML_KEM_768]] } };
    for (const [octets, fill] of [[1183, 0], [1185, 0], [1184, 0xff], [0, 0]] as const) {
      const bench = Bench.keyed("responder", kem, kem);
      const key = keOf(KeGroup.ML_KEM_768, new Uint8Array(octets).fill(fill));
      bench.refuses(INVALID_SYNTAX, IKE_INTERMEDIATE, [key]);
      bench.over();
    }
  },
);

check(
  "RFC 9242 §3.2",
  "A repeated IKE_INTERMEDIATE request has the same answer, though the keys are others",
  () => {
    const bench = keyed("responder");
    const { peer } = bench;
    const { publicValue } = peer.freshPair(GROUPS[0]);
    const request = peer.seal(peer.header(IKE_INTERMEDIATE), [keOf(GROUPS[0], publicValue)]);
    bench.hear(request);
    const [first] = bench.said();
    bench.hear(request);
    const [second] = bench.said();
    assert.deepEqual(second!.octets, first!.octets);
  },
);

both(
  "FIPS 203 §7.3",
  "An altered value that gives another secret lets no SA be established, and the method is named",
  (role) => {
    const bench = keyed(role);
    const { peer } = bench;
    for (const group of GROUPS) exchange(bench, group);
    if (role === "responder") {
      // The peer continues with another secret than the core, as after an altered ciphertext.
      peer.addSecret(new Uint8Array(32));
      bench.ignores(/ICV/, peer.seal(peer.header(IKE_AUTH), []));
    }
    // A responder with another secret does not answer IKE_AUTH.
    bench.pass(120_000);
    assert.match(bench.failure, /derived other keys by 384-bit random ECP group and/);
    bench.over();
  },
);
