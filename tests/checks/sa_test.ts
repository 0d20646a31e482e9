// Security associations as they are proposed and accepted: RFC 7296 §2.7, §3.3.
import assert from "node:assert/strict";
import { Encr } from "@/iana/encr.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { Prf } from "@/iana/prf.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import { TransformType } from "@/iana/transform_type.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import type { Proposal, Transform } from "@/wire/payloads/security_association.ts";
import { Bench, notify } from "./bench.ts";
import { checksOf } from "./entries.ts";

const { check, both } = checksOf(import.meta.url);
const { CREATE_CHILD_SA } = ExchangeType;

const NO_ESN: Transform = { type: TransformType.ESN, id: 0 };
const GCM: Transform = { type: TransformType.ENCR, id: Encr.ENCR_AES_GCM_16, keyBits: 128 };

/** The core's answer to an IKE_SA_INIT request with these proposals. */
function initAnswer(bench: Bench, proposals: readonly Proposal[]): readonly Payload[] {
  const [, ...others] = bench.peer.initPayloads();
  bench.hear(bench.peer.init([{ type: PayloadType.SA, proposals }, ...others]));
  return bench.said()[0]!.payloads;
}

/** The proposals of a usual IKE_SA_INIT. */
function usual({ peer }: Bench): readonly Proposal[] {
  return findPayload(peer.initPayloads(), PayloadType.SA)!.proposals;
}

function without(proposal: Proposal, type: number): Proposal {
  return { ...proposal, transforms: proposal.transforms.filter((t) => t.type !== type) };
}

function and(proposal: Proposal, ...transforms: Transform[]): Proposal {
  return { ...proposal, transforms: [...proposal.transforms, ...transforms] };
}

const REFUSED = [notify(NotifyType.NO_PROPOSAL_CHOSEN)];

/** A CREATE_CHILD_SA request with these transforms of ESP. */
function withEsp({ peer }: Bench, transforms: readonly Transform[], change = {}): Payload[] {
  const [, ...others] = peer.createChild();
  const proposals = [{
    number: 1,
    protocol: ProtocolId.ESP,
    spi: peer.spi(),
    transforms,
    ...change,
  }];
  return [{ type: PayloadType.SA, proposals }, ...others];
}

/** Answers the core's rekey of its CHILD_SA with this SA; returns why the core refuses it. */
function answerWith(bench: Bench, proposals: readonly Proposal[]): string {
  const [, ...others] = bench.peer.createChild();
  return bench.answersRekey([{ type: PayloadType.SA, proposals }, ...others]);
}

function esp({ peer }: Bench, change: Partial<Proposal> = {}): Proposal {
  const transforms = [GCM, NO_ESN];
  return { number: 1, protocol: ProtocolId.ESP, spi: peer.spi(), transforms, ...change };
}

check("§2.7", "One proposal is accepted, the first of the offered ones that is acceptable", () => {
  const bench = new Bench("responder");
  const [one] = usual(bench);
  const des = { ...without(one!, TransformType.ENCR), number: 1 };
  const proposals = [
    and(des, { type: TransformType.ENCR, id: Encr.ENCR_3DES }),
    { ...one!, number: 2 },
    { ...one!, number: 3 },
  ];
  const sa = findPayload(initAnswer(bench, proposals), PayloadType.SA)!;
  assert.deepEqual(sa.proposals.map((p) => p.number), [2]);
});

check("§2.7", "An accepted suite has exactly one transform of each type", () => {
  const bench = new Bench("responder");
  const [one] = usual(bench);
  const more = and(
    one!,
    { type: TransformType.ENCR, id: Encr.ENCR_AES_CBC, keyBits: 256 },
    { type: TransformType.PRF, id: Prf.PRF_HMAC_SHA1 },
  );
  const sa = findPayload(initAnswer(bench, [more]), PayloadType.SA)!;
  const types = sa.proposals[0]!.transforms.map((t) => t.type).toSorted();
  assert.deepEqual(types, [1, 2, 3, 4]);
});

