// Payloads, whatever they are: RFC 7296 §2.5, §3.2, §3.12, §3.14.
import assert from "node:assert/strict";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { concat } from "@/base/bytes.ts";
import { encodeMessage, encodePayloads, type Payload } from "@/wire/message.ts";
import { sealContent } from "@/wire/protected.ts";
import { Writer } from "@/base/bytes.ts";
import { Bench, notify } from "./bench.ts";
import { checksOf, type Role } from "./entries.ts";

const { check, both } = checksOf(import.meta.url);
const { INFORMATIONAL, CREATE_CHILD_SA, IKE_AUTH } = ExchangeType;

/** A payload of a type that no RFC defines. */
const UNKNOWN: Payload = { type: 200, raw: Uint8Array.of(1, 2, 3) };
const CRITICAL: Payload = { ...UNKNOWN, critical: true };
const VENDOR: Payload = { type: PayloadType.VENDOR, data: Uint8Array.of(9, 9, 9, 9) };

/** A request with these octets inside SK. */
function within({ peer }: Bench, firstType: number, content: Uint8Array): Uint8Array {
  const protection = peer.protection();
  const iv = peer.random.octets(protection.cipher.ivOctets);
  return sealContent(peer.header(INFORMATIONAL), { firstType, content }, { protection, iv });
}

/** Checks that a malformed request ends the SA, and that its sender is told so. */
function diesOf(bench: Bench, octets: Uint8Array): void {
  bench.said();
  bench.hear(octets);
  assert.deepEqual(bench.said().map((s) => s.payloads), [[notify(NotifyType.INVALID_SYNTAX)]]);
  bench.over();
}

function chain(...payloads: Payload[]): Uint8Array {
  const w = new Writer();
  encodePayloads(payloads, w);
  return w.done();
}

both("§2.5", "A payload of an unknown type is skipped where it is not critical", (role) => {
  const bench = Bench.up(role);
  assert.deepEqual(bench.ask(INFORMATIONAL, [UNKNOWN]), []);
  const answer = bench.ask(CREATE_CHILD_SA, [UNKNOWN, ...bench.peer.createChild(), UNKNOWN]);
  assert.equal(answer[0]!.type, PayloadType.SA);
  bench.stands(2);
});

check("§2.5", "Unknown payloads are skipped in the initial exchanges too", () => {
  const bench = new Bench("responder");
  const { peer } = bench;
  bench.hear(peer.init([UNKNOWN, ...peer.initPayloads(), UNKNOWN]));
  peer.learn(bench.said()[0]!.octets);
  bench.ask(IKE_AUTH, [UNKNOWN, ...peer.authPayloads(), UNKNOWN]);
  bench.stands();
});

both(
  "§2.5",
  "An unknown critical payload has its request refused, and named in the refusal",
  (role) => {
    const bench = Bench.up(role);
    const type = NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD;
    assert.deepEqual(bench.refuses(type, INFORMATIONAL, [CRITICAL]), Uint8Array.of(200));
    const create = [...bench.peer.createChild(), CRITICAL];
    assert.deepEqual(bench.refuses(type, CREATE_CHILD_SA, create), Uint8Array.of(200));
    bench.stands();
  },
);

both(
  "§2.5",
  "An unknown critical payload before the encrypted one has the request refused too",
  (role) => {
    const bench = Bench.up(role);
    const { peer } = bench;
    const header = peer.header(INFORMATIONAL);
    const outer = sealedBehind(bench, CRITICAL, header.messageId);
    bench.hear(outer);
    peer.nextId++;
    const [{ payloads }] = bench.said() as [ReturnType<Bench["said"]>[0]];
    const data = Uint8Array.of(200);
    assert.deepEqual(payloads, [notify(NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD, data)]);
    bench.stands();
  },
);

both("§2.5", "An unknown payload before the encrypted one is skipped", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  bench.hear(sealedBehind(bench, UNKNOWN, peer.nextId));
  peer.nextId++;
  assert.deepEqual(bench.said().map((s) => s.payloads), [[]]);
  bench.stands();
});

/** An empty request with an unencrypted payload before SK; the ICV covers both. */
function sealedBehind({ peer }: Bench, first: Payload, messageId: number): Uint8Array {
  const protection = peer.protection();
  const { cipher, integrity, encryptionKey } = protection;
  const iv = peer.random.octets(cipher.ivOctets);
  const plain = new Uint8Array(cipher.blockOctets);
  plain[plain.length - 1] = plain.length - 1;
  cipher.sealInPlace(encryptionKey, iv, new Uint8Array(0), plain);
  const icv = new Uint8Array(integrity!.icvOctets);
  const body = concat(iv, plain, icv);
  const sk: Payload = { type: PayloadType.SK, firstType: 0, body, offset: 0 };
  const octets = encodeMessage(peer.header(INFORMATIONAL, { messageId }), [first, sk]);
  const end = octets.length - icv.length;
  octets.set(integrity!.mac(protection.integrityKey, octets.subarray(0, end)), end);
  return octets;
}

