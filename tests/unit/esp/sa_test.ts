import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createDecipheriv, createHmac } from "node:crypto";
import { toHex } from "@/base/bytes.ts";
import { Bug } from "@/base/errors.ts";
import { SeededRandom } from "@/base/random.ts";
import { Encr } from "@/iana/encr.ts";
import { Integ } from "@/iana/integ.ts";
import { InboundSa } from "@/esp/inbound.ts";
import { IpView } from "@/esp/ip_packet.ts";
import { OutboundSa } from "@/esp/outbound.ts";
import { ESP_HEADER_OCTETS, type PacketKeys } from "@/esp/packet_cipher.ts";
import {
  endsOf,
  type EndsWish,
  filled,
  keysOf,
  type Maker,
  MAKERS,
  sealed,
  SUITES,
} from "./_ciphers.ts";

const WORD = 2 ** 32;
const LENGTH_MAX = 300;
const [PORTABLE] = MAKERS as readonly [Maker, ...Maker[]];

const GCM = keysOf({ encryption: Encr.ENCR_AES_GCM_16, keyBits: 128, integrity: 0 });
const CBC_SHA2 = keysOf({
  encryption: Encr.ENCR_AES_CBC,
  keyBits: 128,
  integrity: Integ.AUTH_HMAC_SHA2_256_128,
});
const NULL_SHA1 = keysOf({
  encryption: Encr.ENCR_NULL,
  keyBits: 0,
  integrity: Integ.AUTH_HMAC_SHA1_96,
});

/** The payload of the packet that `sa` has decrypted last. */
function payloadOf(sa: InboundSa, buffer: Uint8Array): Uint8Array {
  return buffer.slice(sa.clearAt, sa.clearAt + sa.clearOctets);
}

/** A packet with this plaintext, including its trailer, which an SA would not make. */
function handMade(
  maker: Maker,
  keys: PacketKeys,
  of: {
    readonly clear: Uint8Array;
    readonly low?: number;
    readonly high?: number;
    readonly iv?: Uint8Array;
  },
): Uint8Array {
  const cipher = maker.make(keys, true);
  const { ivOctets, icvOctets } = cipher.measures;
  const from = ESP_HEADER_OCTETS + ivOctets;
  const { clear, low = 1, high } = of;
  const packet = new Uint8Array(from + clear.length + icvOctets);
  const view = new DataView(packet.buffer, packet.byteOffset);
  view.setUint32(0, 0xc1d2e3f4);
  view.setUint32(4, low);
  packet.set(of.iv ?? filled(ivOctets, 77), 8);
  packet.set(clear, from);
  cipher.seal(packet, 0, clear.length, high);
  cipher.close();
  return packet;
}

