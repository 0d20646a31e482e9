/** The message that moves a state in the kernel, and the sequence numbers of a state that replaces another. */
import assert from "node:assert/strict";
import { parseAddress } from "@/base/address.ts";
import { toHex } from "@/base/bytes.ts";
import { XfrmAttribute, XfrmMessage } from "@/datapath/xfrm.ts";
import { canMigrate, migrateState } from "@/datapath/xfrm_migrate.ts";
import { replayAfter, sentSequence, type XfrmState } from "@/datapath/xfrm_state.ts";
import { Encr } from "@/iana/encr.ts";

const HEADER_OCTETS = 16;
const at = (text: string) => parseAddress(text)!;

function state(source: string, destination: string, more: Partial<XfrmState> = {}): XfrmState {
  return Object.assign({
    spi: 0x01020304,
    source: at(source),
    destination: at(destination),
    suite: {
      protocol: 3,
      encryption: Encr.ENCR_AES_GCM_16,
      keyBits: 128,
      integrity: 0,
      esn: false,
    },
    keys: { encryption: new Uint8Array(20), integrity: new Uint8Array(0) },
    tunnelMode: true,
    selectors: undefined,
    reqid: 7,
    encapsulation: "none",
    sourcePort: 4500,
    destinationPort: 4501,
    replayWindow: undefined,
    ifId: 0,
  }, more) as XfrmState;
}

Deno.test("a state is named by its address, SPI and protocol, and has the new addresses and encapsulation", () => {
  const octets = migrateState({
    old: state("10.0.0.1", "10.0.0.2"),
    now: state("10.0.0.3", "2001:db8::2", { encapsulation: "udp" }),
  });
  const view = new DataView(octets.buffer, octets.byteOffset);
  assert.equal(view.getUint16(4, true), XfrmMessage.MIGRATE_STATE);
  const body = octets.subarray(HEADER_OCTETS);
  assert.equal(
    toHex(body.subarray(0, 24)),
    "0a000002" + "00".repeat(12) + "01020304" + "0200" + "3200",
  );
  assert.equal(toHex(body.subarray(24, 40)), "20010db8" + "00".repeat(11) + "02");
  assert.equal(toHex(body.subarray(40, 44)), "0a000003");
  assert.equal(toHex(body.subarray(120, 132)), "07000000" + "00000000" + "0a00" + "0000");
  const encap = body.subarray(132);
  assert.equal(toHex(encap.subarray(0, 10)), "1c00" + "0400" + "0200" + "1194" + "1195");
});

Deno.test("an encapsulation that ends is taken away, and one that stays is not named", () => {
  const plain = state("10.0.0.3", "10.0.0.2");
  const inUdp = state("10.0.0.1", "10.0.0.2", { encapsulation: "udp" });
  const away = migrateState({ old: inUdp, now: plain }).subarray(HEADER_OCTETS + 132);
  assert.equal(toHex(away), "1c000400" + "00".repeat(24));
  assert.equal(migrateState({ old: plain, now: plain }).length, HEADER_OCTETS + 132);
  const inTcp = state("10.0.0.1", "10.0.0.2", { encapsulation: "tcp" });
  assert.deepEqual(
    [canMigrate({ old: inUdp, now: plain }), canMigrate({ old: inTcp, now: plain })],
    [
      true,
      false,
    ],
  );
});

Deno.test("a state that replaces another leaves out numbers that the other may still send", () => {
  const octets = new Uint8Array(28);
  new DataView(octets.buffer).setUint32(4, 2 ** 32 - 10, true);
  const outbound = { replayWindow: undefined };
  const long = replayAfter({ attribute: XfrmAttribute.REPLAY, octets }, outbound);
  assert.equal(sentSequence(long), 2 ** 16 - 10);
  assert.equal(new DataView(long.octets.buffer).getUint32(12, true), 1, "the high half counts on");
  const short = new Uint8Array(12);
  new DataView(short.buffer).setUint32(0, 5, true);
  assert.equal(
    sentSequence(replayAfter({ attribute: XfrmAttribute.REPLAY_SHORT, octets: short }, outbound)),
    2 ** 16 + 5,
  );
});

Deno.test("an inbound state that replaces another has sent nothing, and goes on with its window", () => {
  const octets = new Uint8Array(28);
  new DataView(octets.buffer).setUint32(8, 77, true);
  const record = { attribute: XfrmAttribute.REPLAY, octets };
  const after = replayAfter(record, { replayWindow: 32 });
  assert.equal(sentSequence(after), 0);
  assert.deepEqual(after, record);
});