check(
  "§2.7",
  "Proposals of which none is acceptable are all rejected, with NO_PROPOSAL_CHOSEN",
  () => {
    const bench = new Bench("responder");
    const [one] = usual(bench);
    const des = and(without(one!, TransformType.ENCR), { type: 1, id: Encr.ENCR_3DES });
    assert.deepEqual(initAnswer(bench, [des]), REFUSED);
    bench.over();
  },
);

both(
  "§2.7",
  "A CHILD_SA of which no proposal is acceptable is refused, and nothing else changes",
  (role) => {
    const bench = Bench.up(role);
    const des: Transform = { type: TransformType.ENCR, id: Encr.ENCR_3DES };
    bench.refuses(NotifyType.NO_PROPOSAL_CHOSEN, CREATE_CHILD_SA, withEsp(bench, [des, NO_ESN]));
    bench.stands();
  },
);

both("§2.7", "The accepted protocol is one that was proposed", (role) => {
  const bench = Bench.up(role);
  const text = answerWith(bench, [esp(bench, { protocol: ProtocolId.AH })]);
  assert.match(text, /proposal 1 of protocol 2, which we did not send/);
  bench.stands();
});

both("§3.3.1", "The accepted proposal's number is one that was proposed", (role) => {
  for (const number of [0, 2, 255]) {
    const bench = Bench.up(role);
    const text = answerWith(bench, [esp(bench, { number })]);
    assert.match(text, new RegExp(`proposal ${number} of protocol 3, which we did not send`));
    bench.stands();
  }
});

check("§3.3.1", "The answer has the number of the proposal it accepts, whatever that is", () => {
  const bench = new Bench("responder");
  const [one] = usual(bench);
  const answer = initAnswer(bench, [{ ...one!, number: 77 }]);
  assert.equal(findPayload(answer, PayloadType.SA)!.proposals[0]!.number, 77);
});

both("§3.3.6", "An answer with several proposals is not accepted", (role) => {
  const bench = Bench.up(role);
  const text = answerWith(bench, [esp(bench), esp(bench)]);
  assert.match(text, /2 proposals instead of one/);
  bench.stands();
});

both("§3.3.6", "An answer with two transforms of one type is not accepted", (role) => {
  const bench = Bench.up(role);
  const text = answerWith(bench, [esp(bench, { transforms: [GCM, GCM, NO_ESN] })]);
  assert.match(text, /2 transforms of type 1 instead of one/);
  bench.stands();
});

both("§3.3.6", "An answer with a transform that was not offered is not accepted", (role) => {
  for (
    const other of [{ ...GCM, id: Encr.ENCR_AES_CBC }, { ...GCM, keyBits: 256 }, { ...GCM, id: 9 }]
  ) {
    const bench = Bench.up(role);
    const text = answerWith(bench, [esp(bench, { transforms: [other, NO_ESN] })]);
    assert.match(text, /which we did not offer/);
    bench.stands();
  }
});

both("§3.3.6", "An answer with a type that was not offered is not accepted", (role) => {
  const bench = Bench.up(role);
  const ke = { type: TransformType.KE, id: KeGroup.ECP_256 };
  const text = answerWith(bench, [esp(bench, { transforms: [GCM, NO_ESN, ke] })]);
  assert.match(text, /which we did not offer/);
  bench.stands();
});

both("§3.3.6", "An answer without a type that was offered is not accepted", (role) => {
  const bench = Bench.up(role);
  const text = answerWith(bench, [esp(bench, { transforms: [NO_ESN] })]);
  assert.match(text, /no transform of type 1/);
  bench.stands();
});

check(
  "§3.3.6",
  "An IKE_SA_INIT answer that is not consistent with an offer ends the exchange",
  () => {
    for (
      const change of [{ number: 2 }, { protocol: ProtocolId.ESP, spi: new Uint8Array(4) }, {
        transforms: [],
      }]
    ) {
      const bench = new Bench("initiator");
      const { peer } = bench;
      peer.learn(bench.said()[0]!.octets);
      const [, ...others] = peer.initPayloads();
      const [one] = usual(bench);
      bench.hear(
        peer.init([{ type: PayloadType.SA, proposals: [{ ...one!, ...change }] }, ...others]),
      );
      bench.over();
      assert.match(bench.failure, /answered our IKE proposals with/);
      assert.deepEqual(bench.said(), []);
    }
  },
);