for (const maker of MAKERS) {
  for (const esn of [false, true]) {
    for (const { name, keys } of SUITES) {
      Deno.test(`${maker.name}: 0 to ${LENGTH_MAX} octets and back, ESN ${esn}: ${name}`, () => {
        const ends = endsOf(maker, keys, { esn });
        const payload = filled(LENGTH_MAX, 5);
        const room = new Uint8Array(9 + LENGTH_MAX + 100);
        // The portable algorithms are slow: all alignments, short and long.
        const step = maker === PORTABLE ? 60 : LENGTH_MAX;
        for (let octets = 0; octets <= LENGTH_MAX; octets += octets === step ? 220 : 1) {
          // The packet is not at the start of the buffer, and other octets follow.
          room.fill(0xee);
          const clear = payload.subarray(0, octets);
          const whole = ends.out.seal(clear, 4, room, 9);
          assert.equal(whole, ends.out.sealedOctets(octets));
          assert.ok(room.subarray(0, 9).every((octet) => octet === 0xee));
          assert.ok(room.subarray(9 + whole).every((octet) => octet === 0xee));
          assert.equal(ends.in.open(room, 9, whole), undefined);
          assert.deepEqual(payloadOf(ends.in, room), clear.slice());
          assert.equal(ends.in.nextHeader, 4);
        }
        ends.close();
      });
    }

    Deno.test(`${maker.name}: no octet of a packet may change, ESN ${esn}: all suites`, () => {
      for (const { name, keys } of SUITES) {
        const ends = endsOf(maker, keys, { esn });
        const packet = sealed(ends.out, filled(37, 1));
        for (let at = 0; at < packet.length; at++) {
          const forged = packet.slice();
          forged[at]! ^= 1 << (at % 8);
          assert.notEqual(ends.in.open(forged, 0, forged.length), undefined, `${name}: ${at}`);
        }
        const copy = packet.slice();
        assert.equal(ends.in.open(packet, 0, packet.length), undefined, name);
        assert.equal(ends.in.open(copy, 0, copy.length), "replayed", name);
        ends.close();
      }
    });
  }

  Deno.test(`${maker.name}: of a packet that was cut nothing is taken: all suites`, () => {
    for (const { name, keys } of SUITES) {
      const ends = endsOf(maker, keys);
      const packet = sealed(ends.out, filled(37, 1));
      for (let octets = 0; octets < packet.length; octets++) {
        const drop = ends.in.open(packet.slice(), 0, octets);
        assert.ok(drop === "truncated" || drop === "badIcv", `${name}: ${octets}: ${drop}`);
      }
      assert.equal(ends.in.open(packet, 0, packet.length), undefined, name);
      ends.close();
    }
  });

  Deno.test(`${maker.name}: the plaintext ends in 1, 2, 3, …, their number, the next header`, () => {
    for (const { name, cipher, keys } of SUITES) {
      const ends = endsOf(maker, keys);
      const opens = maker.make(keys, false);
      const { ivOctets, icvOctets } = opens.measures;
      const from = ESP_HEADER_OCTETS + ivOctets;
      const alignment = Math.max(4, cipher.blockOctets);
      for (let octets = 0; octets < 40; octets++) {
        const packet = sealed(ends.out, filled(octets, 9), 41);
        const clear = packet.length - from - icvOctets;
        const padding = clear - octets - 2;
        assert.equal(clear % alignment, 0, name);
        assert.ok(padding >= 0 && padding < alignment, name);
        assert.equal(opens.open(packet, 0, packet.length, undefined), true);
        const trailer = [...Array.from({ length: padding }, (_, i) => i + 1), padding, 41];
        const wanted = [...filled(octets, 9), ...trailer];
        assert.deepEqual([...packet.subarray(from, from + clear)], wanted, name);
      }
      opens.close();
      ends.close();
    }
  });

  Deno.test(`${maker.name}: padding that is not 1, 2, 3, … or longer than all is refused`, () => {
    for (const keys of [GCM, CBC_SHA2, NULL_SHA1]) {
      const take = (clear: readonly number[]) => {
        const packet = handMade(maker, keys, { clear: Uint8Array.from(clear) });
        const ends = endsOf(maker, keys);
        const drop = ends.in.open(packet, 0, packet.length);
        ends.close();
        return drop ?? [...payloadOf(ends.in, packet)];
      };
      const payload = [9, 9, 9, 9, 9, 9, 9, 9];
      const padding = [1, 2, 3, 4, 5, 6];
      assert.deepEqual(take([...payload, ...padding, 6, 4]), payload);
      for (let at = 0; at < padding.length; at++) {
        const wrong = padding.with(at, padding[at]! ^ 1);
        assert.equal(take([...payload, ...wrong, 6, 4]), "badTrailer");
      }
      assert.equal(take([...payload, 0, 0, 0, 0, 0, 0, 6, 4]), "badTrailer");
      // Fewer, and they are not the end of the run; more, and they begin before the packet does.
      assert.equal(take([...payload, ...padding, 5, 4]), "badTrailer");
      assert.equal(take([...payload, ...padding, 15, 4]), "badTrailer");
      assert.equal(take([...payload, ...padding, 255, 4]), "badTrailer");
      assert.deepEqual(take([...payload, ...padding, 0, 4]), [...payload, ...padding]);
      // More than there need be, and nothing else (RFC 4303 §2.4: up to 255 octets).
      const long = Array.from({ length: 255 }, (_, i) => i + 1);
      assert.deepEqual(take([...filled(15, 1), ...long, 255, 4]), [...filled(15, 1)]);
      assert.deepEqual(take([...long.slice(0, 254), 254, 4]), []);
    }
  });

  Deno.test(`${maker.name}: the upper half of the number is sealed with the packet`, () => {
    for (const { name, keys } of SUITES) {
      const ends = endsOf(maker, keys, { esn: true });
      const clear = Uint8Array.from([...filled(30, 1), 0, 4]);
      const open = (low: number, high: number) => {
        const packet = handMade(maker, keys, { clear, low, high });
        return ends.in.open(packet, 0, packet.length);
      };
      // Above 2^31 too, where numbers of 32 bits become negative.
      assert.equal(open(0xffff_ff00, 1), "badIcv", name);
      assert.equal(open(0xffff_ff00, 0), undefined, name);
      assert.equal(open(5, 0), "badIcv", name);
      assert.equal(open(5, 2), "badIcv", name);
      assert.equal(open(5, 1), undefined, name);
      assert.equal(open(5, 1), "replayed", name);
      assert.equal(open(0xffff_fff0, 0), undefined, name);
      ends.close();
      const plain = endsOf(maker, keys, {});
      const packet = handMade(maker, keys, { clear, high: 0 });
      assert.equal(plain.in.open(packet, 0, packet.length), "badIcv", name);
      plain.close();
    }
  });

  Deno.test(`${maker.name}: extended numbers run over 2^32 and go on`, () => {
    for (const keys of [GCM, CBC_SHA2]) {
      const cipher = maker.make(keys, true);
      const random = (octets: number) => filled(octets, 1);
      const first = WORD - 3;
      const spi = 0xc1d2e3f4;
      const out = new OutboundSa({ spi, cipher, esn: true, random, first });
      const { in: incoming, close } = endsOf(maker, keys, { esn: true });
      // The receiver has reached the same number.
      const clear = Uint8Array.from([...filled(30, 1), 0, 59]);
      const before = handMade(maker, keys, { clear, low: WORD - 100, high: 0 });
      assert.equal(incoming.open(before, 0, before.length), undefined);
      for (let i = 0; i < 6; i++) {
        const packet = sealed(out, filled(20, i));
        assert.equal(
          new DataView(packet.buffer, packet.byteOffset).getUint32(4),
          (first + i) % WORD,
        );
        assert.equal(incoming.open(packet, 0, packet.length), undefined);
        assert.deepEqual(payloadOf(incoming, packet), filled(20, i));
      }
      out.close();
      close();
    }
  });
}

