// Post-quantum pre-shared keys in IKE_AUTH and in IKE_INTERMEDIATE. RFC 8784 §3, RFC 9867 §3.1.
import assert from "node:assert/strict";
import { concat } from "@/base/bytes.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { sharedKeyMic } from "@/ike/auth/psk.ts";
import { signedOctets } from "@/ike/auth/signed_octets.ts";
import type { PpkConfig } from "@/ike/records/config.ts";
import { identityBody, ikeKeys, spiOctets } from "@/ike/negotiate/keymat.ts";
import { findNotify } from "@/ike/records/notify.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import { Bench, notify } from "./bench.ts";
import { checksOf, type Role } from "./entries.ts";

const { check, both } = checksOf(import.meta.url);
const { IKE_AUTH, IKE_INTERMEDIATE } = ExchangeType;
const { AUTHENTICATION_FAILED, NO_PPK_AUTH, PPK_IDENTITY, USE_PPK } = NotifyType;

const text = (s: string) => new TextEncoder().encode(s);
const PPK: PpkConfig = {
  id: text("quantum-1"),
  key: text("a key of 32 octets for checks .."),
  required: false,
  intermediate: false,
};
const REQUIRED = { ...PPK, required: true };
const ID = identityOf("quantum-1");

function identityOf(id: string): Payload {
  return notify(PPK_IDENTITY, concat(Uint8Array.of(2), text(id)));
}

/** Whether the last message of the core has a notify. */
function lastSaid(bench: Bench, type: number): boolean {
  const said = bench.said().at(-1)!;
  return findNotify(said.payloads, type) !== undefined;
}

/** IDi, AUTH, SA, TSi, TSr of the peer with notifies among them. */
function authWith(bench: Bench, ...notifies: readonly Payload[]): Payload[] {
  return [...notifies, ...bench.peer.authPayloads()];
}

/** NO_PPK_AUTH of the peer: its AUTH by the keys without the PPK. */
function noPpkAuth(bench: Bench): Payload {
  const auth = bench.peer.auth() as Payload & { readonly data: Uint8Array };
  return notify(NO_PPK_AUTH, auth.data);
}

both(
  "RFC 8784 §3",
  "A PPK that both ends know is in SK_d, SK_pi and SK_pr, and in AUTH",
  (role) => {
    for (const ppk of [PPK, REQUIRED]) {
      const bench = Bench.keyed(role, { ppk }, { ppk: PPK });
      const { peer, sa } = bench;
      const suite = sa.suite!;
      const before = ikeKeys(suite, peer.keys!.slice());
      peer.mixPpk();
      if (role === "responder") {
        const answer = bench.ask(IKE_AUTH, authWith(bench, ID));
        assert.equal(findNotify(answer, PPK_IDENTITY)!.data.length, 0);
      } else {
        bench.answer(authWith(bench, notify(PPK_IDENTITY)));
      }
      assert.equal(sa.phase, "established");
      const { d, pi, pr, ei, er } = ikeKeys(suite, sa.keys!);
      const mixed = (key: Uint8Array) => suite.prf.plus(PPK.key, key, key.length);
      assert.deepEqual([d, pi, pr], [mixed(before.d), mixed(before.pi), mixed(before.pr)]);
      assert.deepEqual([ei, er], [before.ei, before.er]);
      assert.equal(sa.peer.ppk, true);
      bench.said();
      bench.stands();
    }
  },
);

both(
  "RFC 8784 §3",
  "USE_PPK is said where a PPK is configured, and answered where it was said",
  (role) => {
    const asked = (own: PpkConfig | undefined, peers: PpkConfig | undefined) => {
      const change = own ? { ppk: own } : {};
      const bench = new Bench(role, change, peers ? { ppk: peers } : {});
      if (role === "responder") bench.hear(bench.peer.init());
      return lastSaid(bench, USE_PPK);
    };
    assert.equal(asked(undefined, PPK), false);
    assert.equal(asked(PPK, undefined), role === "initiator");
    assert.equal(asked(PPK, PPK), true);
  },
);

