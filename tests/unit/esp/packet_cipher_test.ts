import assert from "node:assert/strict";
import { CIPHERS, INTEGRITIES } from "@/crypto/algorithms.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { ESP_HEADER_OCTETS, packetMeasures, portablePacketCipher } from "@/esp/packet_cipher.ts";
import { loadShim } from "@/native/load.ts";
import { PacketKey } from "@/native/packet_keys.ts";

function filled(octets: number, from: number): Uint8Array {
  return Uint8Array.from({ length: octets }, (_, i) => from + 7 * i & 255);
}

for (const measures of CIPHERS) {
  const integrities = measures.icvOctets > 0 ? [undefined] : INTEGRITIES;
  for (const mac of integrities) {
    for (const high of [undefined, 0, 5]) {
      const name = `${measures.name} ${measures.keyBits} ${mac?.name ?? ""} high ${high}`;
      Deno.test(`libcrypto and the portable backend make the same packets: ${name}`, () => {
        const shim = loadShim().symbols;
        if (!shim) return;
        const backend = portableBackend();
        const cipher = backend.cipher(measures.id, measures.keyBits)!;
        const integrity = mac && backend.integrity(mac.id)!;
        const encryption = filled(measures.keyOctets, 3);
        const authentication = filled(mac?.keyOctets ?? 0, 11);
        const keys = { cipher, encryption, integrity, authentication };
        const portable = portablePacketCipher(keys);
        const { ivOctets, icvOctets, alignment } = packetMeasures(keys);
        const native = (seals: boolean) =>
          new PacketKey(shim, {
            encryption: measures.id,
            encryptionKey: encryption,
            integrity: mac?.id ?? 0,
            integrityKey: authentication,
            seals,
          });
        const seals = native(true);
        const opens = native(false);
        for (const blocks of [1, 2, 25]) {
          const clear = blocks * alignment;
          const before = ESP_HEADER_OCTETS + ivOctets;
          const packet = new Uint8Array(5 + before + clear + icvOctets);
          packet.set(filled(before + clear, 40 + blocks), 5);
          const one = packet.slice();
          const other = packet.slice();
          const octets = packet.length - 5;
          portable.seal(one, 5, clear, high);
          seals.seal(other, 5, clear, high);
          assert.deepEqual(one, other);
          if (icvOctets > 0) {
            for (const at of [5, 9, packet.length - 1]) {
              const forged = one.slice();
              forged[at]! ^= 1;
              assert.equal(portable.open(forged.slice(), 5, octets, high), false);
              assert.equal(opens.open(forged.slice(), 5, octets, high), false);
            }
          }
          assert.equal(portable.open(other, 5, octets, high), true);
          assert.equal(opens.open(one, 5, octets, high), true);
          for (const opened of [one, other]) {
            assert.deepEqual(
              opened.subarray(5, 5 + before + clear),
              packet.subarray(5, 5 + before + clear),
            );
          }
        }
        seals.close();
        opens.close();
      });
    }
  }
}
