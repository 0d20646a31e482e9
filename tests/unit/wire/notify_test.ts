import assert from "node:assert/strict";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { notifyCodec } from "@/wire/payloads/notify.ts";
import { decode, encode, hex, refused, refusesTruncations, same } from "./_codec.ts";

const NOTIFY = PayloadType.NOTIFY;
const none = hex("");

Deno.test("notifies with and without SPI and data come and go", () => {
  const contact = { protocol: 0, spi: none, notify: NotifyType.INITIAL_CONTACT, data: none };
  same(notifyCodec, "00 00 4000", { type: NOTIFY, ...contact });
  const rekey = { protocol: 3, spi: hex("c0ffee01"), notify: NotifyType.REKEY_SA, data: none };
  same(notifyCodec, "03 04 4009 c0ffee01", { type: NOTIFY, ...rekey });
  const both = { protocol: 2, spi: hex("01020304"), notify: 40960, data: hex("aabb") };
  same(notifyCodec, "02 04 a000 01020304 aabb", { type: NOTIFY, ...both });
  const other = { protocol: 1, spi: hex("0102030405060708"), notify: 11, data: none };
  same(notifyCodec, "01 08 000b 0102030405060708", { type: NOTIFY, ...other });
});

Deno.test("header and SPI are refused where they are cut", () => {
  refusesTruncations(notifyCodec, "03 04 4009 c0ffee01");
  refused(notifyCodec, "00 ff 4000", /read 255 octets, 0 left/);
});

Deno.test("AH and ESP have SPIs of four octets, or none", () => {
  decode(notifyCodec, "03 00 0026");
  refused(notifyCodec, "03 08 4009 0102030405060708", /SPI size 8 for protocol 3/);
  refused(notifyCodec, "02 02 4009 0102", /SPI size 2 for protocol 2/);
});

Deno.test("data is as long as the RFC of the type says", () => {
  const lengths: [notify: number, good: number[], bad: number[]][] = [
    [NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD, [1], [0, 2]],
    [NotifyType.INVALID_MESSAGE_ID, [4], [0, 3, 5]],
    [NotifyType.INVALID_KE_PAYLOAD, [2], [0, 1, 3]],
    [NotifyType.SET_WINDOW_SIZE, [4], [3, 5]],
    [NotifyType.IPCOMP_SUPPORTED, [3, 7], [2]],
    [NotifyType.NAT_DETECTION_SOURCE_IP, [20], [0, 19, 21]],
    [NotifyType.NAT_DETECTION_DESTINATION_IP, [20], [0, 19, 21]],
    [NotifyType.COOKIE, [1, 64], [0, 65]],
    [NotifyType.ADDITIONAL_IP4_ADDRESS, [4], [0, 16]],
    [NotifyType.ADDITIONAL_IP6_ADDRESS, [16], [0, 4]],
    [NotifyType.COOKIE2, [8, 64], [7, 65]],
    [NotifyType.AUTH_LIFETIME, [4], [3, 5]],
    [NotifyType.TICKET_LT_OPAQUE, [5, 300], [4]],
    [NotifyType.TICKET_OPAQUE, [1, 300], [0]],
    [NotifyType.SIGNATURE_HASH_ALGORITHMS, [2, 8], [0, 1, 7]],
    [NotifyType.USE_AGGFRAG, [0, 1], [2]],
    [NotifyType.PUZZLE, [3], [2, 4]],
    [NotifyType.INITIAL_CONTACT, [0, 3], []],
    [NotifyType.PPK_IDENTITY, [0, 5], []],
  ];
  for (const [notify, good, bad] of lengths) {
    const head = `0000${notify.toString(16).padStart(4, "0")}`;
    for (const octets of good) {
      const text = head + "5a".repeat(octets);
      assert.equal(encode(notifyCodec, decode(notifyCodec, text)), text);
    }
    for (const octets of bad) refused(notifyCodec, head + "5a".repeat(octets), /octets/);
  }
});
