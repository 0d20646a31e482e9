import assert from "node:assert/strict";
import { ProtocolId } from "@/iana/protocol_id.ts";
import { TransformType as T } from "@/iana/transform_type.ts";
import {
  accepted,
  additionalMethods,
  childProposals,
  choose,
  chosenId,
  ikeProposals,
  showProposals,
} from "@/ike/negotiate/proposal.ts";
import { worldConfig } from "@/sim/scenarios.ts";
import type { Proposal, Transform } from "@/wire/payloads/security_association.ts";

const algorithms = {
  encryption: [{ id: 12, keyBits: 128 }, { id: 20, keyBits: 256 }, { id: 12, keyBits: 256 }],
  integrity: [12],
  prf: [5, 7],
  groups: [14, 31],
};
const ours = ikeProposals(algorithms);

function ike(transforms: readonly Transform[], number = 1): Proposal {
  return { number, protocol: ProtocolId.IKE, spi: new Uint8Array(0), transforms };
}

Deno.test("ikeProposals() puts AEAD ciphers apart, without integrity (RFC 7296 §3.3)", () => {
  assert.equal(
    showProposals(ours),
    "{ENCR_AES_CBC-128, ENCR_AES_CBC-256, AUTH_HMAC_SHA2_256_128, PRF_HMAC_SHA2_256, " +
      "PRF_HMAC_SHA2_512, 2048-bit MODP Group, Curve25519} or " +
      "{ENCR_AES_GCM_16-256, PRF_HMAC_SHA2_256, PRF_HMAC_SHA2_512, 2048-bit MODP Group, Curve25519}",
  );
});

Deno.test("choose() takes one transform of each type, our preference first", () => {
  const theirs = ike([
    { type: T.ENCR, id: 12, keyBits: 256 },
    { type: T.ENCR, id: 12, keyBits: 128 },
    { type: T.INTEG, id: 12 },
    { type: T.PRF, id: 7 },
    { type: T.KE, id: 31 },
    { type: T.KE, id: 14 },
  ]);
  assert.deepEqual(choose([theirs], ours)!.transforms.map((t) => [t.type, t.id, t.keyBits ?? 0]), [
    [T.ENCR, 12, 128],
    [T.INTEG, 12, 0],
    [T.PRF, 7, 0],
    [T.KE, 14, 0],
  ]);
  const byKe = choose([theirs], ours, 31)!;
  assert.equal(byKe.transforms.find((t) => t.type === T.KE)!.id, 31);
});

Deno.test("choose() refuses what lacks a type, has an unknown one, or an attribute nobody knows", () => {
  const base: Transform[] = [
    { type: T.ENCR, id: 12, keyBits: 128 },
    { type: T.INTEG, id: 12 },
    { type: T.PRF, id: 5 },
    { type: T.KE, id: 14 },
  ];
  assert.ok(choose([ike(base)], ours));
  for (const type of [T.ENCR, T.INTEG, T.PRF, T.KE]) {
    assert.equal(choose([ike(base.filter((t) => t.type !== type))], ours), undefined, String(type));
  }
  assert.equal(choose([ike([...base, { type: T.ADDKE1, id: 36 }])], ours), undefined);
  assert.ok(choose([ike([...base, { type: T.ADDKE1, id: 36 }, { type: T.ADDKE1, id: 0 }])], ours));
  assert.equal(choose([ike([...base, { type: 240, id: 1 }])], ours), undefined);
  const odd = { type: T.INTEG, id: 12, attributes: [{ attribute: 99, value: new Uint8Array(2) }] };
  const withOdd = base.map((t) => t.type === T.INTEG ? odd : t) as Transform[];
  assert.equal(choose([ike(withOdd)], ours), undefined);
});

Deno.test("choose() does not mix an AEAD cipher with integrity", () => {
  const theirs = ike([
    { type: T.ENCR, id: 20, keyBits: 256 },
    { type: T.INTEG, id: 12 },
    { type: T.PRF, id: 5 },
    { type: T.KE, id: 14 },
  ]);
  assert.equal(choose([theirs], ours), undefined);
});

Deno.test("accepted() takes one of ours, whole, and nothing else (RFC 7296 §2.7)", () => {
  const answer: Transform[] = [
    { type: T.ENCR, id: 12, keyBits: 256 },
    { type: T.INTEG, id: 12 },
    { type: T.PRF, id: 5 },
    { type: T.KE, id: 31 },
  ];
  assert.equal(typeof accepted(ours, [ike(answer)]), "object");
  assert.match(String(accepted(ours, [])), /0 proposals/);
  assert.match(String(accepted(ours, [ike(answer), ike(answer)])), /2 proposals/);
  assert.match(String(accepted(ours, [ike(answer, 3)])), /did not send/);
  assert.match(String(accepted(ours, [ike(answer, 2)])), /did not offer/);
  assert.match(String(accepted(ours, [ike(answer.slice(1))])), /no transform of type 1/);
  assert.match(String(accepted(ours, [ike([...answer, { type: T.PRF, id: 7 }])])), /2 transforms/);
  assert.match(
    String(accepted(ours, [ike([{ type: T.ENCR, id: 12, keyBits: 192 }, ...answer.slice(1)])])),
    /did not offer/,
  );
});

const SPI = Uint8Array.of(0, 0, 1, 0);
const [CHILD] = worldConfig().children;