Deno.test("another implementation reads our packets: AES-GCM, with ESN and without", () => {
  for (const [esn, first] of [[false, 7], [true, 7], [true, 3 * WORD + 7]] as const) {
    const out = new OutboundSa({
      spi: 0x1234_5678,
      cipher: PORTABLE.make(GCM, true),
      esn,
      first,
      random: () => assert.fail("counter modes draw nothing"),
    });
    const packet = Buffer.from(sealed(out, filled(50, 1)));
    const end = packet.length - 16;
    const nonce = Buffer.concat([GCM.encryption.subarray(16), packet.subarray(8, 16)]);
    const open = createDecipheriv("aes-128-gcm", GCM.encryption.subarray(0, 16), nonce);
    const high = Buffer.alloc(4);
    high.writeUInt32BE(Math.floor(first / WORD));
    // RFC 4106 §5, figures 3 and 4.
    const parts = [packet.subarray(0, 4), ...esn ? [high] : [], packet.subarray(4, 8)];
    open.setAAD(Buffer.concat(parts));
    open.setAuthTag(packet.subarray(end));
    const clear = Buffer.concat([open.update(packet.subarray(16, end)), open.final()]);
    assert.equal(toHex(clear), toHex(filled(50, 1)) + "0004");
  }
});

Deno.test("another implementation reads our packets: AES-CBC and HMAC, with ESN and without", () => {
  for (const [esn, first] of [[false, 7], [true, 7], [true, 3 * WORD + 7]] as const) {
    const cipher = PORTABLE.make(CBC_SHA2, true);
    const random = (octets: number) => filled(octets, 99);
    const out = new OutboundSa({ spi: 0x1234_5678, cipher, esn, first, random });
    const packet = Buffer.from(sealed(out, filled(50, 1)));
    const end = packet.length - 16;
    const high = Buffer.alloc(4);
    high.writeUInt32BE(Math.floor(first / WORD));
    const mac = createHmac("sha256", CBC_SHA2.authentication).update(packet.subarray(0, end));
    // RFC 4303 §2.2.1: the upper half is authenticated after the packet, and not sent.
    const icv = (esn ? mac.update(high) : mac).digest().subarray(0, 16);
    assert.equal(toHex(packet.subarray(end)), toHex(icv));
    assert.equal(toHex(packet.subarray(8, 24)), toHex(filled(16, 99)));
    const open = createDecipheriv("aes-128-cbc", CBC_SHA2.encryption, packet.subarray(8, 24));
    open.setAutoPadding(false);
    const clear = Buffer.concat([open.update(packet.subarray(24, end)), open.final()]);
    assert.equal(toHex(clear), toHex(filled(50, 1)) + "0102030405060708090a0b0c0c04");
  }
});

