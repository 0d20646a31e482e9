import { strict as assert } from "node:assert";
import { messageCopy, messageOctets, stateCopy, stateOctets } from "@/base/octets.ts";

for (const [name, make] of Object.entries({ messageOctets, stateOctets })) {
  Deno.test(`${name} gives zeros of the length that was asked for, which no other array has`, () => {
    const all = Array.from({ length: 3_000 }, (_, i) => make(i % 97));
    all.forEach((octets, i) => {
      assert.equal(octets.length, i % 97);
      assert.ok(octets.every((o) => o === 0), `array ${i} holds what another one wrote`);
      octets.fill(i);
    });
    all.forEach((octets, i) => assert.ok(octets.every((o) => o === (i & 0xff))));
  });

  Deno.test(`${name} gives a large array memory of its own`, () => {
    const octets = make(5_000);
    assert.equal(octets.buffer.byteLength, 5_000);
  });

  Deno.test(`${name} refuses what is no length`, () => {
    assert.throws(() => make(-1), RangeError);
    assert.equal(make(NaN).length, 0);
    assert.ok(make(8).every((o) => o === 0));
  });
}

Deno.test("What is kept for an SA does not share memory with messages", () => {
  const octets = Uint8Array.of(1, 2, 3);
  const [short, long] = [messageCopy(octets), stateCopy(octets)];
  octets.fill(9);
  assert.deepEqual([...short], [1, 2, 3]);
  assert.deepEqual([...long], [1, 2, 3]);
  assert.notEqual(short.buffer, long.buffer);
});
