/**
 * Received fragments (RFC 7383 §2.6): in any order, twice, forged, with false numbers, too many, too late.
 */
import assert from "node:assert/strict";
import type { IkeSa } from "@/ike/records/sa.ts";
import { OTHER_OCTETS } from "@/ike/window/repeats.ts";
import { concat, toHex, Writer } from "@/base/bytes.ts";
import { SeededRandom } from "@/base/random.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import type { Endpoint } from "@/ike/endpoint.ts";
import type { IkeEffect } from "@/ike/records/event.ts";
import { REASSEMBLED_FRAGMENTS_MAX, REASSEMBLED_OCTETS_MAX } from "@/ike/window/fragments.ts";
import { ikeKeys } from "@/ike/negotiate/keymat.ts";
import { notify } from "@/ike/records/notify.ts";
import { encryptedPayload, openPart, seal } from "@/ike/window/protection.ts";
import { WorldKeys } from "@/sim/keys.ts";
import { worldConfig } from "@/sim/scenarios.ts";
import {
  decodeHeader,
  encodeMessage,
  encodePayloads,
  type MessageHeader,
  type Payload,
} from "@/wire/message.ts";
import { sealMessage, sealParts } from "@/wire/protected.ts";
import { TwoEnds } from "../../../two_ends.ts";

const crypto = portableBackend();
const keys = new WorldKeys(crypto);
/** An unknown status notify, which is ignored (RFC 7296 §3.10.1), long enough for three fragments. */
const LONG: readonly Payload[] = [notify(50_000, new Uint8Array(150).fill(7))];
const STATUS_ONLY = ExchangeType.INFORMATIONAL;
const NOT_FIRST = "a repeated fragment that is not the first";

type Sent = Extract<IkeEffect, { kind: "send" }>;

/** Two ends that send small fragments, and what they have done. */
class Pair extends TwoEnds {
  readonly sent: Sent[] = [];
  readonly drops: string[] = [];
  readonly traces: Extract<IkeEffect, { kind: "trace" }>[] = [];

  constructor(a: Partial<IkeConfig> = {}, b: Partial<IkeConfig> = a) {
    const seeded = new SeededRandom(3);
    const random = (count: number) => seeded.octets(count);
    super({
      crypto,
      a: worldConfig({ fragmentOctets: 64, ...a }),
      b: worldConfig({ fragmentOctets: 64, ...b }),
      random: { a: random, b: random },
      compute: (job) => keys.compute(job, seeded),
      effect: (effect) => {
        if (effect.kind === "dropped") this.drops.push(effect.reason);
        else if (effect.kind === "trace") this.traces.push(effect);
        else if (effect.kind === "send") this.sent.push(effect);
      },
    });
  }

  /** The reasons of datagrams that were dropped since the last call. */
  dropped(): string[] {
    return this.drops.splice(0);
  }
}

function only(endpoint: Endpoint): IkeSa {
  const [sa, ...others] = endpoint.bySpi.values();
  assert.equal(others.length, 0);
  return sa!;
}

/** An established tunnel, with the IKE SAs of both ends. */
function established(config: Partial<IkeConfig> = {}): { pair: Pair; a: IkeSa; b: IkeSa } {
  const pair = new Pair(config);
  pair.dial();
  pair.pump();
  const a = only(pair.a);
  const b = only(pair.b);
  assert.deepEqual([a.phase, b.phase], ["established", "established"]);
  pair.sent.length = 0;
  pair.dropped();
  return { pair, a, b };
}

function protectionOf(sa: IkeSa) {
  const suite = sa.suite!;
  const { ei, ai, er, ar } = ikeKeys(suite, sa.keys!);
  return sa.originalInitiator
    ? { ...suite, encryptionKey: ei, integrityKey: ai }
    : { ...suite, encryptionKey: er, integrityKey: ar };
}

function headerOf(sa: IkeSa, change: Partial<MessageHeader> = {}): MessageHeader {
  const { spiI, spiR, window: { nextRequestId: messageId }, originalInitiator: initiator } = sa;
  const kind = { exchange: STATUS_ONLY, response: false, initiator } as const;
  return { spiI, spiR, messageId, ...kind, ...change };
}