check(
  "RFC 8784 §3",
  "An initiator whose peer said no USE_PPK goes without, or fails where it is required",
  () => {
    const optional = Bench.keyed("initiator", { ppk: PPK }, {});
    assert.equal(lastSaid(optional, PPK_IDENTITY), false);
    optional.answer(optional.peer.authPayloads());
    assert.deepEqual([optional.sa.phase, optional.sa.peer.ppk], ["established", false]);
    const strict = new Bench("initiator", { ppk: REQUIRED }, {});
    strict.peer.learn(strict.said().at(-1)!.octets);
    strict.hear(strict.peer.init());
    assert.match(strict.failure, /did not say USE_PPK.*ppkrequired is true/);
    strict.over();
  },
);

check(
  "RFC 8784 §3",
  "NO_PPK_AUTH proves the initiator without the PPK, and is not sent where that is required",
  () => {
    const bench = Bench.keyed("initiator", { ppk: PPK }, { ppk: PPK });
    const { peer, sa } = bench;
    const { payloads } = bench.said().at(-1)!;
    const { prf } = sa.suite!;
    assert.deepEqual(findNotify(payloads, PPK_IDENTITY)!.data, (ID as { data: Uint8Array }).data);
    const signed = signedOctets(prf, {
      message: peer.initRequest,
      nonce: peer.nonceR,
      skP: ikeKeys(sa.suite!, peer.keys!).pi,
      idBody: identityBody(findPayload(payloads, PayloadType.IDI)!),
      intAuth: undefined,
    });
    const { own } = peer.config.auth;
    assert(own.kind === "psk");
    assert.deepEqual(
      findNotify(payloads, NO_PPK_AUTH)!.data,
      sharedKeyMic(prf, own.secret!, signed),
    );
    const strict = Bench.keyed("initiator", { ppk: REQUIRED }, { ppk: PPK });
    assert.equal(lastSaid(strict, NO_PPK_AUTH), false);
  },
);

check(
  "RFC 8784 §3",
  "An initiator whose PPK is not known goes back to the keys without, or fails where it is required",
  () => {
    const optional = Bench.keyed("initiator", { ppk: PPK }, { ppk: PPK });
    optional.answer(optional.peer.authPayloads());
    assert.deepEqual([optional.sa.phase, optional.sa.peer.ppk], ["established", false]);
    assert.deepEqual(optional.sa.keys, optional.peer.keys);
    const strict = Bench.keyed("initiator", { ppk: REQUIRED }, { ppk: PPK });
    strict.answer(strict.peer.authPayloads());
    assert.match(
      strict.sa.failure!.text,
      /does not know the post-quantum pre-shared key quantum-1/,
    );
    const unasked = Bench.keyed("initiator", {}, {});
    unasked.answer(authWith(unasked, notify(PPK_IDENTITY)));
    assert.match(unasked.sa.failure!.text, /that it was not offered/);
  },
);

check(
  "RFC 8784 §3",
  "A responder takes NO_PPK_AUTH where it does not know the PPK, unless that is required",
  () => {
    const unknown = identityOf("quantum-2");
    const taken = Bench.keyed("responder", { ppk: PPK }, { ppk: PPK });
    const plain = noPpkAuth(taken);
    const wrong = (bench: Bench) => {
      // AUTH is computed with the peer's PPK, which the core does not know.
      const [id, auth, ...child] = bench.peer.authPayloads();
      return [id!, { ...auth!, data: new Uint8Array(32) } as Payload, ...child];
    };
    const answer = taken.ask(IKE_AUTH, [unknown, plain, ...wrong(taken)]);
    assert.equal(findNotify(answer, PPK_IDENTITY), undefined);
    assert.deepEqual([taken.sa.phase, taken.sa.peer.ppk], ["established", false]);
    const without = Bench.keyed("responder", { ppk: PPK }, { ppk: PPK });
    without.refuses(AUTHENTICATION_FAILED, IKE_AUTH, [unknown, ...wrong(without)]);
    assert.match(without.failure, /quantum-2, ppk.id is quantum-1 here, and sent no NO_PPK_AUTH/);
    const forged = Bench.keyed("responder", { ppk: PPK }, { ppk: PPK });
    const data = notify(NO_PPK_AUTH, new Uint8Array(32));
    forged.refuses(AUTHENTICATION_FAILED, IKE_AUTH, [unknown, data, ...forged.peer.authPayloads()]);
    const strict = Bench.keyed("responder", { ppk: REQUIRED }, { ppk: PPK });
    strict.refuses(AUTHENTICATION_FAILED, IKE_AUTH, [unknown, noPpkAuth(strict), ...wrong(strict)]);
    assert.match(strict.failure, /ppkrequired is true/);
  },
);