Deno.test("sequence numbers begin at 1, go up by 1, and end: nothing is sent behind the last", () => {
  const end = (keys: PacketKeys, wish: { readonly esn: boolean; readonly first?: number }) => {
    const cipher = PORTABLE.make(keys, true);
    const random = (octets: number) => filled(octets, 1);
    return new OutboundSa({ spi: 5, cipher, random, ...wish });
  };
  for (const keys of [GCM, CBC_SHA2]) {
    for (const esn of [false, true]) {
      const sa = end(keys, { esn });
      assert.equal(sa.left, esn ? Number.MAX_SAFE_INTEGER : WORD - 1);
      for (let number = 1; number < 5; number++) {
        assert.equal(toHex(sealed(sa, filled(3, 1)).subarray(0, 8)), `000000050000000${number}`);
      }
    }
    const last = end(keys, { esn: false, first: WORD - 2 });
    assert.equal(last.left, 2);
    assert.equal(toHex(sealed(last, filled(3, 1)).subarray(4, 8)), "fffffffe");
    assert.equal(toHex(sealed(last, filled(3, 1)).subarray(4, 8)), "ffffffff");
    assert.equal(last.left, 0);
    const room = new Uint8Array(200);
    assert.throws(() => last.seal(filled(3, 1), 4, room, 0), Bug);
    assert.ok(room.every((octet) => octet === 0));
    const extended = end(keys, { esn: true, first: WORD - 1 });
    sealed(extended, filled(3, 1));
    assert.equal(toHex(sealed(extended, filled(3, 1)).subarray(4, 8)), "00000000");
  }
});

Deno.test("an IV never comes twice under a counter mode, and is drawn anew under CBC", () => {
  for (const { name, cipher, keys } of SUITES) {
    if (cipher.ivOctets === 0) continue;
    const random = new SeededRandom(1);
    const ivs = new Set<string>();
    const isCbc = cipher.blockOctets > 1;
    for (const first of [1, WORD - 50]) {
      let drawn = "";
      const out = new OutboundSa({
        spi: 5,
        cipher: PORTABLE.make(keys, true),
        esn: true,
        first,
        random: (octets) => {
          const octet = random.octets(octets);
          drawn = toHex(octet);
          return octet;
        },
      });
      for (let i = 0; i < 100; i++) {
        const iv = toHex(sealed(out, filled(3, 1)).subarray(8, 8 + cipher.ivOctets));
        if (isCbc) assert.equal(iv, drawn, name);
        else assert.equal(iv, (first + i).toString(16).padStart(16, "0"), name);
        ivs.add(iv);
      }
    }
    assert.equal(ivs.size, 200, name);
  }
});

