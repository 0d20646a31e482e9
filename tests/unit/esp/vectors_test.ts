/**
 * ESP packets of other programs: published ones, and those in captures of strongSwan.
 * @module
 */
import assert from "node:assert/strict";
import { fromHex, toHex } from "@/base/bytes.ts";
import { ESP_HEADER_OCTETS, type PacketKeys } from "@/esp/packet_cipher.ts";
import { IpView } from "@/esp/ip_packet.ts";
import { Encr } from "@/iana/encr.ts";
import { Integ } from "@/iana/integ.ts";
import { captureNames } from "../../captures.ts";
import { readIpPackets } from "@/base/capture_reader.ts";
import { hex, vectorsOf } from "../crypto/_backends.ts";
import { endsOf, keysOf, MAKERS, sealed } from "./_ciphers.ts";

interface Vector {
  readonly origin: string;
  readonly encryption: number;
  readonly keyBits: number;
  readonly key: string;
  readonly high: number | null;
  readonly packet: string;
  readonly payload: string;
  readonly nextHeader: number;
}

function keysOfVector(vector: Vector): PacketKeys {
  return keysOf({ ...vector, integrity: 0 }, { encryption: hex(vector.key) });
}

for (const maker of MAKERS) {
  for (const vector of vectorsOf<Vector>("esp_packets.json")) {
    Deno.test(`${maker.name}: ${vector.origin}`, () => {
      const keys = keysOfVector(vector);
      const packet = hex(vector.packet);
      const high = vector.high ?? undefined;
      const [seals, opens] = [maker.make(keys, true), maker.make(keys, false)];
      const { ivOctets, icvOctets } = opens.measures;
      const from = ESP_HEADER_OCTETS + ivOctets;
      const clear = packet.length - from - icvOctets;
      const buffer = packet.slice();
      assert.equal(opens.open(buffer, 0, buffer.length, high), true);
      const trailer = buffer.subarray(0, from + clear).subarray(-2);
      assert.equal(trailer[1], vector.nextHeader);
      const end = from + clear - 2 - trailer[0]!;
      assert.equal(toHex(buffer.subarray(from, end)), vector.payload);
      // The ciphertext is overwritten in place; the ICV stays in its place.
      buffer.fill(0, from + clear);
      seals.seal(buffer, 0, clear, high);
      assert.equal(toHex(buffer), vector.packet);
      seals.close();
      opens.close();
    });
  }

  for (const vector of vectorsOf<Vector>("esp_packets.json").filter(({ high }) => high === null)) {
    Deno.test(`${maker.name}, an inbound SA: ${vector.origin}`, () => {
      const packet = hex(vector.packet);
      const spi = new DataView(packet.buffer, packet.byteOffset).getUint32(0);
      const ends = endsOf(maker, keysOfVector(vector), { spi });
      assert.equal(ends.in.open(packet, 0, packet.length), undefined);
      const { clearAt, clearOctets, nextHeader } = ends.in;
      assert.equal(toHex(packet.subarray(clearAt, clearAt + clearOctets)), vector.payload);
      assert.equal(nextHeader, vector.nextHeader);
      ends.close();
    });
  }

  for (const vector of vectorsOf<Vector>("esp_packets.json").filter((v) => v.encryption === 12)) {
    Deno.test(`${maker.name}, an outbound SA: ${vector.origin}`, () => {
      const packet = hex(vector.packet);
      const view = new DataView(packet.buffer, packet.byteOffset);
      const random = () => packet.slice(8, 24);
      const ends = endsOf(maker, keysOfVector(vector), { spi: view.getUint32(0), random });
      for (let i = 1; i < view.getUint32(4); i++) sealed(ends.out, new Uint8Array(0));
      const made = sealed(ends.out, hex(vector.payload), vector.nextHeader);
      assert.equal(toHex(made), vector.packet);
      ends.close();
    });
  }
}

