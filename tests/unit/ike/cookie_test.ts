import assert from "node:assert/strict";
import { SeededRandom } from "@/base/random.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { cookieFor, newCookieJar, openCookie } from "@/ike/cookie.ts";

const source = new SeededRandom(1);
const random = (n: number) => source.octets(n);
const tools = { crypto: portableBackend(), random };
const about = { nonce: random(32), address: Uint8Array.of(10, 0, 0, 1), spi: 7n };

Deno.test("a cookie is valid only for the same nonce, address and SPI", () => {
  const jar = newCookieJar(random);
  const cookie = cookieFor(jar, tools, about, { nowMs: 0, puzzle: undefined });
  assert.ok(cookie.length <= 64); // RFC 7296 §2.6
  assert.ok(openCookie(jar, tools, about, { cookie, nowMs: 1 }));
  for (
    const other of [
      { ...about, nonce: random(32) },
      { ...about, address: Uint8Array.of(10, 0, 0, 2) },
      { ...about, spi: 8n },
    ]
  ) assert.ok(!openCookie(jar, tools, other, { cookie, nowMs: 1 }));
  const bent = cookie.slice();
  bent[20]! ^= 1;
  assert.ok(!openCookie(jar, tools, about, { cookie: bent, nowMs: 1 }));
  assert.ok(!openCookie(jar, tools, about, { cookie: new Uint8Array(0), nowMs: 1 }));
});

Deno.test("a cookie is valid after one change of the secret, but not after two", () => {
  const jar = newCookieJar(random);
  const cookie = cookieFor(jar, tools, about, { nowMs: 0, puzzle: undefined });
  assert.ok(openCookie(jar, tools, about, { cookie, nowMs: 61_000 }));
  assert.ok(!openCookie(jar, tools, about, { cookie, nowMs: 122_000 }));
});

Deno.test("the end of a nonce and an IPv4 address are not the IPv6 address of the same octets", () => {
  const jar = newCookieJar(random);
  const six = random(16);
  const ni = random(20);
  const cookie = cookieFor(jar, tools, { nonce: ni, address: six, spi: 7n }, {
    nowMs: 0,
    puzzle: undefined,
  });
  const nonce = Uint8Array.of(...ni, ...six.subarray(0, 12));
  const address = six.subarray(12);
  assert.ok(!openCookie(jar, tools, { nonce, address, spi: 7n }, { cookie, nowMs: 1 }));
});
Deno.test("a cookie has its puzzle, which cannot be altered or taken out", () => {
  const jar = newCookieJar(random);
  const puzzle = { prf: 5, difficulty: 12 };
  const cookie = cookieFor(jar, tools, about, { nowMs: 0, puzzle });
  assert.ok(cookie.length <= 64);
  assert.deepEqual(openCookie(jar, tools, about, { cookie, nowMs: 1 }), { puzzle });
  const easier = cookie.slice();
  easier[3] = 1;
  assert.equal(openCookie(jar, tools, about, { cookie: easier, nowMs: 1 }), undefined);
  const without = Uint8Array.of(cookie[0]!, ...cookie.subarray(4));
  assert.equal(openCookie(jar, tools, about, { cookie: without, nowMs: 1 }), undefined);
  const plain = cookieFor(jar, tools, about, { nowMs: 0, puzzle: undefined });
  assert.deepEqual(openCookie(jar, tools, about, { cookie: plain, nowMs: 1 }), {
    puzzle: undefined,
  });
});