check("RFC 8784 §3", "A responder takes a peer without a PPK, unless that is required", () => {
  for (const peers of [{}, { ppk: PPK }]) {
    const optional = Bench.keyed("responder", { ppk: PPK }, peers);
    optional.ask(IKE_AUTH, optional.peer.authPayloads());
    assert.deepEqual([optional.sa.phase, optional.sa.peer.ppk], ["established", false]);
    const strict = Bench.keyed("responder", { ppk: REQUIRED }, peers);
    strict.refuses(AUTHENTICATION_FAILED, IKE_AUTH, strict.peer.authPayloads());
    assert.match(
      strict.failure,
      /(did not say USE_PPK|named no post-quantum).*ppkrequired is true/,
    );
    strict.over();
  }
});

both(
  "RFC 8784 §3",
  "A PPK of the same name and another value is a wrong AUTH, and is named",
  (role: Role) => {
    const other = { ...PPK, key: text("another key of 32 octets, wrong.") };
    const bench = Bench.keyed(role, { ppk: PPK }, { ppk: other });
    const { peer } = bench;
    peer.mixPpk();
    if (role === "responder") {
      bench.refuses(AUTHENTICATION_FAILED, IKE_AUTH, authWith(bench, ID));
      assert.match(bench.failure, /AUTH data .* is wrong.*ppk.value of quantum-1/);
    } else {
      bench.answer(authWith(bench, notify(PPK_IDENTITY)));
      assert.match(bench.sa.failure!.text, /AUTH data .* is wrong.*ppk.value of quantum-1/);
    }
  },
);

const INT: PpkConfig = { ...PPK, intermediate: true };

/** PPK_IDENTITY_KEY of the peer: PPK_ID and the first 8 octets of prf(PPK, Ni ‖ Nr ‖ SPIi ‖ SPIr). */
function identityKey({ peer }: Bench, { key, id } = PPK): Payload {
  const seed = concat(peer.nonceI, peer.nonceR, spiOctets(peer.spiI), spiOctets(peer.spiR));
  const confirmation = peer.suite!.prf.compute(key, seed).subarray(0, 8);
  return notify(NotifyType.PPK_IDENTITY_KEY, concat(Uint8Array.of(2), id, confirmation));
}

/** Makes the IKE_INTERMEDIATE exchange of a peer that mixes in its PPK; returns the core's answer. */
function intermediate(bench: Bench, sent: readonly Payload[]): readonly Payload[] {
  const { peer } = bench;
  if (bench.role === "responder") {
    const header = peer.header(IKE_INTERMEDIATE);
    const octets = peer.seal(header, sent);
    peer.link(true, octets, sent);
    const answer = bench.ask(IKE_INTERMEDIATE, sent);
    peer.link(false, peer.seal({ ...header, response: true, initiator: false }, answer), answer);
    peer.mixIntermediatePpk();
    return answer;
  }
  const { octets, payloads } = bench.said().at(-1)!;
  const heard = bench.response(sent);
  peer.link(true, octets, payloads);
  peer.link(false, heard, sent);
  peer.mixIntermediatePpk();
  bench.hear(heard);
  return payloads;
}