/** An ESP packet of a capture. */
function espOf(ip: Uint8Array): Uint8Array | undefined {
  const view = new IpView();
  if (!view.read(ip, 0, ip.length)) return undefined;
  const upper = ip.subarray(view.upper, view.total);
  if (view.protocol === 50) return upper;
  const inUdp = view.protocol === 17 && [view.sourcePort, view.destinationPort].includes(4500);
  return inUdp && upper.length > 12 && upper.subarray(8, 12).some((o) => o !== 0)
    ? upper.subarray(8)
    : undefined;
}

const CAPTURES = new URL("../../vectors/captures/", import.meta.url);
const INTEGRITIES: Readonly<Record<string, number>> = {
  "HMAC-SHA-256-128 [RFC4868]": Integ.AUTH_HMAC_SHA2_256_128,
  "HMAC-SHA-512-256 [RFC4868]": Integ.AUTH_HMAC_SHA2_512_256,
};

/** A line of Wireshark's table of that name. */
function keysOfLine(line: string): { readonly spi: number; readonly keys: PacketKeys } {
  const [, , , spi, cipher, key, mac, macKey] = line.split(",").map((f) => f.replaceAll('"', ""));
  const encryption = fromHex(key!.slice(2))!;
  const isGcm = cipher!.startsWith("AES-GCM");
  const keyBits = 8 * (encryption.length - (isGcm ? 4 : 0));
  const wish = {
    encryption: isGcm ? Encr.ENCR_AES_GCM_16 : Encr.ENCR_AES_CBC,
    keyBits,
    integrity: isGcm ? 0 : INTEGRITIES[mac!]!,
  };
  const authentication = fromHex(macKey!.slice(2))!;
  return { spi: Number(spi), keys: keysOf(wish, { encryption, authentication }) };
}

function exists(url: URL): boolean {
  try {
    return Deno.statSync(url).isFile;
  } catch {
    return false;
  }
}

const withEsp = captureNames().filter((name) => exists(new URL(`${name}/esp_sa`, CAPTURES)));

Deno.test("captures: there are some with ESP, and of more than one kind", () => {
  assert.ok(withEsp.length > 30, `${withEsp.length}`);
  for (const name of ["psk_cbc_modp2048", "psk_aes256_sha512", "natt_encap", "ipv6_outer_inner"]) {
    assert.ok(withEsp.includes(name), name);
  }
});

for (const maker of MAKERS) {
  for (const name of withEsp) {
    Deno.test(`${maker.name}: strongSwan's ESP packets of capture ${name} are opened`, () => {
      const table = Deno.readTextFileSync(new URL(`${name}/esp_sa`, CAPTURES));
      const lines = table.split("\n").filter((line) => line !== "").map(keysOfLine);
      const sas = new Map(
        lines.map(({ spi, keys }) => [spi, endsOf(maker, keys, { spi })] as const),
      );
      const ips = readIpPackets(Deno.readFileSync(new URL(`${name}/cap.pcap`, CAPTURES)));
      const packets = ips.map(espOf).filter((packet) => packet !== undefined);
      assert.ok(packets.length >= 6);
      const view = new IpView();
      for (const packet of packets.map((octets) => octets.slice())) {
        const sa = sas.get(new DataView(packet.buffer, packet.byteOffset).getUint32(0))!.in;
        const copy = packet.slice();
        assert.equal(sa.open(packet, 0, packet.length), undefined);
        const { clearAt, clearOctets, nextHeader } = sa;
        assert.equal(view.read(packet, clearAt, clearOctets), true);
        assert.equal(nextHeader, view.addressOctets === 4 ? 4 : 41);
        // Only pings were sent.
        assert.ok(view.protocol === 1 || view.protocol === 58, `${view.protocol}`);
        assert.equal(sa.open(copy, 0, copy.length), "replayed");
      }
      for (const ends of sas.values()) ends.close();
    });
  }
}
