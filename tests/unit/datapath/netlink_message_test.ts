/**
 * Netlink messages against octets written down by hand from `linux/netlink.h` and `linux/xfrm.h`.
 */
import assert from "node:assert/strict";
import { parseAddress } from "@/base/address.ts";
import { fromHex, toHex } from "@/base/bytes.ts";
import { attributesIn, NetlinkMessageWriter } from "@/datapath/netlink_message.ts";
import { deleteState, newState, readState, type XfrmState } from "@/datapath/xfrm_state.ts";

Deno.test("a message has its length, its type, its flags, and attributes at multiples of four", () => {
  const message = new NetlinkMessageWriter(0x1234, 5).u8(1)
    .attribute(7, (m) => m.bytes(Uint8Array.of(0xaa, 0xbb, 0xcc)))
    .attribute(8, (m) => m.u32(9));
  assert.equal(
    toHex(message.octets),
    "24000000" + "3412" + "0500" + "00000000" + "00000000" +
      "01000000" + "0700" + "0700" + "aabbcc" + "00" + "0800" + "0800" + "09000000",
  );
});

Deno.test("a long message grows, and keeps what was written before", () => {
  const message = new NetlinkMessageWriter(1, 1);
  for (let i = 0; i < 300; i++) message.bytes(new Uint8Array(10).fill(i));
  const { octets } = message;
  assert.equal(octets.length, 3_016);
  assert.deepEqual(octets.subarray(16, 26), new Uint8Array(10));
  assert.equal(octets.at(-1), 299 & 255);
});

Deno.test("attributes that lie about their length end the list", () => {
  const good = fromHex("08000100" + "11223344")!;
  assert.deepEqual([...attributesIn(good, 0).keys()], [1]);
  for (const bad of ["03000100", "09000100" + "11223344", "0800"]) {
    assert.equal(attributesIn(fromHex(bad)!, 0).size, 0);
  }
});

const STATE: XfrmState = {
  spi: 0x01020304,
  source: parseAddress("192.0.2.1")!,
  destination: parseAddress("192.0.2.2")!,
  suite: { protocol: 3, encryption: 20, keyBits: 128, integrity: 0, esn: false },
  keys: { encryption: new Uint8Array(20).fill(0x5a), integrity: new Uint8Array(0) },
  tunnelMode: true,
  aggfrag: undefined,
  selectors: undefined,
  reqid: 77,
  encapsulation: "udp",
  sourcePort: 4500,
  destinationPort: 4501,
  replayWindow: 256,
  ifId: 0,
};

Deno.test("a state: the record, its algorithm, its window, its encapsulation", () => {
  const octets = newState(STATE);
  const body = octets.subarray(16);
  const view = new DataView(body.slice().buffer);
  assert.equal(new DataView(octets.buffer, octets.byteOffset).getUint32(0, true), octets.length);
  assert.deepEqual(readState(body), {
    destination: STATE.destination,
    spi: STATE.spi,
    ipProtocol: 50,
    source: STATE.source,
    octets: 0,
    packets: 0,
    refused: { window: 0, replay: 0, icv: 0 },
    reqid: 77,
    replay: { attribute: 23, octets: attributesIn(body, 224).get(23)! },
    lastUsedSec: undefined,
  });
  // Tunnel mode, no window in the record itself, both inner families.
  assert.deepEqual([body[214], body[215], body[216]], [1, 0, 32]);
  assert.equal(view.getBigUint64(96, true), 0xffff_ffff_ffff_ffffn);
  const attributes = attributesIn(body, 224);
  const aead = attributes.get(18)!;
  const text = new TextDecoder().decode(aead.subarray(0, 17));
  assert.equal(text, "rfc4106(gcm(aes))");
  assert.equal(toHex(aead.subarray(64)), "a0000000" + "80000000" + "5a".repeat(20));
  assert.equal(toHex(attributes.get(4)!.subarray(0, 8)), "0200" + "1194" + "1195" + "0000");
  const window = new DataView(attributes.get(23)!.slice().buffer);
  assert.deepEqual([window.getUint32(0, true), window.getUint32(20, true)], [8, 256]);
});

Deno.test("a sender's state has a window only beside extended sequence numbers", () => {
  const sender = { ...STATE, replayWindow: undefined };
  assert.equal(attributesIn(newState(sender).subarray(16), 224).has(23), false);
  const esn = newState({ ...sender, suite: { ...STATE.suite, esn: true } }).subarray(16);
  assert.equal(attributesIn(esn, 224).has(23), true);
  assert.equal(esn[216], 32 | 128);
});

Deno.test("a state is named by its destination, SPI, family and protocol", () => {
  const ah = { ...STATE, suite: { ...STATE.suite, protocol: 2 } };
  assert.equal(
    toHex(deleteState(ah).subarray(16)),
    "c0000202" + "00".repeat(12) + "01020304" + "0200" + "33" + "00",
  );
});