/** A fragment with the keys of an end; its numbers may be false. */
function fragment(
  sa: IkeSa,
  place: { readonly number: number; readonly total: number },
  content: Uint8Array,
  change: Partial<MessageHeader> = {},
): Uint8Array {
  const parts = new Array<Uint8Array>(place.total);
  parts[place.number - 1] = content;
  const inside = { firstType: LONG[0]!.type, parts };
  const iv = () => new Uint8Array(protectionOf(sa).cipher.ivOctets).fill(place.number);
  const all = sealParts(headerOf(sa, change), inside, { protection: protectionOf(sa), iv });
  return all[place.number - 1]!;
}

/** `LONG` in so many fragments of equal size. */
function cut(a: IkeSa, total: number): Uint8Array[] {
  const w = new Writer(200);
  encodePayloads(LONG, w);
  const content = w.done();
  const size = Math.ceil(content.length / total);
  return Array.from({ length: total }, (_, i) => {
    return fragment(a, { number: i + 1, total }, content.subarray(i * size, (i + 1) * size));
  });
}

function whole(a: IkeSa): Uint8Array {
  const protection = protectionOf(a);
  const iv = new Uint8Array(protection.cipher.ivOctets);
  return sealMessage(headerOf(a), LONG, { protection, iv });
}

/** Octets 32 and on: Fragment Number, Total Fragments (RFC 7383 §2.5). */
function claiming(octets: Uint8Array, number: number, total: number): Uint8Array {
  const copy = octets.slice();
  copy.set([number >> 8, number & 0xff, total >> 8, total & 0xff], 32);
  return copy;
}

Deno.test("a tunnel with small fragments: all but IKE_SA_INIT is cut, and put together", () => {
  const pair = new Pair();
  pair.dial();
  pair.pump();
  const places = pair.sent.map(({ fragment: f }) => f ? `${f.number}/${f.total}` : "whole");
  assert.deepEqual(places.slice(0, 2), ["whole", "whole"]);
  assert.deepEqual(places.slice(2, 5), ["1/3", "2/3", "3/3"]);
  assert.ok(pair.sent[0]!.octets.length > 64 + 28);
  const auth = pair.traces.filter(({ header }) => header.exchange === ExchangeType.IKE_AUTH);
  assert.equal(auth.length, 4);
  for (const { header, fragments } of auth) {
    const datagrams = pair.sent.filter(({ octets }) =>
      octets[18] === ExchangeType.IKE_AUTH &&
      (octets[19]! & 0x20) / 0x20 === Number(header.response)
    );
    assert.equal(fragments, datagrams.length);
    assert.equal(header.length, datagrams.reduce((sum, { octets }) => sum + octets.length, 0));
  }
});

Deno.test("mtu is the most that a fragment holds in clear, and a message of as many octets is whole", () => {
  // LONG is a notify of 8 + 150 octets.
  for (
    const [fragmentOctets, held] of [[158, []], [157, [157, 1]], [79, [79, 79]], [64, [
      64,
      64,
      30,
    ]]] as const
  ) {
    const { a, b } = established({ fragmentOctets });
    const sealed = seal(a, headerOf(a), LONG);
    assert.equal(sealed.length, Math.max(1, held.length));
    const parts = sealed.map((octets) => ({
      octets,
      inner: encryptedPayload(octets, decodeHeader(octets)),
    }))
      .flatMap(({ octets, inner }) =>
        typeof inner !== "string" && inner.type === PayloadType.SKF
          ? [openPart(b, octets, inner).length]
          : []
      );
    assert.deepEqual(parts, held);
    assert.equal(
      new Set(sealed.map((octets) => toHex(octets.subarray(36, 52)))).size,
      sealed.length,
    );
  }
});

