import assert from "node:assert/strict";
import { PayloadType } from "@/iana/payload_type.ts";
import { decodeMessage, encodeMessage, type MessageHeader, type Payload } from "@/wire/message.ts";
import { showBrief, showMessage } from "@/wire/show.ts";
import { hex } from "./_codec.ts";

const HEADER: MessageHeader = {
  spiI: 0x1122334455667788n,
  spiR: 0n,
  exchange: 35,
  messageId: 1,
  initiator: true,
  response: false,
};
const secret = hex("5ec2e75ec2e75ec2e75ec2e75ec2e75ec2e7");
const selector = {
  tsType: 7,
  protocol: 0,
  startPort: 0,
  endPort: 65535,
  startAddress: hex("0a000000"),
  endAddress: hex("0a0000ff"),
};
const one = { ...selector, endAddress: selector.startAddress, protocol: 17 };

const PAYLOADS: readonly Payload[] = [
  { type: PayloadType.IDI, idType: 2, data: hex("612262 1b") },
  { type: PayloadType.IDR, idType: 1, data: hex("0a000001") },
  { type: PayloadType.CERT, encoding: 4, data: hex("3082") },
  { type: PayloadType.CERTREQ, encoding: 4, data: hex("") },
  { type: PayloadType.AUTH, method: 2, data: secret },
  {
    type: PayloadType.SA,
    proposals: [{
      number: 1,
      protocol: 3,
      spi: hex("c0ffee01"),
      transforms: [
        { type: 1, id: 12, keyBits: 256 },
        { type: 3, id: 12, attributes: [{ attribute: 99, value: 7 }] },
        { type: 4, id: 14 },
        { type: 6, id: 36 },
        { type: 5, id: 0 },
        { type: 77, id: 3 },
      ],
    }, { number: 2, protocol: 2, spi: hex(""), transforms: [] }],
  },
  {
    type: PayloadType.TSI,
    selectors: [selector, { ...one, startPort: 53, endPort: 53 }, {
      ...one,
      startPort: 65535,
      endPort: 0,
    }],
  },
  { type: PayloadType.TSR, selectors: [{ ...selector, tsType: 10, raw: hex("00aa") }] },
  { type: PayloadType.NOTIFY, protocol: 0, spi: hex(""), notify: 16384, data: hex("") },
  { type: PayloadType.NOTIFY, protocol: 3, spi: hex("c0ffee02"), notify: 16393, data: hex("") },
  { type: PayloadType.NOTIFY, protocol: 0, spi: hex(""), notify: 17, data: hex("0013") },
  { type: PayloadType.NOTIFY, protocol: 0, spi: hex(""), notify: 16431, data: hex("00020005") },
  { type: PayloadType.NOTIFY, protocol: 0, spi: hex(""), notify: 16437, data: secret },
  { type: PayloadType.NOTIFY, protocol: 0, spi: hex(""), notify: 16403, data: hex("00000e10") },
  { type: PayloadType.NOTIFY, protocol: 0, spi: hex(""), notify: 40000, data: hex("0102") },
  { type: PayloadType.DELETE, protocol: 3, spis: [0xc0ffee01, 2] },
  { type: PayloadType.DELETE, protocol: 1, spis: [] },
  {
    type: PayloadType.CP,
    cpType: 1,
    attributes: [
      { attribute: 1, value: hex("0a000001") },
      { attribute: 3, value: hex("") },
      { attribute: 8, value: hex("20010db8000000000000000000000001 40") },
      { attribute: 13, value: hex("0a000000ffffff00") },
      { attribute: 14, value: hex("00010003") },
      { attribute: 7, value: hex("6869") },
    ],
  },
  { type: PayloadType.EAP, data: hex("02 07 0016 04") },
  { type: PayloadType.KE, group: 31, data: secret },
  { type: PayloadType.NONCE, data: secret },
  { type: PayloadType.VENDOR, data: hex("aabb") },
  { type: 200, raw: hex("01"), critical: true },
  { type: PayloadType.SKF, firstType: 0, fragment: 2, total: 3, body: secret, offset: 36 },
];

