// Packets in payloads of IP-TFS and out of them again (RFC 9347 §2.2, §6.1).
import assert from "node:assert/strict";
import { SeededRandom } from "@/base/random.ts";
import { AggfragReceiver, AggfragSender, REORDER_WINDOW } from "@/esp/aggfrag.ts";

/** An IPv4 or IPv6 packet of so many octets, with random content. */
function packet(random: SeededRandom, octets: number, version = 4): Uint8Array {
  const made = random.octets(octets);
  made[0] = version << 4 | 5;
  const [at, length] = version === 4 ? [2, octets] : [4, octets - 40];
  made[at] = length >> 8;
  made[at + 1] = length;
  return made;
}

/** A receiver that keeps what it was given. */
function receiver() {
  const packets: Uint8Array[] = [];
  const counts = { malformed: 0, incomplete: 0 };
  const end = new AggfragReceiver({
    packet: (buffer, at, octets) => void packets.push(buffer.slice(at, at + octets)),
    malformed: () => void counts.malformed++,
    incomplete: () => void counts.incomplete++,
  });
  return { end, packets, counts };
}

/** All payloads of a sender. */
function payloadsOf(sender: AggfragSender, octets: number, fills = false): Uint8Array[] {
  const payloads: Uint8Array[] = [];
  const out = new Uint8Array(octets);
  while (sender.isWaiting) payloads.push(out.slice(0, sender.take(out, fills)));
  return payloads;
}

Deno.test("two short packets are in one payload, with the octets of RFC 9347 §6.1", () => {
  const random = new SeededRandom(1);
  const [a, b] = [packet(random, 24), packet(random, 48, 6)];
  const sender = new AggfragSender(true);
  sender.add(a);
  sender.add(b);
  assert.deepEqual(payloadsOf(sender, 100), [Uint8Array.of(0, 0, 0, 0, ...a, ...b)]);
});

Deno.test("BlockOffset says where the first new block begins, also behind the end", () => {
  const random = new SeededRandom(2);
  const [long, next] = [packet(random, 50), packet(random, 20)];
  const sender = new AggfragSender(true);
  sender.add(long);
  sender.add(next);
  const payloads = payloadsOf(sender, 24, true);
  // 20 octets of 50, 20 more with 30 to come, the last 10 and half of the next packet, its rest and padding.
  assert.deepEqual(payloads.map((one) => [one[2]! << 8 | one[3]!, one.length]), [
    [0, 24],
    [30, 24],
    [10, 24],
    [10, 24],
  ]);
  assert.deepEqual(payloads[3]!.subarray(14), new Uint8Array(10), "padding");
});

Deno.test("any packets come out as they went in, in payloads of any size", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new SeededRandom(seed);
    const sizes = () => random.pick([20, 21, 40, 100, 1_400, 9_000]) + random.below(40);
    const all = Array.from({ length: 30 }, () => {
      const version = random.pick([4, 6]);
      return packet(random, sizes() + (version === 6 ? 40 : 0), version);
    });
    const sender = new AggfragSender(true);
    const { end, packets, counts } = receiver();
    let sequence = 1;
    const size = random.pick([5, 6, 9, 64, 200, 1_400]);
    for (const one of all) {
      assert.ok(sender.add(one));
      if (random.chance(0.3)) continue;
      for (const payload of payloadsOf(sender, size, random.chance(0.5))) {
        end.receive(sequence++, payload, 0);
      }
    }
    for (const payload of payloadsOf(sender, size)) end.receive(sequence++, payload, 0);
    assert.deepEqual(packets, all);
    assert.deepEqual(counts, { malformed: 0, incomplete: 0 });
  }
});

Deno.test("an end that takes no fragments gets whole packets alone", () => {
  const random = new SeededRandom(3);
  const all = Array.from({ length: 40 }, () => packet(random, 20 + random.below(177)));
  const sender = new AggfragSender(false);
  for (const one of all) sender.add(one);
  const { end, packets } = receiver();
  const payloads = payloadsOf(sender, 200);
  assert.ok(payloads.length < all.length);
  for (const [i, payload] of payloads.entries()) {
    assert.deepEqual([payload[2], payload[3]], [0, 0]);
    end.receive(i + 1, payload, 0);
  }
  assert.deepEqual(packets, all);
});

