import assert from "node:assert/strict";
import { WireError } from "@/base/errors.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { decodeMessage, findPayload, type MessageHeader, type Payload } from "@/wire/message.ts";
import {
  joinFragments,
  openFragment,
  openMessage,
  type Protection,
  sealContent,
  sealedOctets,
  sealFragments,
  sealMessage,
} from "@/wire/protected.ts";
import { hex } from "./_codec.ts";

const backend = portableBackend();
const HEADER: MessageHeader = {
  spiI: 1n,
  spiR: 2n,
  exchange: 35,
  messageId: 1,
  initiator: true,
  response: false,
};
const PAYLOADS: Payload[] = [
  { type: PayloadType.IDI, idType: 2, data: hex("62696f") },
  { type: PayloadType.NOTIFY, protocol: 0, spi: hex(""), notify: 16384, data: hex("") },
  { type: 201, raw: hex("deadbeef"), critical: true },
];

function counting(octets: number, from = 1): Uint8Array {
  return Uint8Array.from({ length: octets }, (_, i) => from + i);
}

function protection(encryption: number, keyBits: number, integrity = 0): Protection {
  const cipher = backend.cipher(encryption, keyBits)!;
  const mac = integrity ? backend.integrity(integrity)! : undefined;
  return {
    cipher,
    encryptionKey: counting(cipher.keyOctets),
    integrity: mac,
    integrityKey: counting(mac?.keyOctets ?? 0, 100),
  };
}

const AEAD = protection(20, 128);
const CBC = protection(12, 256, 12);
const ALL: Readonly<Record<string, Protection>> = {
  "AES-GCM-16": AEAD,
  "AES-CCM-8": protection(14, 256),
  "ChaCha20-Poly1305": protection(28, 0),
  "AES-CBC with HMAC-SHA-256": CBC,
  "3DES with HMAC-SHA1": protection(3, 0, 2),
  "AES-CTR with HMAC-SHA-512": protection(13, 128, 14),
  "NULL with AES-CMAC": protection(11, 0, 8),
};

function openSk(octets: Uint8Array, protection: Protection) {
  const sk = findPayload(decodeMessage(octets).payloads, PayloadType.SK)!;
  return openMessage(octets, sk, protection);
}

for (const [name, protection] of Object.entries(ALL)) {
  const iv = counting(protection.cipher.ivOctets);

  Deno.test(`${name}: what is sealed opens, and is as long as foretold`, () => {
    const octets = sealMessage(HEADER, PAYLOADS, { protection, iv });
    const opened = openSk(octets, protection)!;
    assert.deepEqual(opened.payloads, PAYLOADS);
    assert.deepEqual(opened.iv, iv);
    const { blockOctets } = protection.cipher;
    assert.ok(opened.padding.length < blockOctets);
    assert.equal((opened.content.length + opened.padding.length + 1) % blockOctets, 0);
    assert.equal(sealedOctets(protection, opened.content.length), octets.length);
  });

  Deno.test(`${name}: an empty message opens as one`, () => {
    const octets = sealMessage(HEADER, [], { protection, iv });
    assert.deepEqual(openSk(octets, protection)!.payloads, []);
    assert.equal(decodeMessage(octets).header.nextPayload, PayloadType.SK);
  });

  Deno.test(`${name}: whatever octet changes, or is cut, the message is dropped`, () => {
    const octets = sealMessage(HEADER, PAYLOADS, { protection, iv });
    const sk = findPayload(decodeMessage(octets).payloads, PayloadType.SK)!;
    for (let at = 0; at < octets.length; at++) {
      const changed = octets.slice();
      changed[at]! ^= 0x80;
      const body = changed.subarray(sk.offset);
      assert.equal(openMessage(changed, { ...sk, body }, protection), undefined, `octet ${at}`);
      if (at < sk.offset) continue;
      const cut = octets.subarray(0, at);
      assert.equal(
        openMessage(cut, { ...sk, body: cut.subarray(sk.offset) }, protection),
        undefined,
      );
    }
  });

  Deno.test(`${name}: fragments open one by one and join`, () => {
    const sealing = { protection, iv: (n: number) => iv.map((o) => o ^ n), clearMax: 10 };
    const datagrams = sealFragments(HEADER, PAYLOADS, sealing);
    assert.equal(datagrams.length, 3); // 7 + 4, 8 and 8 octets
    const parts = datagrams.map((octets, i) => {
      const { header, payloads } = decodeMessage(octets);
      const skf = findPayload(payloads, PayloadType.SKF)!;
      assert.equal(header.nextPayload, PayloadType.SKF);
      assert.deepEqual([skf.fragment, skf.total], [i + 1, 3]);
      assert.equal(skf.firstType, i === 0 ? PayloadType.IDI : PayloadType.NONE);
      const opened = openFragment(octets, skf, protection)!;
      assert.equal(sealedOctets(protection, opened.content.length, true), octets.length);
      return opened.content;
    });
    assert.deepEqual(parts.map((p) => p.length), [10, 10, 7]);
    assert.deepEqual(joinFragments(PayloadType.IDI, parts), PAYLOADS);
    assert.throws(() => joinFragments(PayloadType.IDI, parts.toReversed()), WireError);
  });

  Deno.test(`${name}: fragment numbers are authentic`, () => {
    const sealing = { protection, iv: () => iv, clearMax: 1000 };
    const [octets] = sealFragments(HEADER, PAYLOADS, sealing);
    const changed = octets!.slice();
    changed[35] = 2; // Total Fragments
    const skf = findPayload(decodeMessage(changed).payloads, PayloadType.SKF)!;
    assert.equal(openFragment(changed, skf, protection), undefined);
  });
}

