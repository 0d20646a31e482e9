/**
 * Messages between two strongSwan (tests/vectors/captures): every one decodes, decrypts, verifies, and
 * encodes to the same octets.
 */
import assert from "node:assert/strict";
import { portableBackend } from "@/crypto/portable.ts";
import { nameOfExchange } from "@/iana/exchange_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { checkExchange, strayPayloads } from "@/wire/exchange_rules.ts";
import { decodePayloads, encodeMessage, findPayload, type Payload } from "@/wire/message.ts";
import {
  joinFragments,
  openMessage,
  sealContent,
  sealMessage,
  sealParts,
} from "@/wire/protected.ts";
import { showBrief } from "@/wire/show.ts";
import {
  type Capture,
  captureNames,
  openCapture,
  type OpenedCapture,
  readCapture,
} from "../../captures.ts";

/** IKE messages of each capture, fragments counted singly, as tshark counts `isakmp` frames. */
const MESSAGES: Readonly<Record<string, number>> = {
  ah: 4,
  cert_ecdsa256: 4,
  cert_ecdsa521: 4,
  cert_ed25519: 4,
  cert_rsa2048: 6,
  childless: 6,
  delete_from_gw: 6,
  dpd: 8,
  dpd_timeout: 5,
  eap_md5: 10,
  eap_mschapv2: 14,
  eap_tls: 14,
  eap_ttls: 16,
  fragmentation: 12,
  ipcomp: 4,
  ipv6_in_ipv4: 4,
  ipv6_outer_inner: 4,
  ke_invalid_retry: 6,
  mlkem768: 7,
  multi_child: 6,
  natt_encap: 4,
  no_frag: 4,
  pfs_child: 8,
  pool_v4: 4,
  ppk: 4,
  psk_aes256_sha512: 4,
  psk_cbc_modp2048: 4,
  psk_chacha: 4,
  psk_gcm_ecp256: 8,
  psk_x25519: 4,
  radius_md5: 12,
  radius_mschapv2: 12,
  reauth_bbm: 10,
  rekey_child: 12,
  rekey_ike: 8,
  rfc7427_sha512: 6,
  tfc_proto_ports: 4,
  transport: 4,
};

/** Messages by the way they are protected, as tshark tells them by the header's Next Payload. */
const COUNTED = { clear: 80, sk: 158, skf: 20 };

const crypto = portableBackend();
const captures = captureNames().map((name) => readCapture(name, crypto));
const opened = new Map<string, readonly OpenedCapture[]>();

/** Opens a capture once for all tests of this file. */
function messagesOf(capture: Capture): readonly OpenedCapture[] {
  const known = opened.get(capture.name) ?? openCapture(capture);
  opened.set(capture.name, known);
  return known;
}

Deno.test("every IKE message of the 38 captures is found", () => {
  const found = Object.fromEntries(captures.map((c) => [c.name, c.messages.length]));
  assert.deepEqual(found, MESSAGES);
  assert.equal(captures.length, 38);
  assert.equal(captures.reduce((sum, c) => sum + c.messages.length, 0), 260);
});

Deno.test("every message decodes, verifies and decrypts with the keys of its SPIs", () => {
  let clear = 0;
  let sk = 0;
  let skf = 0;
  const locked: string[] = [];
  for (const capture of captures) {
    const messages = messagesOf(capture);
    assert.equal(messages.length, capture.messages.length);
    for (const opened of messages) {
      const { message, sealed } = opened;
      const last = message.payloads.at(-1);
      if (opened.locked) locked.push(capture.name);
      else if (!sealed) clear++;
      else if (last?.type === PayloadType.SK) sk++;
      else if (last?.type === PayloadType.SKF) skf++;
    }
  }
  console.log(`${clear} in clear, ${sk} SK, ${skf} SKF, ${locked.length} without keys`);
  assert.deepEqual({ clear, sk, skf }, COUNTED);
  // The only capture without keys; see the README beside the captures.
  assert.deepEqual(locked, ["psk_chacha", "psk_chacha"]);
});

Deno.test("every message comes back octet for octet without its keys", () => {
  for (const capture of captures) {
    for (const { octets, message } of messagesOf(capture)) {
      assert.deepEqual(encodeMessage(message.header, message.payloads), octets);
    }
  }
});

Deno.test("every SK message comes back octet for octet from its decrypted payloads", () => {
  let count = 0;
  for (const capture of captures) {
    for (const { octets, message, sealed } of messagesOf(capture)) {
      const sk = findPayload(message.payloads, PayloadType.SK);
      if (!sk || !sealed) continue;
      const { protection, iv, padding, content, payloads } = sealed;
      const sealing = { protection, iv, padding };
      assert.deepEqual(sealMessage(message.header, payloads!, sealing), octets);
      const inside = { firstType: sk.firstType, content };
      assert.deepEqual(sealContent(message.header, inside, sealing), octets);
      count++;
    }
  }
  assert.equal(count, COUNTED.sk);
});