Deno.test("a lost payload costs the packets that have a part in it, and no other", () => {
  const random = new SeededRandom(4);
  const all = Array.from({ length: 50 }, () => packet(random, 30 + random.below(30)));
  const sender = new AggfragSender(true);
  for (const one of all) sender.add(one);
  const payloads = payloadsOf(sender, 64);
  const { end, packets, counts } = receiver();
  for (const [i, payload] of payloads.entries()) {
    if (i !== 7) end.receive(i + 1, payload, 0);
  }
  assert.equal(counts.malformed, 0);
  const lost = all.filter((one) => !packets.some((other) => String(other) === String(one)));
  assert.ok(lost.length >= 1 && lost.length <= 4, `${lost.length} lost`);
  assert.deepEqual(packets, all.filter((one) => !lost.includes(one)));
});

Deno.test("payloads that overtook others wait for them, up to a number and a time", () => {
  const random = new SeededRandom(5);
  const all = Array.from({ length: 8 }, () => packet(random, 30));
  const sender = new AggfragSender(true);
  for (const one of all) sender.add(one);
  const [one, two, three, four, ...more] = payloadsOf(sender, 34) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    ...Uint8Array[],
  ];
  const { end, packets } = receiver();
  end.receive(1, one, 0);
  end.receive(3, three, 0);
  end.receive(4, four, 0);
  assert.deepEqual(packets, all.slice(0, 1));
  end.receive(2, two, 0);
  assert.deepEqual(packets, all.slice(0, 4));
  assert.equal(end.isWaiting, false);
  end.receive(6, more[1]!, 10);
  end.expire(9);
  assert.equal(packets.length, 4);
  end.expire(10);
  assert.equal(packets.length, 5);
  const late = receiver();
  late.end.receive(1, one, 0);
  for (let n = 0; n <= REORDER_WINDOW; n++) late.end.receive(3 + n, [three, four, ...more][n]!, 0);
  assert.equal(late.packets.length, 2 + REORDER_WINDOW);
  late.end.receive(2, two, 0);
  assert.deepEqual(late.packets.at(-1), all[1], "a whole packet of a late payload is used");
});

Deno.test("payloads of padding alone may stand between the fragments of a packet", () => {
  const random = new SeededRandom(6);
  const whole = packet(random, 60);
  const sender = new AggfragSender(true);
  sender.add(whole);
  const [first, second] = payloadsOf(sender, 40) as [Uint8Array, Uint8Array];
  const { end, packets } = receiver();
  end.receive(1, first, 0);
  end.receive(2, new Uint8Array(40), 0);
  end.receive(3, new Uint8Array(4), 0);
  end.receive(4, second, 0);
  assert.deepEqual(packets, [whole]);
  const idle = new AggfragSender(true);
  const out = new Uint8Array(32).fill(7);
  assert.equal(idle.take(out, true), 32);
  assert.deepEqual(out, new Uint8Array(32));
});

Deno.test("a header for congestion control is passed over; other sub-types are malformed", () => {
  const inner = packet(new SeededRandom(7), 30);
  const { end, packets, counts } = receiver();
  end.receive(1, Uint8Array.of(1, 0, 0, 0, ...new Uint8Array(20).fill(0xff), ...inner), 0);
  assert.deepEqual(packets, [inner]);
  const bad = [
    [],
    [0, 0, 0],
    [1, 0, 0, 0, 0],
    [2, 0, 0, 0, ...inner],
    [0, 0, 0, 0, 0x50, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0x45, 0, 0, 19, 0, 0],
  ];
  for (const [i, octets] of bad.entries()) end.receive(2 + i, Uint8Array.from(octets), 0);
  assert.equal(counts.malformed, bad.length);
  assert.equal(packets.length, 1);
});