Deno.test("a message without payloads is one fragment, not none", () => {
  const sealing = { protection: AEAD, iv: () => counting(8), clearMax: 100 };
  assert.equal(sealFragments(HEADER, [], sealing).length, 1);
});

Deno.test("padding may be anything that its length octet can say", () => {
  for (const octets of [0, 1, 15, 255]) {
    const padding = counting(octets, 7);
    const iv = counting(8);
    const opened = openSk(sealMessage(HEADER, PAYLOADS, { protection: AEAD, iv, padding }), AEAD)!;
    assert.deepEqual(opened.padding, padding);
    assert.deepEqual(opened.payloads, PAYLOADS);
  }
});

/** Seals any plaintext, the Pad Length octet included. */
function withPlaintext(plaintext: Uint8Array): Uint8Array {
  const content = plaintext.subarray(0, -1);
  const padLength = plaintext.at(-1)!;
  const cipher = {
    ...AEAD.cipher,
    sealInPlace: (...[key, iv, aad, text]: Parameters<typeof AEAD.cipher.sealInPlace>) => {
      text[text.length - 1 - AEAD.cipher.icvOctets] = padLength;
      AEAD.cipher.sealInPlace(key, iv, aad, text);
    },
  };
  const iv = counting(8);
  const padding = new Uint8Array(0);
  const inside = { firstType: PayloadType.VENDOR, content };
  return sealContent(HEADER, inside, { protection: { ...AEAD, cipher }, iv, padding });
}

Deno.test("an authentic message with a wrong Pad Length or a wrong payload breaks the RFC", () => {
  assert.throws(
    () => openSk(withPlaintext(hex("00000005aa 06")), AEAD),
    /Pad Length 6 in 6 octets/,
  );
  assert.throws(() => openSk(withPlaintext(hex("00000006aa 00")), AEAD), /payload length 6/);
  assert.throws(() => openSk(withPlaintext(hex("00000005aa 05")), AEAD), WireError);
  assert.equal(openSk(withPlaintext(hex("00000005aa 00")), AEAD)!.payloads.length, 1);
});

Deno.test("a plaintext without even Pad Length breaks the RFC", () => {
  const iv = counting(8);
  const octets = sealMessage(HEADER, [], { protection: AEAD, iv });
  const empty = octets.slice(0, octets.length - 1);
  empty[27] = empty.length;
  empty[31] = empty.length - 28;
  AEAD.cipher.sealInPlace(AEAD.encryptionKey, iv, empty.subarray(0, 32), empty.subarray(40));
  assert.throws(() => openSk(empty, AEAD), /Pad Length/);
});

Deno.test("CBC: an authentic ciphertext that is no number of blocks breaks the RFC", () => {
  const octets = sealMessage(HEADER, PAYLOADS, { protection: CBC, iv: counting(16) });
  const cut = octets.slice(0, octets.length - 1);
  cut[27] = cut.length;
  cut[31] = cut.length - 28;
  const end = cut.length - 16;
  cut.set(CBC.integrity!.mac(CBC.integrityKey, cut.subarray(0, end)), end);
  assert.throws(() => openSk(cut, CBC), /Cannot decrypt/);
});

Deno.test("keys of the other direction open nothing", () => {
  for (const protection of [AEAD, CBC]) {
    const iv = counting(protection.cipher.ivOctets);
    const octets = sealMessage(HEADER, PAYLOADS, { protection, iv });
    const other = {
      ...protection,
      encryptionKey: protection.encryptionKey.map((o) => o ^ 1),
      integrityKey: protection.integrityKey.map((o) => o ^ 1),
    };
    assert.equal(openSk(octets, other), undefined);
  }
});