/** Fragments of one message, in order. */
function fragmentSets(capture: Capture): OpenedCapture[][] {
  const sets = new Map<string, OpenedCapture[]>();
  for (const opened of messagesOf(capture)) {
    const { message: { header, payloads } } = opened;
    if (!findPayload(payloads, PayloadType.SKF)) continue;
    const key = `${header.spiI} ${header.spiR} ${header.response} ${header.messageId}`;
    sets.set(key, [...sets.get(key) ?? [], opened]);
  }
  return [...sets.values()];
}

Deno.test("every SKF fragment comes back octet for octet from the reassembled payloads", () => {
  let fragments = 0;
  let messages = 0;
  for (const capture of captures) {
    for (const set of fragmentSets(capture)) {
      const skfs = set.map(({ message }) => findPayload(message.payloads, PayloadType.SKF)!);
      assert.deepEqual(skfs.map((s) => s.fragment), set.map((_, i) => i + 1));
      assert.ok(skfs.every((s) => s.total === set.length));
      const contents = set.map(({ sealed }) => sealed!.content);
      const payloads = joinFragments(skfs[0]!.firstType, contents);
      assert.ok(payloads.length > 0);
      checkExchange(set[0]!.message.header.exchange, set[0]!.message.header.response, payloads);
      const again = sealParts(
        set[0]!.message.header,
        { firstType: skfs[0]!.firstType, parts: contents },
        {
          protection: set[0]!.sealed!.protection,
          iv: (n) => set[n - 1]!.sealed!.iv,
          padding: (n) => set[n - 1]!.sealed!.padding,
        },
      );
      assert.deepEqual(again, set.map(({ octets }) => octets));
      fragments += set.length;
      messages++;
    }
  }
  assert.equal(fragments, COUNTED.skf);
  console.log(`${fragments} fragments of ${messages} messages`);
});

Deno.test("every whole message keeps the rules of its exchange, with no stray payload", () => {
  const seen: Record<string, number> = {};
  for (const capture of captures) {
    for (const { message: { header, payloads }, sealed, locked } of messagesOf(capture)) {
      if (locked) continue; // counted by the second test
      const whole: readonly Payload[] | undefined = sealed ? sealed.payloads : payloads;
      if (!whole) continue; // a fragment; the test above looks at them
      const name = `${capture.name}: ${showBrief(header, whole)}`;
      assert.doesNotThrow(() => checkExchange(header.exchange, header.response, whole), name);
      assert.deepEqual(strayPayloads(header.exchange, header.response, whole), [], name);
      assert.ok(whole.every((p) => !("raw" in p)), name);
      const kind = `${nameOfExchange(header.exchange)} ${header.response ? "resp" : "req"}`;
      seen[kind] = (seen[kind] ?? 0) + 1;
    }
  }
  assert.deepEqual(seen, {
    "IKE_SA_INIT req": 40,
    "IKE_SA_INIT resp": 40,
    "IKE_INTERMEDIATE resp": 1, // its request is in fragments
    "IKE_AUTH req": 61,
    "IKE_AUTH resp": 61,
    "CREATE_CHILD_SA req": 5,
    "CREATE_CHILD_SA resp": 5,
    "INFORMATIONAL req": 13,
    "INFORMATIONAL resp": 12, // dpd_timeout: one is never answered
  });
});

Deno.test("of several key exchanges, each stage has its own keys", () => {
  const capture = captures.find((c) => c.name === "mlkem768")!;
  const used = messagesOf(capture).map(({ message, sealed }) => {
    const stage = capture.keys.findIndex((line) =>
      line.initiator === sealed?.protection || line.responder === sealed?.protection
    );
    return `${nameOfExchange(message.header.exchange)} ${stage}`;
  });
  assert.deepEqual(used, [
    "IKE_SA_INIT -1",
    "IKE_SA_INIT -1",
    "IKE_INTERMEDIATE 0",
    "IKE_INTERMEDIATE 0",
    "IKE_INTERMEDIATE 0",
    "IKE_AUTH 1",
    "IKE_AUTH 1",
  ]);
});

Deno.test("a changed octet anywhere in a protected message is noticed", () => {
  for (const name of ["psk_gcm_ecp256", "psk_cbc_modp2048"]) {
    const { octets, message, sealed } = messagesOf(captures.find((c) => c.name === name)!)
      .find((m) => m.sealed)!;
    const sk = findPayload(message.payloads, PayloadType.SK)!;
    for (let at = 0; at < octets.length; at++) {
      const changed = octets.slice();
      changed[at] = changed[at]! ^ 0x01;
      const body = changed.subarray(sk.offset);
      assert.equal(openMessage(changed, { ...sk, body }, sealed!.protection), undefined, `${at}`);
    }
    assert.ok(openMessage(octets, sk, sealed!.protection));
  }
});

Deno.test("decrypted payloads decode at any offset of a buffer", () => {
  const { sealed, message } = messagesOf(captures[0]!).find((m) => m.sealed)!;
  const sk = findPayload(message.payloads, PayloadType.SK)!;
  const shifted = new Uint8Array(sealed!.content.length + 13);
  shifted.set(sealed!.content, 13);
  assert.deepEqual(decodePayloads(sk.firstType, shifted.subarray(13)), sealed!.payloads);
});