Deno.test("a packet whose continuation does not come is dropped, and the next ones are read", () => {
  const random = new SeededRandom(8);
  const [begun, next] = [packet(random, 60), packet(random, 20)];
  const sender = new AggfragSender(true);
  sender.add(begun);
  const [first] = payloadsOf(sender, 40) as [Uint8Array];
  const { end, packets, counts } = receiver();
  end.receive(1, first, 0);
  end.receive(2, Uint8Array.of(0, 0, 0, 0, ...next), 0);
  assert.deepEqual(packets, [next]);
  assert.equal(counts.incomplete, 1);
});

Deno.test("any octets are survived, and nothing grows without a bound", () => {
  const random = new SeededRandom(9);
  const { end, packets } = receiver();
  let sequence = 1;
  for (let i = 0; i < 20_000; i++) {
    const payload = random.octets(random.below(80));
    if (payload.length > 4 && random.chance(0.9)) {
      payload[0] = 0;
      payload[2] = 0;
      payload[3]! &= 0x3f;
      payload[4] = random.pick([0x45, 0x60]);
    }
    sequence += random.pick([1, 1, 1, 2, 5, -3]);
    end.receive(sequence, payload, i);
  }
  assert.ok(packets.every((one) => one.length >= 20));
});

Deno.test("a payload that continues a packet by no octet is malformed, and nothing is kept of it", () => {
  const random = new SeededRandom(11);
  const one = packet(random, 60);
  const { end, packets, counts } = receiver();
  let sequence = 1;
  end.receive(sequence++, Uint8Array.of(0, 0, 0, 5), 0);
  assert.equal(counts.malformed, 1, "without a packet that was begun");
  end.receive(sequence++, Uint8Array.of(0, 0, 0, 0, ...one.subarray(0, 30)), 0);
  for (let i = 0; i < 1_000; i++) end.receive(sequence++, Uint8Array.of(0, 0, 0, 5), 0);
  assert.deepEqual(counts, { malformed: 1_001, incomplete: 0 });
  end.receive(sequence++, Uint8Array.of(0, 0, 0, 30, ...one.subarray(30)), 0);
  assert.deepEqual(packets, [one]);
});

Deno.test("a packet of the largest size comes in payloads of one octet, and no longer one does", () => {
  const random = new SeededRandom(12);
  const one = packet(random, 40 + 65_535, 6);
  const { end, packets, counts } = receiver();
  let sequence = 1;
  const send = (at: number) => {
    const left = one.length - at;
    const offset = Math.min(left, 0xffff);
    end.receive(sequence++, Uint8Array.of(0, 0, offset >> 8, offset, one[at]!), 0);
  };
  end.receive(sequence++, Uint8Array.of(0, 0, 0, 0, one[0]!), 0);
  for (let at = 1; at < one.length; at++) send(at);
  assert.deepEqual(packets.map((got) => got.length), [one.length]);
  assert.deepEqual(packets[0], one);
  end.receive(sequence++, Uint8Array.of(0, 0, 0, 0, one[0]!), 0);
  for (let i = 0; i < one.length; i++) {
    end.receive(sequence++, Uint8Array.of(0, 0, 0xff, 0xff, 0), 0);
  }
  assert.deepEqual(counts, { malformed: 0, incomplete: 1 });
});

Deno.test("no more than a number of octets waits to be sent", () => {
  const sender = new AggfragSender(true);
  const one = packet(new SeededRandom(10), 60_000);
  let added = 0;
  while (sender.add(one)) added++;
  assert.ok(added >= 10 && added < 100);
});

Deno.test("a packet that does not fit any more, and may not be in fragments, keeps no others waiting", () => {
  const random = new SeededRandom(9);
  const [first, large, last] = [packet(random, 40), packet(random, 90), packet(random, 50)];
  let dropped = 0;
  const sender = new AggfragSender(false, () => void dropped++);
  for (const one of [first, large, last]) sender.add(one);
  const out = new Uint8Array(60);
  const payloads: Uint8Array[] = [];
  for (let i = 0; i < 5 && sender.isWaiting; i++) {
    payloads.push(out.slice(0, sender.take(out, false)));
  }
  assert.deepEqual(payloads, [
    Uint8Array.of(0, 0, 0, 0, ...first),
    Uint8Array.of(0, 0, 0, 0, ...last),
  ]);
  assert.equal(dropped, 1);
});