both("RFC 9867 §3.1", "A PPK of IKE_INTERMEDIATE is in all seven keys before IKE_AUTH", (role) => {
  for (const ppk of [INT, { ...INT, required: true }]) {
    const bench = Bench.keyed(role, { ppk }, { ppk: INT });
    const { peer, sa } = bench;
    const { prf } = sa.suite!;
    const { d } = ikeKeys(sa.suite!, sa.keys!.slice());
    const nonces = concat(peer.nonceI, peer.nonceR, spiOctets(peer.spiI), spiOctets(peer.spiR));
    const length = sa.keys!.length;
    if (role === "responder") {
      const [answer] = intermediate(bench, [identityKey(bench)]);
      assert.deepEqual(answer, ID);
    } else {
      const wanted = identityKey(bench);
      assert.deepEqual(intermediate(bench, [ID]), [wanted]);
    }
    assert.deepEqual(sa.keys, prf.plus(prf.plus(PPK.key, d, prf.keyOctets), nonces, length));
    if (role === "responder") bench.ask(IKE_AUTH, peer.authPayloads());
    else {
      assert.equal(lastSaid(bench, PPK_IDENTITY), false);
      bench.answer(peer.authPayloads());
    }
    assert.deepEqual([sa.phase, sa.peer.ppk], ["established", true]);
  }
});

check("RFC 9867 §3.1", "A responder answers USE_PPK_INT or USE_PPK, never both", () => {
  const answered = (own: PpkConfig, ...said: readonly number[]) => {
    const bench = new Bench("responder", { ppk: own }, {});
    const { peer } = bench;
    const known = notify(NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED);
    bench.hear(peer.init([known, ...said.map((type) => notify(type)), ...peer.initPayloads()]));
    const { payloads } = bench.said().at(-1)!;
    return [USE_PPK, NotifyType.USE_PPK_INT].filter((type) => findNotify(payloads, type));
  };
  const { USE_PPK_INT } = NotifyType;
  assert.deepEqual(answered(INT, USE_PPK, USE_PPK_INT), [USE_PPK_INT]);
  assert.deepEqual(answered(PPK, USE_PPK, USE_PPK_INT), [USE_PPK]);
  assert.deepEqual(answered(INT, USE_PPK), [USE_PPK]);
  assert.deepEqual(answered(PPK, USE_PPK_INT), []);
  const bench = new Bench("initiator", { ppk: INT }, { ppk: INT });
  const { peer } = bench;
  peer.learn(bench.said().at(-1)!.octets);
  bench.hear(peer.init([notify(USE_PPK), ...peer.initPayloads()]));
  assert.match(bench.failure, /both USE_PPK and USE_PPK_INT/);
});

check(
  "RFC 9867 §3.1",
  "A PPK of IKE_INTERMEDIATE that is not known is done without, unless it is required",
  () => {
    const others = (bench: Bench) => [
      identityKey(bench, { ...PPK, id: text("quantum-2") }),
      identityKey(bench, { ...PPK, key: text("another key of 32 octets, wrong.") }),
    ];
    for (const which of [0, 1]) {
      const optional = Bench.keyed("responder", { ppk: INT }, { ppk: INT });
      const before = optional.sa.keys!.slice();
      assert.deepEqual(optional.ask(IKE_INTERMEDIATE, [others(optional)[which]!]), []);
      assert.deepEqual([optional.sa.keys, optional.sa.peer.ppk], [before, false]);
      const strict = Bench.keyed("responder", { ppk: { ...INT, required: true } }, { ppk: INT });
      strict.refuses(AUTHENTICATION_FAILED, IKE_INTERMEDIATE, [others(strict)[which]!]);
      assert.match(strict.failure, /ppkrequired is true/);
      strict.over();
    }
    const strict = Bench.keyed("initiator", { ppk: { ...INT, required: true } }, { ppk: INT });
    strict.answer([]);
    assert.match(strict.failure, /does not know .* quantum-1.*ppkrequired is true/);
    const other = Bench.keyed("initiator", { ppk: INT }, { ppk: INT });
    other.answer([identityOf("quantum-2")]);
    assert.match(other.failure, /that we did not name/);
  },
);

check("RFC 9867 §3.1", "IKE_AUTH before the PPK of IKE_INTERMEDIATE ends the SA", () => {
  const bench = Bench.keyed("responder", { ppk: INT }, { ppk: INT });
  bench.refuses(NotifyType.INVALID_SYNTAX, IKE_AUTH, bench.peer.authPayloads());
  bench.over();
});