Deno.test("fragments come in any order, and are answered once", () => {
  const { pair, a, b } = established();
  const fragments = cut(a, 3);
  for (const i of [2, 0]) pair.arrive(pair.b, fragments[i]!);
  assert.deepEqual([b.window.partialRequest?.contents.size, pair.sent.length], [2, 0]);
  pair.arrive(pair.b, fragments[1]!);
  assert.equal(b.window.partialRequest, undefined);
  assert.equal(pair.sent.length, 1);
  assert.deepEqual(pair.dropped(), []);
  const last = pair.traces.at(-2)!;
  assert.deepEqual([last.sent, last.fragments, last.payloads.length], [false, 3, 1]);
});

Deno.test("a fragment that is there already changes nothing", () => {
  const { pair, a, b } = established();
  const [first, second] = cut(a, 2);
  for (let i = 0; i < 3; i++) pair.arrive(pair.b, first!);
  assert.deepEqual(pair.dropped(), new Array(2).fill("a fragment that is there already"));
  assert.equal(b.window.partialRequest!.contents.size, 1);
  pair.arrive(pair.b, second!);
  assert.equal(pair.sent.length, 1);
});

Deno.test("a fragment with a wrong ICV is not kept, and takes no other's place", () => {
  const { pair, a, b } = established();
  const [first, second] = cut(a, 2);
  const forged = first!.slice();
  forged[forged.length - 1]! ^= 1;
  pair.arrive(pair.b, forged);
  assert.equal(b.window.partialRequest, undefined);
  pair.arrive(pair.b, second!);
  pair.arrive(pair.b, forged);
  // Number and total are authenticated too: they cannot be changed on the way.
  pair.arrive(pair.b, claiming(second!, 1, 2));
  pair.arrive(pair.b, claiming(first!, 1, 3));
  assert.deepEqual(pair.dropped(), new Array(4).fill("a wrong ICV"));
  assert.deepEqual([...b.window.partialRequest!.contents.keys()], [2]);
  pair.arrive(pair.b, first!);
  assert.equal(pair.sent.length, 1);
});

Deno.test("numbers that cannot be are dropped: total 0, number 0, number past the total", () => {
  const { pair, a, b } = established();
  const [first] = cut(a, 2);
  for (const [number, total] of [[1, 0], [0, 0], [0, 2], [3, 2], [65535, 65534]] as const) {
    pair.arrive(pair.b, claiming(first!, number, total));
    assert.deepEqual(pair.dropped(), ["a malformed message that is not authentic"]);
  }
  assert.equal(b.window.partialRequest, undefined);
});

Deno.test("too many fragments are none, however authentic", () => {
  const { pair, a, b } = established();
  for (const total of [65535, REASSEMBLED_FRAGMENTS_MAX + 1]) {
    pair.arrive(pair.b, fragment(a, { number: total, total }, new Uint8Array(9)));
    assert.deepEqual(pair.dropped(), ["one of too many fragments"]);
  }
  assert.ok(!b.window.partialRequest);
  const total = REASSEMBLED_FRAGMENTS_MAX;
  const kept = () => b.window.partialRequest?.total;
  pair.arrive(pair.b, fragment(a, { number: total, total }, new Uint8Array(9)));
  assert.equal(kept(), total);
});

Deno.test("a message longer than any datagram could be is forgotten", () => {
  const { pair, a, b } = established();
  const half = new Uint8Array(REASSEMBLED_OCTETS_MAX / 2 + 1);
  pair.arrive(pair.b, fragment(a, { number: 1, total: 3 }, half));
  assert.equal(b.window.partialRequest?.contentOctets, half.length);
  pair.arrive(pair.b, fragment(a, { number: 2, total: 3 }, half));
  assert.deepEqual(pair.dropped(), ["fragments of a message that is too long"]);
  assert.equal(b.window.partialRequest, undefined);
  for (const one of cut(a, 2)) pair.arrive(pair.b, one);
  assert.equal(pair.sent.length, 1);
});