check(
  "§3.3.6",
  "A proposal with a transform type that is unknown is not acceptable, others are",
  () => {
    const bench = new Bench("responder");
    const [one] = usual(bench);
    const strange = and(one!, { type: 99, id: 1 });
    const answer = initAnswer(bench, [strange, { ...one!, number: 2 }]);
    assert.deepEqual(findPayload(answer, PayloadType.SA)!.proposals.map((p) => p.number), [2]);
    assert.deepEqual(initAnswer(new Bench("responder"), [strange]), REFUSED);
  },
);

check("§3.3.6", "A proposal that lacks a mandatory transform type is not acceptable", () => {
  const { ENCR, PRF, INTEG, KE } = TransformType;
  for (const type of [ENCR, PRF, INTEG, KE]) {
    const bench = new Bench("responder");
    const [one] = usual(bench);
    const lacking = without(one!, type);
    assert.deepEqual(initAnswer(bench, [lacking]), REFUSED);
    const again = new Bench("responder");
    const answer = initAnswer(again, [lacking, { ...one!, number: 2 }]);
    assert.deepEqual(findPayload(answer, PayloadType.SA)!.proposals.map((p) => p.number), [2]);
  }
});

check("§3.3.6", "A transform that is unknown is not acceptable, others of its type are", () => {
  const bench = new Bench("responder");
  const [one] = usual(bench);
  const strange = and(one!, { type: TransformType.PRF, id: 60_000 });
  const answer = findPayload(initAnswer(bench, [strange]), PayloadType.SA)!;
  const prf = answer.proposals[0]!.transforms.filter((t) => t.type === TransformType.PRF);
  assert.deepEqual(prf, [{ type: TransformType.PRF, id: Prf.PRF_HMAC_SHA2_256 }]);
});

check("§3.3.6", "A transform with an attribute that is unknown is not acceptable", () => {
  const bench = new Bench("responder");
  const [one] = usual(bench);
  for (const value of [7, Uint8Array.of(1, 2, 3)]) {
    const transforms = one!.transforms.map((t) =>
      t.type === TransformType.PRF ? { ...t, attributes: [{ attribute: 99, value }] } : t
    );
    assert.deepEqual(initAnswer(new Bench("responder"), [{ ...one!, transforms }]), REFUSED);
  }
});

check("§3.3.6", "Attributes of an accepted transform are returned as they came", () => {
  const bench = new Bench("responder");
  const answer = findPayload(initAnswer(bench, usual(bench)), PayloadType.SA)!;
  const [cipher] = answer.proposals[0]!.transforms.filter((t) => t.type === TransformType.ENCR);
  assert.deepEqual(cipher, { type: TransformType.ENCR, id: Encr.ENCR_AES_CBC, keyBits: 128 });
});

check("§3.3.5", "A cipher that needs a Key Length is not acceptable without one", () => {
  const bench = new Bench("responder");
  const [one] = usual(bench);
  const bare = and(without(one!, TransformType.ENCR), { type: 1, id: Encr.ENCR_AES_CBC });
  assert.deepEqual(initAnswer(bench, [bare]), REFUSED);
});

check("§3.3.5", "A Key Length at a transform of fixed key length makes it unacceptable", () => {
  const bench = new Bench("responder");
  const [one] = usual(bench);
  const odd = and(without(one!, TransformType.PRF), {
    type: TransformType.PRF,
    id: Prf.PRF_HMAC_SHA2_256,
    keyBits: 256,
  });
  assert.deepEqual(initAnswer(bench, [odd]), REFUSED);
});

