import assert from "node:assert/strict";
import { concat, toHex } from "@/base/bytes.ts";
import { foldSum, IpView, sumWords } from "@/esp/ip_packet.ts";
import { rebuildPacket } from "@/esp/transport_mode.ts";
import { filled } from "./_ciphers.ts";
import { address } from "./_packets.ts";
import { dissect, HAS_TSHARK } from "./_tshark.ts";

const FOUR = { source: address("192.0.2.1"), destination: address("198.51.100.2") };
const SIX = { source: address("2001:db8::1"), destination: address("2001:db8:1::2") };

/** A packet of these parts, its octets alone. */
function rebuilt(
  ends: typeof FOUR,
  of: { readonly protocol: number; readonly payload: Uint8Array; readonly newChecksum?: boolean },
  trafficClass = 0,
): Uint8Array {
  // Earlier octets of the buffer must not remain.
  const out = new Uint8Array(3000).fill(0xee);
  const octets = rebuildPacket(out, { ...ends, trafficClass, newChecksum: true, ...of });
  assert.ok(out.subarray(octets).every((octet) => octet === 0xee));
  return out.slice(0, octets);
}

/** A UDP datagram, a TCP segment or an ICMP message with a checksum that is wrong. */
function upper(protocol: number, octets: number, checksum = 0xbad1): Uint8Array {
  const header = protocol === 6 ? 20 : 8;
  const payload = concat(new Uint8Array(header), filled(octets, 1));
  const view = new DataView(payload.buffer, payload.byteOffset);
  if (protocol === 17) {
    view.setUint32(0, 0x30390009);
    view.setUint16(4, payload.length);
    view.setUint16(6, checksum);
  } else if (protocol === 6) {
    view.setUint32(0, 0x30390009);
    view.setUint16(12, 0x5010);
    view.setUint16(16, checksum);
  } else {
    view.setUint16(0, 0x8000);
    view.setUint16(2, checksum);
  }
  return payload;
}

Deno.test("transport mode: header by header as the ends, the protocol and the class are", () => {
  for (const [ends, octets] of [[FOUR, 20], [SIX, 40]] as const) {
    for (const trafficClass of [0, 0xb8, 0xff, 0x03]) {
      const payload = filled(300, 1);
      const view = new IpView();
      const packet = rebuilt(ends, { protocol: 47, payload }, trafficClass);
      assert.equal(view.read(packet, 0, packet.length), true);
      assert.deepEqual([view.total, view.upper, view.protocol], [octets + 300, octets, 47]);
      assert.equal(
        toHex(packet.subarray(view.source, view.source + ends.source.length)),
        toHex(ends.source),
      );
      const to = packet.subarray(view.destination, view.destination + ends.source.length);
      assert.equal(toHex(to), toHex(ends.destination));
      assert.equal(toHex(packet.subarray(octets)), toHex(payload));
      if (octets === 20) {
        assert.equal(foldSum(sumWords(packet, 0, 20)), 0);
        assert.deepEqual([packet[1], packet[6]], [trafficClass, 0x40]);
      } else {
        assert.equal((packet[0]! << 8 | packet[1]!) >> 4 & 0xff, trafficClass);
        assert.equal(toHex(packet.subarray(1, 4)).slice(1), "00000");
      }
    }
  }
});

Deno.test("transport mode: checksums stay as they are unless a NAT may have been there", () => {
  for (const ends of [FOUR, SIX]) {
    for (const protocol of [1, 6, 17, 58]) {
      const payload = upper(protocol, 11);
      const packet = rebuilt(ends, { protocol, payload, newChecksum: false });
      assert.equal(toHex(packet.subarray(ends === FOUR ? 20 : 40)), toHex(payload));
    }
  }
});

Deno.test("transport mode: UDP over IPv4 without a checksum keeps none, over IPv6 it gets one", () => {
  const payload = upper(17, 11, 0);
  assert.equal(toHex(rebuilt(FOUR, { protocol: 17, payload }).subarray(20)), toHex(payload));
  assert.notEqual(toHex(rebuilt(SIX, { protocol: 17, payload }).subarray(40)), toHex(payload));
});

Deno.test("transport mode: a sum of 0 is sent as 65535 by UDP, and as it is by TCP", () => {
  for (const [protocol, wanted] of [[17, 0xffff], [6, 0]] as const) {
    // The last word makes the sum what it must be to come out as 0.
    const payload = upper(protocol, 2, 0x1234);
    const view = new DataView(payload.buffer, payload.byteOffset);
    const at = protocol === 17 ? 6 : 16;
    const last = payload.length - 2;
    view.setUint16(last, 0);
    const first = rebuilt(FOUR, { protocol, payload });
    view.setUint16(last, new DataView(first.buffer, first.byteOffset).getUint16(20 + at));
    const packet = rebuilt(FOUR, { protocol, payload });
    assert.equal(new DataView(packet.buffer, packet.byteOffset).getUint16(20 + at), wanted);
  }
});

Deno.test("transport mode: what is too short for a checksum is left alone", () => {
  for (const protocol of [6, 17, 58]) {
    for (let octets = 0; octets < 8; octets++) {
      const payload = filled(octets, 1);
      const place = protocol === 58 ? 4 : protocol === 17 ? 8 : 18;
      const packet = rebuilt(SIX, { protocol, payload });
      if (octets < place) assert.equal(toHex(packet.subarray(40)), toHex(payload));
      else assert.equal(packet.length, 40 + octets);
    }
  }
});

Deno.test({
  name: "tshark finds all checksums right that were made anew, of even and odd lengths",
  ignore: !HAS_TSHARK,
  fn: async () => {
    const packets: Uint8Array[] = [];
    for (const ends of [FOUR, SIX]) {
      for (const protocol of [6, 17, ...ends === SIX ? [58] : []]) {
        for (const octets of [0, 1, 2, 11, 700, 1201]) {
          packets.push(rebuilt(ends, { protocol, payload: upper(protocol, octets) }));
        }
      }
    }
    const names = ["tcp.checksum.status", "udp.checksum.status", "icmpv6.checksum.status"];
    const seen = await dissect(packets, [...names, "ip.checksum.status"]);
    for (const [i, line] of seen.entries()) {
      assert.equal(line.slice(0, 3).join(""), "1", `packet ${i}`);
      if (packets[i]![0] === 0x45) assert.equal(line[3], "1");
    }
    assert.equal(seen.length, 30);
  },
});
