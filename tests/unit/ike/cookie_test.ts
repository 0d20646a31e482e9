import assert from "node:assert/strict";
import { SeededRandom } from "@/base/random.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { cookieFor, isOurCookie, newCookieJar } from "@/ike/cookie.ts";

const source = new SeededRandom(1);
const random = (n: number) => source.octets(n);
const tools = { crypto: portableBackend(), random };
const about = { nonce: random(32), address: Uint8Array.of(10, 0, 0, 1), spi: 7n };

Deno.test("a cookie is valid only for the same nonce, address and SPI", () => {
  const jar = newCookieJar(random);
  const cookie = cookieFor(jar, tools, about, 0);
  assert.ok(cookie.length <= 64); // RFC 7296 §2.6
  assert.ok(isOurCookie(jar, tools, about, { cookie, nowMs: 1 }));
  for (
    const other of [
      { ...about, nonce: random(32) },
      { ...about, address: Uint8Array.of(10, 0, 0, 2) },
      { ...about, spi: 8n },
    ]
  ) assert.ok(!isOurCookie(jar, tools, other, { cookie, nowMs: 1 }));
  const bent = cookie.slice();
  bent[20]! ^= 1;
  assert.ok(!isOurCookie(jar, tools, about, { cookie: bent, nowMs: 1 }));
  assert.ok(!isOurCookie(jar, tools, about, { cookie: new Uint8Array(0), nowMs: 1 }));
});

Deno.test("a cookie is valid after one change of the secret, but not after two", () => {
  const jar = newCookieJar(random);
  const cookie = cookieFor(jar, tools, about, 0);
  assert.ok(isOurCookie(jar, tools, about, { cookie, nowMs: 61_000 }));
  assert.ok(!isOurCookie(jar, tools, about, { cookie, nowMs: 122_000 }));
});

Deno.test("the end of a nonce and an IPv4 address are not the IPv6 address of the same octets", () => {
  const jar = newCookieJar(random);
  const six = random(16);
  const ni = random(20);
  const cookie = cookieFor(jar, tools, { nonce: ni, address: six, spi: 7n }, 0);
  const nonce = Uint8Array.of(...ni, ...six.subarray(0, 12));
  const address = six.subarray(12);
  assert.ok(!isOurCookie(jar, tools, { nonce, address, spi: 7n }, { cookie, nowMs: 1 }));
});