check(
  "§3.3",
  "A combined-mode cipher is taken without integrity, or with the integrity NONE",
  () => {
    const gcm = {
      algorithms: {
        encryption: [{ id: Encr.ENCR_AES_GCM_16, keyBits: 128 }],
        integrity: [],
        prf: [Prf.PRF_HMAC_SHA2_256],
        groups: [KeGroup.CURVE25519],
      },
    };
    for (const integrity of [[], [{ type: TransformType.INTEG, id: 0 }]]) {
      const bench = new Bench("responder", gcm, gcm);
      const [one] = usual(bench);
      const answer = initAnswer(bench, [and(one!, ...integrity)]);
      assert.equal(findPayload(answer, PayloadType.SA)!.proposals.length, 1);
    }
    const bench = new Bench("responder", gcm, gcm);
    const [one] = usual(bench);
    assert.deepEqual(
      initAnswer(bench, [and(one!, { type: TransformType.INTEG, id: 12 })]),
      REFUSED,
    );
  },
);

check(
  "§3.3",
  "Integrity NONE is not accepted for an IKE SA whose cipher has none of its own",
  () => {
    const bench = new Bench("responder");
    const [one] = usual(bench);
    const none = and(without(one!, TransformType.INTEG), { type: TransformType.INTEG, id: 0 });
    assert.deepEqual(initAnswer(bench, [none]), REFUSED);
  },
);

check("§3.3", "ENCR_NULL is not accepted for an IKE SA", () => {
  const bench = new Bench("responder");
  const [one] = usual(bench);
  const none = and(without(one!, TransformType.ENCR), { type: 1, id: Encr.ENCR_NULL });
  assert.deepEqual(initAnswer(bench, [none]), REFUSED);
});

check("§3.3.1", "Proposals of ESP or AH do not make an IKE SA", () => {
  for (const protocol of [ProtocolId.ESP, ProtocolId.AH]) {
    const bench = new Bench("responder");
    const [one] = usual(bench);
    const other = { ...one!, protocol, spi: Uint8Array.of(0, 0, 9, 9) };
    assert.deepEqual(initAnswer(bench, [other]), REFUSED);
    bench.over();
  }
});

check("§3.3.1", "The SPI of a proposal for a first IKE SA is empty", () => {
  const bench = new Bench("responder");
  const [one] = usual(bench);
  const answer = initAnswer(bench, [{ ...one!, spi: new Uint8Array(8).fill(7) }]);
  assert.deepEqual(answer, [notify(NotifyType.INVALID_SYNTAX)]);
  bench.over();
});

both("§3.3.1", "The SPI of a proposal of ESP has four octets", (role) => {
  for (const spi of [new Uint8Array(0), new Uint8Array(3), new Uint8Array(8)]) {
    const bench = Bench.up(role);
    const payloads = withEsp(bench, [GCM, NO_ESN], { spi });
    bench.refuses(NotifyType.INVALID_SYNTAX, CREATE_CHILD_SA, payloads);
    bench.over();
  }
});

both(
  "§3.3.1",
  "The SPI of a proposal that rekeys an IKE SA has eight octets, not all zero",
  (role) => {
    for (const spi of [new Uint8Array(0), new Uint8Array(4), new Uint8Array(8)]) {
      const bench = Bench.up(role);
      const [sa, ...others] = bench.peer.rekeyIke();
      const { proposals } = sa as Extract<Payload, { proposals: unknown }>;
      const changed = proposals.map((p) => ({ ...p, spi }));
      const payloads = [{ type: PayloadType.SA, proposals: changed }, ...others];
      bench.refuses(NotifyType.INVALID_SYNTAX, CREATE_CHILD_SA, payloads);
      bench.over();
    }
  },
);

both("RFC 4303 §2.1", "An ESP SPI from the reserved ones is not accepted", (role) => {
  const bench = Bench.up(role);
  const spi = Uint8Array.of(0, 0, 0, 255);
  const payloads = withEsp(bench, [GCM, NO_ESN], { spi });
  bench.refuses(NotifyType.NO_PROPOSAL_CHOSEN, CREATE_CHILD_SA, payloads);
  assert.match(answerWith(bench, [esp(bench, { spi })]), /a reserved SPI/);
  bench.stands();
});

