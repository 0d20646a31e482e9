/** All conformance test sets of 3GPP TS 35.208, and how AUTN and AUTS are built and checked. */
import assert from "node:assert/strict";
import { fromHex, toHex } from "@/base/bytes.ts";
import { answerChallenge, makeVector, newSimCard, resynchronise } from "@/eap/sim/card.ts";
import { gsmTriplet, milenage, milenageAkStar, milenageMacs, opcOf } from "@/eap/sim/milenage.ts";
import vectors from "../../vectors/milenage.json" with { type: "json" };

const hex = (text: string) => fromHex(text)!;

for (const set of vectors.sets) {
  Deno.test(`TS 35.208 §4.3, test set ${set.set}`, () => {
    const k = hex(set.k);
    const rand = hex(set.rand);
    const opc = opcOf(k, hex(set.op));
    const keys = { k, opc };
    assert.equal(toHex(opc), set.opc);
    const { macA, macS } = milenageMacs(keys, rand, { sqn: hex(set.sqn), amf: hex(set.amf) });
    assert.equal(toHex(macA), set.f1);
    assert.equal(toHex(macS), set.f1star);
    const { res, ck, ik, ak } = milenage(keys, rand);
    assert.deepEqual([res, ck, ik, ak].map(toHex), [set.f2, set.f3, set.f4, set.f5]);
    assert.equal(toHex(milenageAkStar(keys, rand)), set.f5star);
  });
}

Deno.test("the vectors have all twenty test sets", () => assert.equal(vectors.sets.length, 20));

Deno.test("a GSM triplet is derived from RES, CK and IK (TS 55.205 §4)", () => {
  const { k, opc, rand } = vectors.sets[0]!;
  const { sres, kc } = gsmTriplet({ k: hex(k), opc: hex(opc) }, hex(rand));
  assert.equal(toHex(sres), "46f8416a");
  assert.equal(toHex(kc), "eae4be823af9a08b");
});

const KEYS = { k: hex(vectors.sets[0]!.k), opc: hex(vectors.sets[0]!.opc) };
const RAND = hex(vectors.sets[0]!.rand);

Deno.test("a card accepts each sequence number once, and only rising ones", () => {
  const card = newSimCard(KEYS, 0n);
  const network = { ...KEYS, sqn: 0n };
  const first = makeVector(network, RAND);
  const second = makeVector(network, RAND);
  assert.equal(answerChallenge(card, second, true).kind, "accepted");
  assert.equal(answerChallenge(card, second, true).kind, "resynchronise");
  assert.equal(answerChallenge(card, first, true).kind, "resynchronise");
});

Deno.test("AUTS sets the sequence number of the network to that of the card", () => {
  const card = newSimCard(KEYS, 0x0123456789abn);
  const network = { ...KEYS, sqn: 5n };
  const verdict = answerChallenge(card, makeVector(network, RAND), true);
  assert.ok(verdict.kind === "resynchronise");
  const wrong = verdict.auts.slice();
  wrong[13]! ^= 1;
  assert.equal(resynchronise(network, RAND, wrong), false);
  assert.equal(resynchronise(network, RAND, verdict.auts), true);
  assert.equal(network.sqn, 0x0123456789abn);
  assert.equal(answerChallenge(card, makeVector(network, RAND), true).kind, "accepted");
});

Deno.test("a wrong AUTN, and for AKA' an AMF without the separation bit, are rejected", () => {
  const vector = makeVector({ ...KEYS, sqn: 0n }, RAND);
  for (let i = 0; i < 16; i++) {
    const autn = vector.autn.slice();
    autn[i]! ^= 1;
    assert.equal(
      answerChallenge(newSimCard(KEYS, 0n), { rand: RAND, autn }, false).kind,
      "rejected",
    );
  }
  const amf = hex("0000");
  const sqn = hex("000000000020");
  const { ak } = milenage(KEYS, RAND);
  const { macA } = milenageMacs(KEYS, RAND, { sqn, amf });
  const autn = Uint8Array.from([...sqn.map((o, i) => o ^ ak[i]!), ...amf, ...macA]);
  const plain = answerChallenge(newSimCard(KEYS, 0n), { rand: RAND, autn }, false);
  assert.equal(plain.kind, "accepted");
  const prime = answerChallenge(newSimCard(KEYS, 0n), { rand: RAND, autn }, true);
  assert.ok(prime.kind === "rejected");
  assert.match(prime.why, /separation bit/);
});
