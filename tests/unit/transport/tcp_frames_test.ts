/** Frames of IKE and ESP in TCP (RFC 9329 §3, §4): every way a stream may be cut, and what is no stream. */
import assert from "node:assert/strict";
import { concat } from "@/base/bytes.ts";
import { frameOf, FrameReader, putFrame, STREAM_PREFIX } from "@/transport/tcp_frames.ts";

const IKE = Uint8Array.from({ length: 40 }, (_, i) => i + 1);
const ESP = Uint8Array.from({ length: 33 }, (_, i) => 200 - i);
const EMPTY = Uint8Array.of(0, 2);
const STREAM = concat(STREAM_PREFIX, frameOf(IKE, 4), frameOf(ESP, 0), EMPTY, frameOf(IKE, 4));
const CONTENT = [concat(new Uint8Array(4), IKE), ESP, new Uint8Array(0)];

/** Feeds pieces as a connection does, in a buffer that is used again. */
function feed(reader: FrameReader, pieces: readonly Uint8Array[]) {
  const arena = new Uint8Array(70_000);
  const frames: Uint8Array[] = [];
  for (const piece of pieces) {
    const kept = reader.putKept(arena);
    arena.set(piece, kept);
    const fault = reader.read(arena, kept + piece.length, (buffer, at, octets) => {
      frames.push(buffer.slice(at, at + octets));
    });
    arena.fill(0xee);
    if (fault) return { frames, fault };
  }
  return { frames, fault: undefined };
}

Deno.test("the prefix and frames are the octets of RFC 9329", () => {
  assert.deepEqual([...STREAM_PREFIX], [0x49, 0x4b, 0x45, 0x54, 0x43, 0x50]);
  // The length counts itself and the non-ESP marker: 2 + 4 + 40 and 2 + 33.
  assert.deepEqual([...frameOf(IKE, 4).subarray(0, 7)], [0, 46, 0, 0, 0, 0, 1]);
  assert.deepEqual([...frameOf(ESP, 0).subarray(0, 3)], [0, 35, 200]);
  const buffer = new Uint8Array(50).fill(7);
  assert.equal(putFrame(buffer, 1, IKE, 4), 47);
  assert.deepEqual(buffer.slice(1, 47), frameOf(IKE, 4));
});

Deno.test("a stream that is cut anywhere gives the same frames", () => {
  for (let cut = 0; cut <= STREAM.length; cut++) {
    const pieces = [STREAM.subarray(0, cut), STREAM.subarray(cut)];
    const { frames, fault } = feed(new FrameReader(true), pieces);
    assert.equal(fault, undefined);
    assert.deepEqual(frames, [...CONTENT, CONTENT[0]], `cut at ${cut}`);
  }
  const octets = [...STREAM].map((octet) => Uint8Array.of(octet));
  assert.deepEqual(feed(new FrameReader(true), octets).frames, [...CONTENT, CONTENT[0]]);
});

Deno.test("a reader keeps the part of one frame and nothing more", () => {
  const reader = new FrameReader(true);
  const whole = frameOf(new Uint8Array(65_533), 0);
  assert.equal(feed(reader, [STREAM, STREAM_PREFIX.subarray(0, 1)]).frames.length, 4);
  assert.equal(reader.kept, 1);
  const last = new FrameReader(false);
  feed(last, [whole.subarray(0, 65_534)]);
  assert.equal(last.kept, 65_534);
  assert.equal(feed(last, [whole.subarray(65_534)]).frames[0]!.length, 65_533);
  assert.equal(last.kept, 0);
});

Deno.test("who answers sends no prefix, and it is no frame of 18763 octets", () => {
  const { frames } = feed(new FrameReader(false), [frameOf(ESP, 0)]);
  assert.deepEqual(frames, [ESP]);
});

Deno.test("a stream without the prefix is told at the first wrong octet", () => {
  for (let right = 0; right < STREAM_PREFIX.length; right++) {
    const wrong = STREAM.slice(0, right + 1);
    wrong[right]! ^= 0x20;
    const { frames, fault } = feed(new FrameReader(true), [wrong]);
    assert.deepEqual([frames, fault], [[], "no stream prefix"]);
  }
});

for (const length of [0, 1]) {
  Deno.test(`a length of ${length} ends the stream, and what came before it counts`, () => {
    const bad = concat(frameOf(ESP, 0), Uint8Array.of(0, length, 1, 2, 3));
    for (let cut = 0; cut <= bad.length; cut++) {
      const pieces = [bad.subarray(0, cut), bad.subarray(cut)];
      const { frames, fault } = feed(new FrameReader(false), pieces);
      assert.deepEqual([frames, fault], [[ESP], "a length that does not count itself"]);
    }
  });
}