Deno.test("more fragments than before replace them, fewer are dropped (§2.6)", () => {
  const { pair, a, b } = established();
  const two = cut(a, 2);
  const three = cut(a, 3);
  pair.arrive(pair.b, two[0]!);
  pair.arrive(pair.b, three[1]!);
  assert.deepEqual([b.window.partialRequest!.total, b.window.partialRequest!.contents.size], [
    3,
    1,
  ]);
  pair.arrive(pair.b, two[1]!);
  assert.deepEqual(pair.dropped(), ["a fragment of fewer than there were"]);
  pair.arrive(pair.b, three[0]!);
  pair.arrive(pair.b, three[2]!);
  assert.equal(pair.sent.length, 1);
});

Deno.test("a message that came whole meanwhile ends its fragments' wait", () => {
  const { pair, a, b } = established();
  const [first, second] = cut(a, 2);
  pair.arrive(pair.b, second!);
  pair.arrive(pair.b, whole(a));
  assert.equal(b.window.partialRequest, undefined);
  assert.equal(pair.sent.length, 1);
  // Now it is a repeated request, for which only the first fragment counts (§2.6.1), even if it is fragmented
  // otherwise.
  pair.arrive(pair.b, second!);
  assert.deepEqual([pair.sent.length, pair.dropped()], [1, [NOT_FIRST]]);
  pair.arrive(pair.b, first!);
  pair.arrive(pair.b, cut(a, 3)[0]!);
  assert.equal(pair.sent.length, 3);
  assert.deepEqual(pair.sent[2]!.octets, pair.sent[0]!.octets);
});

Deno.test("a whole copy of what came in fragments is no repeat: it has other octets", () => {
  const { pair, a, b } = established();
  for (const one of cut(a, 3)) pair.arrive(pair.b, one);
  const answered = b.window.nextPeerId;
  pair.arrive(pair.b, whole(a));
  assert.deepEqual([pair.sent.length, b.window.nextPeerId], [1, answered]);
  assert.deepEqual(pair.dropped(), [OTHER_OCTETS]);
});

Deno.test("a repeated first fragment must be authentic to be answered", () => {
  const { pair, a } = established();
  const fragments = cut(a, 2);
  for (const one of fragments) pair.arrive(pair.b, one);
  const forged = fragments[0]!.slice();
  forged[forged.length - 1]! ^= 1;
  pair.arrive(pair.b, forged);
  assert.deepEqual([pair.sent.length, pair.dropped()], [1, [OTHER_OCTETS]]);
  const cutAnew = cut(a, 3)[0]!;
  cutAnew[cutAnew.length - 1]! ^= 1;
  pair.arrive(pair.b, cutAnew);
  assert.deepEqual([pair.sent.length, pair.dropped()], [1, ["a wrong ICV"]]);
});

Deno.test("fragments wait as long as reassembletimeout says, from the first one", () => {
  const { pair, a, b } = established({ reassembleTimeoutMs: 5_000 });
  const [first, second, third] = cut(a, 3);
  pair.arrive(pair.b, first!);
  assert.equal(b.deadlineMs, 5_000);
  pair.nowMs = 4_999;
  pair.arrive(pair.b, second!);
  pair.tell(pair.b, b, { kind: "deadline" });
  assert.equal(b.window.partialRequest?.contents.size, 2);
  pair.nowMs = 5_000;
  pair.tell(pair.b, b, { kind: "deadline" });
  assert.equal(b.window.partialRequest, undefined);
  assert.deepEqual(pair.dropped(), ["fragments whose others did not come in time"]);
  assert.equal(b.deadlineMs, Infinity);
  pair.arrive(pair.b, third!);
  assert.equal(pair.sent.length, 0);
  for (const one of [first, second]) pair.arrive(pair.b, one!);
  assert.equal(pair.sent.length, 1);
});