Deno.test("as much fits into a packet as is said, and not an octet more", () => {
  for (const { name, keys } of SUITES) {
    const { out, close } = endsOf(PORTABLE, keys);
    for (let octets = 100; octets < 140; octets++) {
      const most = out.clearMax(octets);
      assert.ok(out.sealedOctets(most) <= octets, name);
      assert.ok(out.sealedOctets(most + 1) > octets, name);
    }
    close();
  }
});

Deno.test("padding does not begin before the plaintext, whatever stands there", () => {
  const iv = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  for (const [length, wanted] of [[14, "badTrailer"], [7, "badTrailer"], [0, undefined]] as const) {
    const clear = Uint8Array.of(9, 10, 11, 12, 13, 14, length, 4);
    const packet = handMade(PORTABLE, GCM, { clear, iv });
    assert.equal(endsOf(PORTABLE, GCM).in.open(packet, 0, packet.length), wanted);
  }
});

Deno.test("a plaintext that does not end at a word of 4 octets is refused (RFC 4303 §2.4)", () => {
  for (const keys of [GCM, NULL_SHA1]) {
    for (let octets = 8; octets <= 16; octets++) {
      const clear = filled(octets, 1);
      clear.set([0, 4], octets - 2);
      const packet = handMade(PORTABLE, keys, { clear });
      const wanted = octets % 4 === 0 ? undefined : "truncated";
      assert.equal(endsOf(PORTABLE, keys).in.open(packet, 0, packet.length), wanted);
    }
  }
});

Deno.test("a dummy packet is authentic, new and to be thrown away (RFC 4303 §2.6)", () => {
  const ends = endsOf(PORTABLE, GCM);
  const packet = sealed(ends.out, filled(80, 1), 59);
  const copy = packet.slice();
  assert.equal(ends.in.open(packet, 0, packet.length), undefined);
  assert.equal(ends.in.nextHeader, 59);
  assert.equal(ends.in.open(copy, 0, copy.length), "replayed");
});

Deno.test("what stands behind the inner packet is TFC padding (RFC 4303 §2.7)", () => {
  const inner = Uint8Array.from([0x45, 0, 0, 24, 0, 0, 0, 0, 64, 17, 0, 0, ...filled(12, 1)]);
  for (const more of [0, 1, 50, 1000]) {
    const ends = endsOf(PORTABLE, CBC_SHA2);
    const clear = new Uint8Array(24 + more);
    clear.set(inner);
    const packet = sealed(ends.out, clear);
    const view = new IpView();
    assert.equal(ends.in.open(packet, 0, packet.length), undefined);
    assert.equal(ends.in.clearOctets, 24 + more);
    assert.equal(view.read(packet, ends.in.clearAt, ends.in.clearOctets), true);
    assert.equal(view.total, 24);
    assert.equal(toHex(packet.subarray(view.at, view.at + view.total)), toHex(inner));
  }
});

Deno.test("what is forged changes nothing: neither the window nor what comes after", () => {
  const wish: EndsWish = { replayWindow: 32 };
  const ends = endsOf(PORTABLE, CBC_SHA2, wish);
  const packets = Array.from({ length: 5 }, (_, i) => sealed(ends.out, filled(20, i)));
  const forged = packets[0]!.slice();
  forged.set([0x7f, 0xff, 0xff, 0xff], 4);
  assert.equal(ends.in.open(forged, 0, forged.length), "badIcv");
  for (const packet of packets.reverse()) {
    assert.equal(ends.in.open(packet, 0, packet.length), undefined);
  }
});

Deno.test("what was authentic and no more counts as seen, whatever its trailer says", () => {
  const clear = Uint8Array.from([...filled(30, 1), 200, 4]);
  const packet = handMade(PORTABLE, GCM, { clear });
  const ends = endsOf(PORTABLE, GCM);
  assert.equal(ends.in.open(packet.slice(), 0, packet.length), "badTrailer");
  assert.equal(ends.in.open(packet, 0, packet.length), "replayed");
});
