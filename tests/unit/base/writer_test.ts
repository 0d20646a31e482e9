import { strict as assert } from "node:assert";
import { hashKey, octetsKey, Reader, Writer } from "@/base/bytes.ts";

Deno.test("Two writers at the same time do not share a buffer, nor does one that follows", () => {
  const a = new Writer();
  const b = new Writer();
  a.u32(0x01020304);
  b.u32(0x05060708);
  const first = a.done();
  const c = new Writer();
  c.u32(0x090a0b0c);
  assert.deepEqual([...first], [1, 2, 3, 4]);
  assert.deepEqual([...b.done()], [5, 6, 7, 8]);
  assert.deepEqual([...c.done()], [9, 10, 11, 12]);
});

Deno.test("A finished writer is empty, and may be used again", () => {
  const w = new Writer().u16(0x0102);
  assert.deepEqual([...w.done()], [1, 2]);
  assert.equal(w.length, 0);
  const other = new Writer().u8(7);
  w.u8(3);
  assert.deepEqual([...w.done()], [3]);
  assert.deepEqual([...other.done()], [7]);
});

Deno.test("Room behind what was written is zero, whatever the buffer held before", () => {
  new Writer().put(new Uint8Array(600).fill(0xff)).done();
  assert.deepEqual([...new Writer().u8(1).done(4)], [1, 0, 0, 0, 0]);
});

Deno.test("A writer grows past its capacity, also past that of a buffer that is used again", () => {
  const w = new Writer(8);
  for (let i = 0; i < 3_000; i++) w.u32(i);
  const r = new Reader(w.done());
  for (let i = 0; i < 3_000; i++) assert.equal(r.u32(), i);
  assert.equal(r.left, 0);
});

Deno.test("A uint64 is written and read in network byte order", () => {
  for (const value of [0n, 1n, 0x0102030405060708n, 0xffffffffffffffffn, 0x8000000000000000n]) {
    const octets = new Writer().u64(value).done();
    assert.equal(new Reader(octets).u64(), value);
    assert.equal(new DataView(octets.buffer, octets.byteOffset).getBigUint64(0), value);
  }
});

Deno.test("The key of a hash is that of its first 16 octets", () => {
  const hash = Uint8Array.from({ length: 32 }, (_, i) => 255 - 7 * i);
  assert.equal(hashKey(hash), octetsKey(hash.slice(0, 16)));
  assert.equal(octetsKey(hash.slice(0, 16)), String.fromCharCode(...hash.slice(0, 16)));
});