Deno.test("fragments outside the window, of responses nobody waits for, or of two exchanges", () => {
  const { pair, a, b } = established();
  const part = new Uint8Array(20);
  const place = { number: 1, total: 2 };
  const { window: { nextRequestId } } = a;
  const cases: [Partial<MessageHeader>, string][] = [
    [{ messageId: nextRequestId + 1 }, "a fragment of a request outside the window"],
    [{ messageId: nextRequestId - 2 }, "a fragment of a request outside the window"],
    [{ response: true }, "a fragment of a response nobody waits for"],
  ];
  for (const [change, reason] of cases) {
    pair.arrive(pair.b, fragment(a, place, part, change));
    assert.deepEqual(pair.dropped(), [reason]);
  }
  assert.deepEqual([b.window.partialRequest, b.window.partialResponse], [undefined, undefined]);
  pair.arrive(pair.b, cut(a, 2)[0]!);
  const other = { exchange: ExchangeType.CREATE_CHILD_SA };
  pair.arrive(pair.b, fragment(a, { number: 2, total: 2 }, part, other));
  assert.deepEqual(pair.dropped(), ["a fragment of another exchange"]);
});

Deno.test("fragments are not taken where they were not agreed on", () => {
  const { pair, a, b } = established({ fragmentOctets: 0 });
  assert.deepEqual([a.peer.fragmentation, b.peer.fragmentation], [false, false]);
  pair.arrive(pair.b, cut(a, 2)[0]!);
  assert.deepEqual(pair.dropped(), ["a fragment, and fragmentation was not negotiated"]);
});

Deno.test("one end alone that supports fragments sends none", () => {
  for (const own of [[{}, { fragmentOctets: 0 }], [{ fragmentOctets: 0 }, {}]]) {
    const pair = new Pair(own[0], own[1]);
    pair.dial();
    pair.pump();
    assert.equal(only(pair.a).phase, "established");
    assert.ok(pair.sent.every((one) => one.fragment === undefined));
  }
});

Deno.test("authentic fragments of nonsense are answered with INVALID_SYNTAX, and end the SA", () => {
  const { pair, a, b } = established();
  const part = new Uint8Array(30).fill(0xff);
  pair.arrive(pair.b, fragment(a, { number: 1, total: 2 }, part));
  pair.arrive(pair.b, fragment(a, { number: 2, total: 2 }, part));
  assert.equal(pair.sent.length, 1);
  assert.deepEqual([b.phase, b.failure?.cause], ["closed", "INVALID_SYNTAX"]);
});

Deno.test("a repeated request is repeated whole, fragment by fragment, octet by octet", () => {
  const { pair, a } = established({ retransmitIntervalMs: 500 });
  pair.tell(pair.a, a, { kind: "rekey_ike" });
  pair.pump(() => true);
  const first = pair.sent.splice(0);
  assert.ok(first.length >= 2);
  pair.nowMs = 500;
  pair.tell(pair.a, a, { kind: "deadline" });
  assert.deepEqual(pair.sent.map((s) => s.octets), first.map((s) => s.octets));
  assert.deepEqual(pair.sent.map((s) => s.transmission), first.map(() => 2));
});

Deno.test("a lost fragment of the response: the request is repeated, and all of the answer", () => {
  const { pair, a, b } = established({ retransmitIntervalMs: 500 });
  pair.tell(pair.a, a, { kind: "rekey_ike" });
  let lost = 0;
  pair.pump((octets) => (octets[19]! & 0x20) !== 0 && octets[33] === 2 && lost++ === 0);
  assert.equal(lost, 1);
  assert.equal(a.window.partialResponse?.contents.size, a.window.partialResponse!.total - 1);
  const answer = b.window.answered!.response;
  pair.sent.length = 0;
  pair.nowMs = 500;
  pair.tell(pair.a, a, { kind: "deadline" });
  pair.pump();
  const again = pair.sent.filter(({ transmission, octets }) =>
    transmission === 0 && octets[18] === ExchangeType.CREATE_CHILD_SA
  );
  assert.deepEqual(again.map(({ octets }) => octets), answer);
  assert.equal(a.window.partialResponse, undefined);
  // The SA of the rekey fragments its messages like the old one, as the support is only announced in
  // IKE_SA_INIT (§2.3).
  assert.ok([...pair.a.bySpi.values()].every((sa) => sa.peer.fragmentation));
});

