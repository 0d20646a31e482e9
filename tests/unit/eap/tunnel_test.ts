/** The messages inside the TLS tunnels: AVPs of TTLS, and extensions of PEAP. */
import assert from "node:assert/strict";
import { fromHex, toHex } from "@/base/bytes.ts";
import { EapRefusal } from "@/eap/failure.ts";
import { encodeEap } from "@/eap/packet.ts";
import { avp, AvpCode, decodeAvps, encodeAvps, MICROSOFT } from "@/eap/tls/avp.ts";
import {
  decodeExtensions,
  encodeExtensions,
  isExtensions,
  verifyBinding,
} from "@/eap/tls/peap_tlv.ts";
import { ttlsInnerPeer } from "@/eap/tls/ttls_peer.ts";
import { EapCode, EapType } from "@/iana/eap_type.ts";
import { seededEnv } from "./_talk.ts";

const hex = (text: string) => fromHex(text.replaceAll(" ", ""))!;

function refused(work: () => unknown, fault: RegExp): void {
  assert.throws(work, (e: Error) => {
    assert.ok(e instanceof EapRefusal, e.message);
    assert.match(e.message, fault);
    return true;
  });
}

Deno.test("AVPs with and without a vendor are padded to words, and decoded as encoded", () => {
  const avps = [
    avp(AvpCode.USER_NAME, hex("626f62")),
    avp(AvpCode.MS_CHAP2_SUCCESS, hex("0102030405"), MICROSOFT),
    { code: 99, vendor: 0, mandatory: false, data: new Uint8Array(0) },
  ];
  const octets = encodeAvps(avps);
  assert.equal(
    toHex(octets),
    "0000000140" + "00000b" + "626f6200" + "0000001ac0" + "000011" + "00000137" +
      "0102030405000000" + "0000006300000008",
  );
  assert.deepEqual(decodeAvps(octets), avps);
  // The padding of the last AVP may be left out.
  assert.equal(decodeAvps(octets.subarray(0, 11)).length, 1);
});

Deno.test("AVPs whose length is too short or past the end are refused", () => {
  refused(() => decodeAvps(hex("00000001 40")), /an AVP of 5 octets/);
  refused(() => decodeAvps(hex("00000001 40 000007")), /AVP 1 says 7 octets, 8 are left/);
  refused(() => decodeAvps(hex("00000001 40 000000")), /AVP 1 says 0 octets/);
  refused(() => decodeAvps(hex("00000001 40 000009")), /AVP 1 says 9 octets, 8 are left/);
  refused(() => decodeAvps(hex("00000001 40 ffffff 00")), /AVP 1 says 16777215 octets/);
  refused(() => decodeAvps(hex("00000001 c0 00000b 000001")), /AVP 1 says 11 octets/);
  refused(() => decodeAvps(hex("00000001 00 000008".repeat(65))), /more than 64 AVPs/);
});

Deno.test("a peer refuses an unknown AVP that is mandatory, and skips one that is not", () => {
  const own = { identity: "bob", methods: [], password: "secret", inner: "pap" as const };
  const inner = ttlsInnerPeer(own, seededEnv());
  refused(() => inner.take(hex("000000ff 40 000008"), 1), /AVP 255, which must be known/);
  assert.equal(inner.take(hex("000000ff 00 000008"), 1).then, "done");
});

Deno.test("a peer inside TTLS sends its identity, whether it speaks first or is asked", () => {
  const own = { identity: "bob", methods: [], password: "secret", inner: "md5" as const };
  const request = encodeEap({
    code: EapCode.REQUEST,
    identifier: 9,
    type: EapType.IDENTITY,
    data: new Uint8Array(0),
  });
  const asked = encodeAvps([avp(AvpCode.EAP_MESSAGE, request)]);
  const first = ttlsInnerPeer(own, seededEnv()).begin(undefined as never, false);
  assert.equal(toHex(decodeAvps(first.out)[0]!.data), "0200000801" + "626f62");
  const second = ttlsInnerPeer(own, seededEnv());
  assert.deepEqual(second.begin(undefined as never, true).out, new Uint8Array(0));
  assert.equal(toHex(decodeAvps(second.take(asked, 1).out)[0]!.data), "0209000801" + "626f62");
});

Deno.test("PAP pads the password to blocks of 16 octets", () => {
  for (
    const [password, octets] of [["", 16], ["secret", 16], ["x".repeat(16), 16], [
      "x".repeat(17),
      32,
    ]] as const
  ) {
    const own = { identity: "b", methods: [], password, inner: "pap" as const };
    const { out } = ttlsInnerPeer(own, seededEnv()).begin(undefined as never, false);
    assert.equal(decodeAvps(out)[1]!.data.length, octets);
  }
});

const CMK = new Uint8Array(20).fill(3);
const NONCE = new Uint8Array(32).fill(5);

Deno.test("extensions are decoded as encoded, and a changed cryptobinding is refused", () => {
  const { REQUEST, RESPONSE } = EapCode;
  const plain = encodeExtensions(REQUEST, 7, { success: true });
  assert.equal(toHex(plain), "0107000b21" + "800300020001");
  assert.ok(isExtensions(plain, REQUEST) && !isExtensions(plain, RESPONSE));
  assert.deepEqual(decodeExtensions(plain), { success: true, binding: undefined });
  assert.equal(decodeExtensions(encodeExtensions(REQUEST, 7, { success: false })).success, false);
  const bound = encodeExtensions(REQUEST, 7, { success: true, bound: { cmk: CMK, nonce: NONCE } });
  const { binding } = decodeExtensions(bound);
  verifyBinding(binding!, CMK, "request");
  refused(() => verifyBinding(binding!, CMK, "response"), /cryptobinding is wrong/);
  refused(() => verifyBinding(binding!, new Uint8Array(20), "request"), /cryptobinding is wrong/);
  for (let at = 15; at < bound.length; at++) {
    const bent = bound.slice();
    bent[at]! ^= 1;
    const other = decodeExtensions(bent).binding!;
    refused(() => verifyBinding(other, CMK, "request"), /cryptobinding is wrong/);
  }
});

Deno.test("TLVs of wrong length, and unknown TLVs that are mandatory, are refused", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["8003 0001 01", /Result TLV of 1 octets/],
    ["000c 0004 00000000", /Cryptobinding TLV of 4 octets/],
    ["8007 0000", /TLV 7, which must be known/],
  ];
  for (const [tlv, fault] of cases) {
    refused(() => decodeExtensions(hex(`0107000021 ${tlv}`)), fault);
  }
  assert.throws(() => decodeExtensions(hex("0107000021 8003 00ff 00")), /Cannot read 255 octets/);
  assert.equal(decodeExtensions(hex("0107000021 0007 0000")).success, undefined);
});