Deno.test("showBrief() is the RFC's notation on one line", () => {
  assert.equal(
    showBrief(HEADER, PAYLOADS),
    "IKE_AUTH req 1 {IDi, IDr, CERT, CERTREQ, AUTH, SAi, TSi, TSr, N(INITIAL_CONTACT), N(REKEY_SA), " +
      "N(INVALID_KE_PAYLOAD), N(SIGNATURE_HASH_ALGORITHMS), N(NO_PPK_AUTH), N(AUTH_LIFETIME), " +
      "N(unknown(40000)), D(ESP 2), D(IKE), CP(CFG_REQUEST), EAP(RESPONSE MD5-Challenge), KEi, Ni, " +
      "V, unknown(200), SKF(2/3)}",
  );
  const response = { ...HEADER, exchange: 37, response: true, messageId: 7 };
  assert.equal(showBrief(response, []), "INFORMATIONAL resp 7 {}");
  assert.equal(
    showBrief(response, [{ type: PayloadType.NONCE, data: secret }]),
    "INFORMATIONAL resp 7 {Nr}",
  );
});

Deno.test("showMessage() shows every field that is no secret", () => {
  const text = showMessage(HEADER, PAYLOADS);
  assert.equal(
    text,
    `IKE_AUTH request 1 (SPIi 1122334455667788, SPIr 0000000000000000, version 2.0, flags I)
  IDi ID_FQDN "a\\x22b\\x1b"
  IDr ID_IPV4_ADDR 10.0.0.1
  CERT X.509 Certificate - Signature, 2 octets
  CERTREQ X.509 Certificate - Signature (empty)
  AUTH Shared Key Message Integrity Code, 18 octets
  SA
    proposal 1 ESP SPI C0FFEE01: ENCR_AES_CBC-256, AUTH_HMAC_SHA2_256_128 [unknown(99) 7], \
2048-bit MODP Group, ADDKE1 ml-kem-768, NO_ESN, unknown(77) 3
    proposal 2 AH: no transforms
  TSi
    10.0.0.0-10.0.0.255
    10.0.0.0 UDP ports 53-53
    10.0.0.0 UDP ports opaque
  TSr
    TS_SECLABEL 00aa
  N INITIAL_CONTACT
  N REKEY_SA ESP SPI C0FFEE02
  N INVALID_KE_PAYLOAD 256-bit random ECP group
  N SIGNATURE_HASH_ALGORITHMS SHA2-256, Identity
  N NO_PPK_AUTH 18 octets
  N AUTH_LIFETIME 3600 s
  N unknown(40000) 0102
  D ESP C0FFEE01 00000002
  D IKE
  CP CFG_REQUEST
    INTERNAL_IP4_ADDRESS 10.0.0.1
    INTERNAL_IP4_DNS
    INTERNAL_IP6_ADDRESS 2001:db8::1/64
    INTERNAL_IP4_SUBNET 10.0.0.0/255.255.255.0
    SUPPORTED_ATTRIBUTES INTERNAL_IP4_ADDRESS, INTERNAL_IP4_DNS
    APPLICATION_VERSION "hi"
  EAP(RESPONSE MD5-Challenge), 5 octets
  KE Curve25519, 18 octets
  Nonce 18 octets
  V aabb
  unknown(200) 01 (critical)
  SKF 2/3, 18 octets`,
  );
  assert.ok(!text.includes("5ec2e7"));
});

Deno.test("showMessage() shows what a received header says", () => {
  const octets = encodeMessage({ ...HEADER, response: true, higherVersion: true }, []);
  const { header, payloads } = decodeMessage(octets);
  assert.match(showMessage(header, payloads), /version 2\.0, flags IRV, 28 octets\)$/);
});

Deno.test("records made by hand show too, however wrong their octets", () => {
  for (let octets = 0; octets < 40; octets++) {
    const data = new Uint8Array(octets).fill(0xff);
    for (let notify = 0; notify < 50; notify++) {
      const record = { type: PayloadType.NOTIFY, protocol: 9, spi: data, data } as const;
      showMessage(HEADER, [{ ...record, notify }, { ...record, notify: 16384 + notify }]);
    }
    for (let attribute = 0; attribute < 30; attribute++) {
      const attributes = [{ attribute, value: data }];
      showMessage(HEADER, [{ type: PayloadType.CP, cpType: 9, attributes }]);
    }
    for (let idType = 0; idType < 14; idType++) {
      showMessage(HEADER, [{ type: PayloadType.IDI, idType, data }]);
    }
    const selectors = [{ ...selector, startAddress: data, endAddress: data }];
    const text = showMessage(HEADER, [
      { type: PayloadType.TSI, selectors },
      { type: PayloadType.EAP, data },
      { type: PayloadType.VENDOR, data },
    ]);
    assert.ok(text.length < 1000);
  }
});
