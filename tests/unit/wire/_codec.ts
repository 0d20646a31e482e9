/** Checks of all payload codecs: octets to a record and back, and refusals. */
import assert from "node:assert/strict";
import { fromHex, Reader, toHex, Writer } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import type { PayloadCodec } from "@/wire/codec.ts";

/** Octets of a hex text that may hold blanks for the eye. */
export function hex(text: string): Uint8Array {
  const octets = fromHex(text.replaceAll(/\s/g, ""));
  assert.ok(octets, `no hex: ${text}`);
  return octets;
}

/** Decodes a whole body. */
export function decode<P>(codec: PayloadCodec<P>, text: string): P {
  const body = new Reader(hex(text));
  const payload = codec.decode(body);
  body.end();
  return payload;
}

/** Hex of an encoded body. */
export function encode<P>(codec: PayloadCodec<P>, payload: P): string {
  const w = new Writer();
  codec.encode(payload, w);
  return toHex(w.done());
}

/** Checks that the octets decode to this record, and that it encodes to these octets. */
export function same<P>(codec: PayloadCodec<P>, text: string, payload: P): void {
  assert.deepEqual(decode(codec, text), payload);
  assert.equal(encode(codec, payload), toHex(hex(text)));
}

/** Checks that the body is refused as malformed, for a matching reason. */
export function refused<P>(codec: PayloadCodec<P>, text: string, reason: RegExp): void {
  assert.throws(() => decode(codec, text), (e) => {
    assert.ok(e instanceof WireError, `${text}: ${e}`);
    assert.match(e.message, reason, text);
    return true;
  }, text);
}

/** Checks that every body that ends before its `octets`th octet is refused. */
export function refusesTruncations<P>(codec: PayloadCodec<P>, text: string, octets?: number): void {
  const whole = hex(text);
  for (let n = 0; n < (octets ?? whole.length); n++) {
    refused(codec, toHex(whole.subarray(0, n)), /^Cannot /);
  }
}