Deno.test("IKE_SA_INIT in fragments is dropped", () => {
  const pair = new Pair();
  const sa = pair.dial();
  pair.pump(() => true);
  const header = { ...headerOf(sa), exchange: ExchangeType.IKE_SA_INIT, spiR: 5n, messageId: 0 };
  const skf = [0, 0, 0, 28, 0, 1, 0, 1, ...new Array<number>(20).fill(1)];
  const w = new Writer(64);
  w.u64(header.spiI).u64(header.spiR).u8(53).u8(0x20).u8(header.exchange).u8(0x20);
  w.u32(0).u32(28 + skf.length);
  pair.arrive(pair.a, concat(w.done(), Uint8Array.from(skf)));
  assert.equal(pair.dropped().length, 1);
  assert.deepEqual([sa.phase, sa.window.partialResponse], ["init", undefined]);
});

Deno.test("an SA that ends keeps no fragments", () => {
  const { pair, a, b } = established();
  pair.arrive(pair.b, cut(a, 2)[1]!);
  pair.tell(pair.b, b, { kind: "abandon", closeCode: 65537, why: "gone" });
  assert.equal(b.window.partialRequest, undefined);
  pair.arrive(pair.b, cut(a, 2)[1]!);
  assert.deepEqual(pair.dropped(), ["a request to an SA that is gone"]);
});

Deno.test("a message in clear, which anybody can send, does not end the wait of fragments", () => {
  const pair = new Pair();
  const sa = pair.dial();
  let seen = 0;
  pair.pump((octets) => octets[18] === ExchangeType.IKE_AUTH && seen++ > 0);
  const peer = only(pair.b);
  const { spiI, spiR } = sa;
  assert.deepEqual([peer.phase, peer.window.partialRequest?.contents.size], ["created", 1]);
  const header = { ...headerOf(sa), spiI, spiR, exchange: ExchangeType.IKE_SA_INIT };
  pair.arrive(pair.b, encodeMessage({ ...header, messageId: 1 }, []));
  assert.equal(peer.window.partialRequest?.contents.size, 1);
});

Deno.test("of responses, only fragments of the one that is awaited are kept", () => {
  const { pair, a, b } = established();
  pair.tell(pair.a, a, { kind: "liveness_check" });
  pair.pump(() => true);
  const { messageId, exchange } = a.window.request!;
  const part = new Uint8Array(20);
  const arrive = (change: Partial<MessageHeader>) => {
    const place = { number: 1, total: 2 };
    pair.arrive(
      pair.a,
      fragment(b, place, part, { response: true, messageId, exchange, ...change }),
    );
  };
  arrive({ messageId: messageId + 1 });
  arrive({ messageId: messageId - 1 });
  arrive({ exchange: ExchangeType.CREATE_CHILD_SA });
  const nobody = "a fragment of a response nobody waits for";
  assert.deepEqual(pair.dropped(), [nobody, nobody, "a fragment of another exchange"]);
  assert.ok(!a.window.partialResponse);
  arrive({});
  const kept = (sa: IkeSa) => sa.window.partialResponse?.messageId;
  assert.deepEqual([pair.dropped(), kept(a)], [[], messageId]);
});

Deno.test("fragments of a request that is being computed are dropped", () => {
  const { pair, a, b } = established();
  const caught: Uint8Array[] = [];
  pair.tell(pair.a, a, { kind: "rekey_ike" });
  pair.pump((octets) => caught.push(octets) > 0);
  for (const octets of caught) pair.arrive(pair.b, octets);
  assert.ok(b.answering);
  pair.arrive(pair.b, caught[0]!);
  assert.deepEqual(pair.dropped(), ["a request while the one before is computed"]);
  assert.equal(b.window.partialRequest, undefined);
});

Deno.test("a repeat of the request before leaves the fragments of the next one alone", () => {
  const { pair, a, b } = established();
  pair.arrive(pair.b, whole(a));
  const messageId = a.window.nextRequestId + 1;
  pair.arrive(pair.b, fragment(a, { number: 1, total: 2 }, new Uint8Array(20), { messageId }));
  pair.arrive(pair.b, whole(a));
  assert.deepEqual([pair.sent.length, b.window.partialRequest?.messageId], [2, messageId]);
});
