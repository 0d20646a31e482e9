// Announcements of SUPPORTED_AUTH_METHODS in their three formats. RFC 9593 §3.2.
import assert from "node:assert/strict";
import { toHex } from "@/base/bytes.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import {
  ANNOUNCEMENTS_MAX,
  decodeAnnouncements,
  linkedAnnouncement,
  plainAnnouncement,
} from "@/wire/auth_announcements.ts";
import { notifyCodec } from "@/wire/payloads/notify.ts";
import { hex, refused } from "./_codec.ts";

const ED25519 = hex("300506032b6570");

Deno.test("announcements of two, of three and of more octets follow each other", () => {
  const data = hex("0202 030102 0a0e00300506032b6570 020d");
  assert.deepEqual(decodeAnnouncements(data), [
    { method: 2, link: 0 },
    { method: 1, link: 2 },
    { method: 14, link: 0, algorithm: ED25519 },
    { method: 13, link: 0 },
  ]);
});

Deno.test("announcements are written as they are read", () => {
  assert.equal(toHex(plainAnnouncement(2)), "0202");
  assert.equal(toHex(linkedAnnouncement({ method: 9, link: 0 })), "030900");
  const whole = linkedAnnouncement({ method: 14, link: 3, algorithm: ED25519 });
  assert.equal(toHex(whole), "0a0e03300506032b6570");
});

Deno.test("lengths below two, and beyond the end, are refused with the notify", () => {
  const head = `0000${NotifyType.SUPPORTED_AUTH_METHODS.toString(16)}`;
  for (const data of ["00", "0102", "0202 01 02", "0302", "0202 ff0e00"]) {
    refused(notifyCodec, head + data, /announcement of \d octets|octets, \d left/);
  }
});

Deno.test("no more announcements are kept than a few, though all are read", () => {
  const many = new Uint8Array(2 * (ANNOUNCEMENTS_MAX + 10)).fill(2);
  assert.equal(decodeAnnouncements(many).length, ANNOUNCEMENTS_MAX);
  assert.throws(() => decodeAnnouncements(Uint8Array.of(...many, 0)), /announcement of 0 octets/);
});