check("§2.5", "An unknown critical payload in IKE_SA_INIT makes no SA, and is named", () => {
  const bench = new Bench("responder");
  const { peer } = bench;
  bench.hear(peer.init([...peer.initPayloads(), CRITICAL]));
  const [{ payloads }] = bench.said() as [ReturnType<Bench["said"]>[0]];
  const data = Uint8Array.of(200);
  assert.deepEqual(payloads, [notify(NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD, data)]);
  bench.over();
});

check("§2.5", "An unknown critical payload in a response has it rejected", () => {
  const early = new Bench("initiator");
  const { peer } = early;
  peer.learn(early.said()[0]!.octets);
  const octets = peer.init([...peer.initPayloads(), CRITICAL]);
  early.ignores("a malformed IKE_SA_INIT response", octets);
  const late = Bench.up("initiator");
  late.tell({ kind: "liveness_check" });
  late.answer([CRITICAL]);
  late.over();
});

both("§3.2", "The critical bit of a payload that is known is ignored", (role) => {
  const bench = Bench.up(role);
  const all = bench.peer.createChild([notify(40_000)]).map((p) => ({ ...p, critical: true }));
  assert.equal(bench.ask(CREATE_CHILD_SA, all)[0]!.type, PayloadType.SA);
  bench.stands(2);
});

both("§3.2", "The reserved bits of a payload's header are ignored", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  const content = chain(notify(40_000), VENDOR);
  content[1]! |= 0x7f;
  bench.hear(within(bench, PayloadType.NOTIFY, content));
  peer.nextId++;
  assert.deepEqual(bench.said().map((s) => s.payloads), [[]]);
  bench.stands();
});

both("§2.5", "Payloads come in any order", (role) => {
  const bench = Bench.up(role);
  const answer = bench.ask(CREATE_CHILD_SA, bench.peer.createChild([notify(40_000)]).toReversed());
  assert.equal(answer[0]!.type, PayloadType.SA);
  bench.stands(2);
});

check("§2.5", "Payloads of the initial exchanges come in any order", () => {
  for (const role of ["initiator", "responder"] as Role[]) {
    const bench = new Bench(role);
    const { peer } = bench;
    if (role === "initiator") peer.learn(bench.said()[0]!.octets);
    bench.hear(peer.init(peer.initPayloads().toReversed()));
    if (role === "responder") peer.learn(bench.said()[0]!.octets);
    const auth = peer.authPayloads().toReversed();
    if (role === "responder") bench.ask(IKE_AUTH, auth);
    else bench.answer(auth);
    bench.stands();
  }
});

both("§3.2", "A payload's length is at least its header's, and within the message", (role) => {
  for (const length of [0, 3, 300, 0xffff]) {
    const bench = Bench.up(role);
    const content = chain(notify(40_000));
    content[2] = length >> 8;
    content[3] = length & 0xff;
    diesOf(bench, within(bench, PayloadType.NOTIFY, content));
  }
});

both("§3.2", "The chain of payloads fills the message to its last octet", (role) => {
  const behind = Bench.up(role);
  const content = concat(chain(notify(40_000)), Uint8Array.of(0));
  diesOf(behind, within(behind, PayloadType.NOTIFY, content));
  const short = Bench.up(role);
  const promised = chain(notify(40_000));
  promised[0] = PayloadType.NOTIFY;
  diesOf(short, within(short, PayloadType.NOTIFY, promised));
});

check("§3.2", "A chain of payloads that breaks off makes no SA", () => {
  const bench = new Bench("responder");
  const { peer } = bench;
  const whole = peer.init();
  for (const cut of [29, 60, whole.length - 5]) {
    const octets = whole.slice(0, cut);
    octets.set([0, 0, 0, cut], 24);
    bench.hear(octets);
    assert.deepEqual(bench.dropped(), ["a malformed IKE_SA_INIT request"]);
    bench.over();
  }
});

both("§3.12", "Unfamiliar Vendor IDs are ignored, however many", (role) => {
  const bench = Bench.up(role);
  const many = new Array<Payload>(200).fill(VENDOR);
  assert.deepEqual(bench.ask(INFORMATIONAL, many), []);
  bench.stands();
});