Deno.test("esn asks for 64-bit sequence numbers alone, and takes nothing else (RFC 7296 §3.3.2)", () => {
  const long = childProposals({ ...CHILD!, esn: true }, SPI);
  const short = childProposals({ ...CHILD!, esn: false }, SPI);
  assert.deepEqual(long[0]!.transforms.filter((t) => t.type === T.ESN), [{ type: T.ESN, id: 1 }]);
  assert.deepEqual(short[0]!.transforms.filter((t) => t.type === T.ESN), [{ type: T.ESN, id: 0 }]);
  assert.equal(choose(long, short), undefined);
  assert.equal(choose(short, long), undefined);
  // Who offers both gets what is configured here.
  const both = [{ ...long[0]!, transforms: [...long[0]!.transforms, { type: T.ESN, id: 0 }] }];
  assert.equal(chosenId(choose(both, long)!, T.ESN), 1);
  assert.equal(chosenId(choose(both, short)!, T.ESN), 0);
});

Deno.test("a proposal, or an answer, without sequence numbers means 32-bit ones", () => {
  const long = childProposals({ ...CHILD!, esn: true }, SPI);
  const short = childProposals({ ...CHILD!, esn: false }, SPI);
  const silent = [{ ...long[0]!, transforms: long[0]!.transforms.filter((t) => t.type !== T.ESN) }];
  assert.equal(choose(silent, long), undefined);
  assert.equal(typeof choose(silent, short), "object");
  assert.equal(accepted(long, silent), "no transform of type 5");
  assert.equal(typeof accepted(short, silent), "object");
});

Deno.test("AH is integrity and sequence numbers, one proposal (RFC 7296 §3.3.3)", () => {
  const config = { ...CHILD!, protocol: ProtocolId.AH, encryption: [], integrity: [12, 2] };
  const ah = childProposals(config, SPI);
  assert.equal(
    showProposals(ah),
    "AH {AUTH_HMAC_SHA2_256_128, AUTH_HMAC_SHA1_96, NO_ESN}",
  );
  const ciphered = [{ ...ah[0]!, transforms: [...ah[0]!.transforms, { type: T.ENCR, id: 12 }] }];
  assert.equal(choose(ciphered, ah), undefined);
  const esp = childProposals({ ...CHILD!, integrity: [12] }, SPI);
  assert.equal(choose(esp, ah), undefined);
});

const hybrid = { ...algorithms, groups: [31, 36], additional: [[36, 37], [], [35, 36, 0]] };

/** KE and ADDKE transforms of an answer, as `type: method`. */
function exchanges(theirs: typeof hybrid, ours: typeof hybrid): string | undefined {
  const choice = choose(ikeProposals(theirs), ikeProposals(ours));
  return choice?.transforms.filter((t) => t.type === T.KE || t.type >= T.ADDKE1)
    .map((t) => `${t.type}: ${t.id}`).join(", ");
}

Deno.test("additional key exchanges are transform types 6 to 12, in their order (RFC 9370 §2.2.1)", () => {
  assert.match(
    showProposals(ikeProposals(hybrid)),
    /Curve25519, ml-kem-768, ADDKE1 ml-kem-768, ADDKE1 ml-kem-1024, ADDKE3 ml-kem-512, ADDKE3 ml-kem-768, ADDKE3 NONE\}/,
  );
  assert.equal(exchanges(hybrid, hybrid), "4: 31, 6: 36, 8: 35");
  const choice = choose(ikeProposals(hybrid), ikeProposals(hybrid))!;
  assert.deepEqual(additionalMethods(choice), [36, 35]);
  assert.equal(typeof accepted(ikeProposals(hybrid), [{ ...choice, number: 1 }]), "object");
});

Deno.test("no method is chosen twice, and where there is no other way nothing is (RFC 9370 §2.2.1)", () => {
  const theirs = { ...hybrid, groups: [36], additional: [[36, 37], [], [37, 35]] };
  assert.equal(
    exchanges(theirs, { ...theirs, additional: [[37, 36], [], [37, 35]] }),
    "4: 36, 6: 37, 8: 35",
  );
  const same = { ...hybrid, groups: [36], additional: [[36]] };
  assert.equal(exchanges(same, same), undefined);
  // NONE may come as often as it likes.
  const none = { ...hybrid, additional: [[36, 0], [36, 0]] };
  assert.equal(exchanges(none, { ...none, additional: [[0], [0]] }), "4: 31, 6: 0, 7: 0");
});

Deno.test("an additional exchange that one end lacks needs NONE from the other (RFC 9370 §2.2.1)", () => {
  const plain = { ...hybrid, additional: [] as number[][] };
  assert.equal(exchanges(hybrid, plain), undefined);
  assert.equal(exchanges({ ...hybrid, additional: [[36, 0]] }, plain), "4: 31, 6: 0");
  assert.equal(exchanges(plain, hybrid), undefined);
});

Deno.test("an answer with one method for two exchanges is refused (RFC 9370 §2.2.1)", () => {
  const offered = ikeProposals({ ...hybrid, additional: [[36, 37], [36, 37]] });
  const [first] = offered;
  const pick = (type: number, id: number) =>
    first!.transforms.find((t) => t.type === type && t.id === id)!;
  const common = [pick(T.ENCR, 12), pick(T.INTEG, 12), pick(T.PRF, 5), pick(T.KE, 31)];
  const answer = (two: number) => [ike([...common, pick(T.ADDKE1, 36), pick(T.ADDKE2, two)])];
  assert.equal(typeof accepted(offered, answer(37)), "object");
  assert.equal(accepted(offered, answer(36)), "ml-kem-768 for more than one key exchange");
});

Deno.test("a CHILD_SA has additional exchanges only where it has a key exchange (RFC 9370 §2.2.4)", () => {
  const child = { ...CHILD!, pfsAdditional: [[36]] };
  assert.doesNotMatch(showProposals(childProposals(child, SPI)), /ADDKE/);
  assert.match(showProposals(childProposals(child, SPI, [31])), /Curve25519, ADDKE1 ml-kem-768/);
});
