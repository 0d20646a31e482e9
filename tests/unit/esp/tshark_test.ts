/**
 * tshark decrypts the ESP packets that we encrypt: an independent reader of keys, IVs, trailers and ICVs.
 * @module
 */
import assert from "node:assert/strict";
import { toHex } from "@/base/bytes.ts";
import { OutboundSa } from "@/esp/outbound.ts";
import { writeHeaderChecksum } from "@/esp/ip_packet.ts";
import { filled, MAKERS, sealed, type Suite, SUITES } from "./_ciphers.ts";
import { dissect, HAS_TSHARK } from "./_tshark.ts";

/** Wireshark's names of algorithms, by our own; 4.0 knows no ChaCha20-Poly1305 in ESP. */
const CIPHERS: Readonly<Record<string, string>> = {
  ENCR_3DES: "TripleDES-CBC [RFC2451]",
  ENCR_NULL: "NULL",
  ENCR_AES_CBC: "AES-CBC [RFC3602]",
  ENCR_AES_CTR: "AES-CTR [RFC3686]",
  ENCR_AES_GCM_8: "AES-GCM with 8 octet ICV [RFC4106]",
  ENCR_AES_GCM_12: "AES-GCM with 12 octet ICV [RFC4106]",
  ENCR_AES_GCM_16: "AES-GCM with 16 octet ICV [RFC4106]",
};
const INTEGRITIES: Readonly<Record<string, string>> = {
  AUTH_HMAC_MD5_96: "HMAC-MD5-96 [RFC2403]",
  AUTH_HMAC_SHA1_96: "HMAC-SHA-1-96 [RFC2404]",
  AUTH_HMAC_SHA2_256_128: "HMAC-SHA-256-128 [RFC4868]",
  AUTH_HMAC_SHA2_384_192: "HMAC-SHA-384-192 [RFC4868]",
  AUTH_HMAC_SHA2_512_256: "HMAC-SHA-512-256 [RFC4868]",
};

const SOURCE = Uint8Array.of(192, 0, 2, 1);
const DESTINATION = Uint8Array.of(192, 0, 2, 2);

/** An IPv4 packet with this content. */
function ip4(protocol: number, content: Uint8Array): Uint8Array {
  const packet = new Uint8Array(20 + content.length);
  packet.set([0x45, 0, packet.length >> 8, packet.length & 255, 0, 0, 0x40, 0, 64, protocol]);
  packet.set(SOURCE, 12);
  packet.set(DESTINATION, 16);
  packet.set(content, 20);
  writeHeaderChecksum(packet, 0);
  return packet;
}

/** A UDP datagram without a checksum, with so many octets to port 9. */
function udp(octets: number): Uint8Array {
  const datagram = new Uint8Array(8 + octets);
  datagram.set([0x30, 0x39, 0, 9, 0, 8 + octets]);
  datagram.set(filled(octets, 1), 8);
  return datagram;
}

function saLine({ cipher, keys }: Suite, spi: number): string {
  const name = CIPHERS[cipher.name]!;
  const mac = keys.integrity && INTEGRITIES[keys.integrity.name]!;
  const quoted = [
    "IPv4",
    "192.0.2.1",
    "192.0.2.2",
    `0x${spi.toString(16).padStart(8, "0")}`,
    name,
    keys.encryption.length > 0 ? `0x${toHex(keys.encryption)}` : "",
    mac ?? "NULL",
    mac ? `0x${toHex(keys.authentication)}` : "",
  ];
  return quoted.map((field) => `"${field}"`).join(",");
}

const KNOWN = SUITES.filter(({ cipher, keys }) =>
  CIPHERS[cipher.name] && (!keys.integrity || INTEGRITIES[keys.integrity.name])
);

for (const maker of MAKERS) {
  Deno.test({
    name: `${maker.name}: tshark opens what we seal, in all suites that it knows`,
    ignore: !HAS_TSHARK,
    fn: async () => {
      const packets: Uint8Array[] = [];
      const lines: string[] = [];
      const wanted: string[][] = [];
      for (const [i, suite] of KNOWN.entries()) {
        const { keys } = suite;
        const spi = 0x1000_0000 + i;
        const cipher = maker.make(keys, true);
        const random = (octets: number) => filled(octets, 31 * i);
        const sa = new OutboundSa({ spi, cipher, esn: false, random });
        lines.push(saLine(suite, spi));
        // All alignments, and a long packet.
        for (const octets of [10, 11, 12, 13, 27, 200]) {
          const inner = ip4(17, udp(octets));
          packets.push(ip4(50, sealed(sa, inner)));
          const number = `${1 + wanted.length % 6}`;
          wanted.push([`0x${spi.toString(16)}`, number, "50,17", "9", toHex(filled(octets, 1))]);
        }
        sa.close();
      }
      assert.ok(KNOWN.length >= 40, `${KNOWN.length}`);
      const fields = ["esp.spi", "esp.sequence", "ip.proto", "udp.dstport", "data.data"];
      const seen = await dissect(packets, [...fields, "esp.icv_good", "esp.icv_bad"], lines);
      assert.deepEqual(seen.map((line) => line.slice(0, 5)), wanted);
      for (const [i, line] of seen.entries()) {
        const { name, cipher } = KNOWN[Math.floor(i / 6)]!;
        // tshark does not report the ICV of combined modes.
        if (cipher.icvOctets === 0) assert.deepEqual(line.slice(5), ["1", "0"], name);
      }
    },
  });
}