/** Sends the body of an SA payload with one change, and checks that the request is refused. */
function inBody(bench: Bench, change: (body: Uint8Array) => Uint8Array): void {
  // deno-fmt-ignore: a row for each structure
  const body = Uint8Array.of(
    0, 0, 0, 28, 1, 3, 4, 2, 0, 0, 9, 9, // one proposal of ESP with two transforms
    3, 0, 0, 8, 1, 0, 0, 12, 0, 0, 0, 8, 5, 0, 0, 0,
  );
  const raw = change(body);
  const [, ...others] = bench.peer.createChild();
  const payloads = [{ type: PayloadType.SA, raw }, ...others];
  bench.refuses(NotifyType.INVALID_SYNTAX, CREATE_CHILD_SA, payloads);
  bench.over();
}

/** Octets of the body of {@linkcode inBody} that are changed. */
const WRONG = [
  ["a length of the proposal that is not that of its transforms", 3, 27],
  ["a length of the proposal past the payload", 2, 1],
  ["a count of transforms that is too small", 7, 1],
  ["a count of transforms that is too large", 7, 3],
  ["an SPI size that is not that of its protocol", 6, 5],
  ["a mark of a further proposal behind the last", 0, 2],
  ["a mark of a proposal that is none", 0, 1],
  ["a mark of a last transform before the last", 12, 0],
  ["a length of a transform past its proposal", 15, 200],
  ["a length of a transform shorter than its header", 15, 7],
] as const;

for (const [what, at, value] of WRONG) {
  both("§3.3", `An SA payload's lengths and counts agree: not with ${what}`, (role) => {
    inBody(Bench.up(role), (body) => {
      body[at] = value;
      return body;
    });
  });
}

both(
  "§3.3",
  "An SA payload's lengths and counts agree: not with octets behind the last transform",
  (role) => {
    inBody(Bench.up(role), (body) => {
      body[3] = 32;
      return Uint8Array.of(...body, 0, 0, 0, 0);
    });
  },
);

both("§3.3.1", "Reserved octets of proposals and transforms are ignored", (role) => {
  const bench = Bench.up(role);
  // deno-fmt-ignore: a row for each structure
  const raw = Uint8Array.of(
    0, 0xff, 0, 32, 1, 3, 4, 2, 0, 0, 9, 9,
    3, 0xff, 0, 12, 1, 0xff, 0, 20, 0x80, 14, 0, 128,
    0, 0xff, 0, 8, 5, 0xff, 0, 0,
  );
  const [, ...others] = bench.peer.createChild();
  const answer = bench.ask(CREATE_CHILD_SA, [{ type: PayloadType.SA, raw }, ...others]);
  assert.equal(answer[0]!.type, PayloadType.SA);
  bench.stands(2);
});

both("§3.3.5", "A transform does not have two attributes of one type", (role) => {
  // deno-fmt-ignore: a row for each structure
  const body = Uint8Array.of(
    0, 0, 0, 36, 1, 3, 4, 2, 0, 0, 9, 9,
    3, 0, 0, 16, 1, 0, 0, 20, 0x80, 14, 0, 128, 0x80, 14, 1, 0,
    0, 0, 0, 8, 5, 0, 0, 0,
  );
  inBody(Bench.up(role), () => body);
});

check(
  "§3.4",
  "A KE payload of another group than the chosen one is refused, and the group named",
  () => {
    const algorithms = {
      ...new Bench("responder").core.config.algorithms,
      groups: [KeGroup.ECP_256],
    };
    const bench = new Bench("responder", { algorithms });
    const { peer } = bench;
    const [, , nonce] = peer.initPayloads();
    const [one] = usual(bench);
    const proposals = [and(one!, { type: TransformType.KE, id: KeGroup.ECP_256 })];
    const ke = {
      type: PayloadType.KE,
      group: KeGroup.CURVE25519,
      data: peer.pair.publicValue,
    } as const;
    bench.hear(peer.init([{ type: PayloadType.SA, proposals }, ke, nonce!]));
    const data = Uint8Array.of(0, KeGroup.ECP_256);
    assert.deepEqual(bench.said()[0]!.payloads, [notify(NotifyType.INVALID_KE_PAYLOAD, data)]);
    bench.over();
  },
);