check("§3.12", "Vendor IDs in IKE_SA_INIT change nothing", () => {
  const bench = new Bench("responder");
  const { peer } = bench;
  bench.hear(peer.init([VENDOR, ...peer.initPayloads(), VENDOR]));
  assert.equal(bench.sa.phase, "created");
  assert.ok(!bench.said()[0]!.payloads.some((p) => p.type === PayloadType.VENDOR));
});

both("§3.14", "The encrypted payload is the last of its message", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  const sealed = peer.seal(peer.header(INFORMATIONAL), []);
  const octets = concat(sealed, chain(notify(40_000)));
  octets.set([0, 0, octets.length >> 8, octets.length & 0xff], 24);
  bench.ignores("a malformed message that is not authentic", octets);
});

both("§3.1", "An encrypted payload does not stand in another", (role) => {
  for (const type of [PayloadType.SK, PayloadType.SKF]) {
    const bench = Bench.up(role);
    diesOf(bench, within(bench, type, chain({ type, raw: new Uint8Array(64) })));
  }
});

both("§3.14", "A message whose ICV is not right is dropped, wherever it was changed", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  const octets = peer.seal(peer.header(INFORMATIONAL), [notify(40_000)]);
  for (const at of [18, 28, 29, 33, 50, octets.length - 20, octets.length - 1]) {
    const forged = octets.slice();
    forged[at]! ^= 0x40;
    bench.ignores(/wrong ICV|not authentic|must be encrypted|another exchange|clear|keys/, forged);
  }
  bench.stands();
});

both("§3.14", "A message in clear is dropped where it must be encrypted", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  for (const exchange of [IKE_AUTH, CREATE_CHILD_SA, INFORMATIONAL]) {
    const octets = peer.init(peer.createChild(), {
      exchange,
      messageId: peer.nextId,
      response: false,
    });
    bench.ignores("a message in clear where it must be encrypted", octets);
  }
});

both("§3.14", "An encrypted payload too short for IV and ICV is dropped", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  for (const size of [0, 1, 15, 31]) {
    const sk: Payload = { type: PayloadType.SK, raw: new Uint8Array(size) };
    const octets = encodeMessage(peer.header(INFORMATIONAL), [sk]);
    bench.ignores("a wrong ICV", octets);
  }
});

both(
  "§3.14",
  "Padding of any content and of any length that fits the block is accepted",
  (role) => {
    const bench = Bench.up(role);
    const { peer } = bench;
    const { blockOctets } = peer.protection().cipher;
    for (let octets = blockOctets - 1; octets < 256; octets += blockOctets) {
      const padding = peer.random.octets(octets);
      bench.hear(peer.seal(peer.header(INFORMATIONAL), [], padding));
      peer.nextId++;
      assert.deepEqual(bench.said().map((s) => s.payloads), [[]]);
    }
  },
);

both("§3.14", "Pad Length is not more than there is", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  const protection = peer.protection();
  const { cipher, integrity, encryptionKey, integrityKey } = protection;
  const iv = peer.random.octets(16);
  const plain = new Uint8Array(16).fill(200);
  const icv = new Uint8Array(integrity!.icvOctets);
  cipher.sealInPlace(encryptionKey, iv, new Uint8Array(0), plain);
  const body = concat(iv, plain, icv);
  const sk: Payload = { type: PayloadType.SK, firstType: 0, body, offset: 0 };
  const octets = encodeMessage(peer.header(INFORMATIONAL), [sk]);
  const end = octets.length - icv.length;
  octets.set(integrity!.mac(integrityKey, octets.subarray(0, end)), end);
  diesOf(bench, octets);
});

both("§3.14", "Any IV is accepted, the same one twice too", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  const protection = peer.protection();
  const iv = new Uint8Array(protection.cipher.ivOctets);
  for (let i = 0; i < 2; i++) {
    const inside = { firstType: 0, content: new Uint8Array(0) };
    bench.hear(sealContent(peer.header(INFORMATIONAL), inside, { protection, iv }));
    peer.nextId++;
    assert.deepEqual(bench.said().map((s) => s.payloads), [[]]);
  }
});

both("§3.14", "A message sealed with the other direction's keys is dropped", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  const protection = peer.protection(!peer.initiator);
  const inside = { firstType: 0, content: new Uint8Array(0) };
  const octets = sealContent(peer.header(INFORMATIONAL), inside, {
    protection,
    iv: new Uint8Array(16),
  });
  bench.ignores("a wrong ICV", octets);
});

both("§3.10.1", "A payload that must be single is malformed where it comes twice", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  const payloads = [...peer.createChild(), peer.nonce()];
  diesOf(bench, peer.seal(peer.header(CREATE_CHILD_SA), payloads));
});
