import assert from "node:assert/strict";
import { isAead } from "@/iana/encr.ts";
import { ESP_ENCRYPTION, GROUPS, IKE_ENCRYPTION, INTEGRITY, PRFS } from "@/setup/algorithms.ts";
import {
  address,
  addressOf,
  bool,
  duration,
  endpoint,
  float,
  int,
  interfaceName,
  INVALID,
  keyword,
  type Kind,
  listenAddress,
  nearestWord,
  oneOf,
  pause,
  port,
  prefix,
  prefixOf,
  shown,
} from "@/setup/kinds.ts";

/** Asserts that each text is read as its value; INVALID if it is refused. */
function assertReads<T>(kind: Kind<T>, texts: Readonly<Record<string, T | typeof INVALID>>): void {
  for (const [text, value] of Object.entries(texts)) {
    assert.deepEqual(kind.parse(text), value, JSON.stringify(text));
  }
}

Deno.test("a boolean is one of six words, in upper or lower case", () => {
  assertReads(bool, { true: true, Yes: true, ON: true, false: false, no: false, Off: false });
  assertReads(bool, { "1": INVALID, "0": INVALID, y: INVALID, "": INVALID, " true": INVALID });
});

Deno.test("a whole number is decimal and within its bounds, and zero has no sign", () => {
  assertReads(int(0, 255), { "0": 0, "007": 7, "+255": 255, "256": INVALID, "-1": INVALID });
  assertReads(int(0, 255), { "0x10": INVALID, "1.0": INVALID, "1e2": INVALID, "": INVALID });
  assertReads(int(-1), {
    "-1": -1,
    "-2": INVALID,
    "2147483647": 2147483647,
    "2147483648": INVALID,
  });
  assert.ok(Object.is(int(-1).parse("-0"), 0));
  assert.equal(int(1, 5).expects, "a whole number from 1 to 5");
});

Deno.test("a number may have a fraction", () => {
  assertReads(float(0, 100), { "0.5": 0.5, ".5": 0.5, "100": 100, "5.": 5, "100.1": INVALID });
  assertReads(float(0, 100), { NaN: INVALID, Infinity: INVALID, "1e1": INVALID, "-1": INVALID });
});

Deno.test("a duration needs units, except 0", () => {
  assertReads(duration, { "0": 0, "0s": 0, "1h2m3.5s": 3_723_500, "60s": 60_000, "1m0s": 60_000 });
  assertReads(duration, {
    "100ms": 100,
    "1500us": 1.5,
    "2µs": 0.002,
    ".5s": 500,
    "87600h": 315_360_000_000,
  });
  assertReads(duration, { "10": INVALID, "-1s": INVALID, "1 s": INVALID, "": INVALID });
  assertReads(duration, { "87601h": INVALID, ["9".repeat(400) + "h"]: INVALID, "1x": INVALID });
  assert.equal(duration.hint!("10"), "a unit is missing: 10s?");
  assert.equal(duration.hint!("-1s"), "no duration is negative");
  assert.equal(duration.hint!("99999999h"), "the longest is ten years, 87600h");
  assert.equal(duration.hint!("soon"), undefined);
});

Deno.test("a pause is at least one millisecond", () => {
  assertReads(pause, { "1ms": 1, "0": INVALID, "0s": INVALID, "999us": INVALID });
  assert.equal(pause.hint!("5"), "a unit is missing: 5s?");
  assert.equal(pause.hint!("0"), undefined, "0 would not be longer with a unit");
});

Deno.test("addresses, prefixes and endpoints are read in both families, and invalid ones are refused", () => {
  const v4 = Uint8Array.of(192, 0, 2, 1);
  const v6 = new Uint8Array(16);
  v6.set([0x20, 0x01, 0x0d, 0xb8]);
  assertReads(address, {
    "192.0.2.1": v4,
    "2001:db8::": v6,
    "": undefined,
    "192.0.2.1/24": INVALID,
  });
  assertReads(address, { "192.0.2": INVALID, "192.0.2.256": INVALID, "fe80::1%eth0": INVALID });
  assertReads(address, { "010.0.0.1": INVALID });
  assert.match(address.hint!("010.0.0.1")!, /begin with a zero/);
  assert.match(prefix.hint!("10.0.00.1/8")!, /begin with a zero/);
  assert.equal(address.hint!("0.0.0.256"), undefined);
  assertReads(prefix, {
    "192.0.2.1/24": { address: v4, bits: 24 },
    "": undefined,
    "192.0.2.1": INVALID,
  });
  assertReads(prefix, {
    "192.0.2.1/33": INVALID,
    "2001:db8::/129": INVALID,
    "1.1.1.1/8/9": INVALID,
  });
  assertReads(addressOf(4), { "192.0.2.1": v4, "": undefined, "2001:db8::": INVALID, x: INVALID });
  assertReads(addressOf(6), { "2001:db8::": v6, "": undefined, "192.0.2.1": INVALID });
  assertReads(prefixOf(4), { "192.0.2.1/24": { address: v4, bits: 24 }, "2001:db8::/64": INVALID });
  assertReads(prefixOf(6), { "2001:db8::/64": { address: v6, bits: 64 }, "192.0.2.1/24": INVALID });
  assertReads(listenAddress, { "": Uint8Array.of(127, 0, 0, 1), "192.0.2.1": v4, x: INVALID });
  assertReads(endpoint, { "192.0.2.1:1812": { address: v4, port: 1812 }, "": undefined });
  assertReads(endpoint, {
    "[2001:db8::]:65535": { address: v6, port: 65535 },
    "2001:db8::": INVALID,
  });
  assertReads(endpoint, {
    "192.0.2.1:0": INVALID,
    "192.0.2.1:65536": INVALID,
    "192.0.2.1": INVALID,
  });
  assertReads(endpoint, { "[192.0.2.1]:1": INVALID, "radius.example.net:1812": INVALID });
});

Deno.test("the name of an interface must be valid in Linux", () => {
  assertReads(interfaceName, {
    eth0: "eth0",
    "br0.100": "br0.100",
    "veth-0@x": "veth-0@x",
    "": "",
  });
  assertReads(interfaceName, { "sixteen-letters-": INVALID, "a/b": INVALID, "a b": INVALID });
  assertReads(interfaceName, { ".": INVALID, "..": INVALID, "eth0:1": INVALID });
});

Deno.test("a port is at most 65535, and 0 only where any free port may be used", () => {
  assertReads(port(true), { "0": 0, "65535": 65535, "65536": INVALID });
  assertReads(port(false), { "0": INVALID, "1": 1 });
});

Deno.test("a keyword is an entry of its table, and not an inherited property of the table", () => {
  assertReads(keyword(GROUPS), { "14": 14, "32": 32, "22": INVALID, constructor: INVALID });
  assertReads(keyword(INTEGRITY), { SHA256: 12, "sha256 ": INVALID, ["__proto__"]: INVALID });
  const kind = keyword(IKE_ENCRYPTION);
  assert.match(kind.expects, /^one of 3des, aes-cbc:128\/192\/256, aes-gcm-16:128\/192\/256, /);
  assert.equal(kind.hint!("aes-cbc"), "the key's bits are missing: aes-cbc:128?");
  assert.equal(kind.hint!("aes-cbc:129"), "did you mean aes-cbc:128?");
  assert.equal(kind.hint!("aes-gcm:256"), "did you mean aes-gcm-16:256?");
  assert.equal(kind.hint!("AES"), "did you mean aes-cbc:128?");
  assert.equal(kind.hint!("aes-gcm-16-icv:192"), "did you mean aes-gcm-16:192?");
  assert.equal(keyword(INTEGRITY).hint!("sha1"), "did you mean sha1-96?");
  assert.equal(keyword(INTEGRITY).hint!("sha256-128"), "did you mean sha256?");
  assert.equal(keyword(PRFS).hint!("sha1-96"), "did you mean sha1?");
  assert.equal(keyword(GROUPS).hint!("x"), undefined, "a word of one letter is similar to none");
  assert.equal(keyword(GROUPS).hint!("22"), undefined, "a number is not similar to another number");
  assert.equal(oneOf("client", "gateway").hint!("Client"), "did you mean client?");
});

Deno.test("a keyword is suggested if only few letters differ", () => {
  assert.equal(nearestWord("retraninterva", ["retraninterval", "interval"]), "retraninterval");
  assert.equal(nearestWord("dhgrpip", ["dhgrpid", "desc"]), "dhgrpid");
  assert.equal(nearestWord("foo", ["mtu", "psk"]), undefined);
  assert.equal(nearestWord("x".repeat(10_000), ["mtu"]), undefined);
});

Deno.test("an error shows a wrong value shortened and without control characters", () => {
  assert.equal(shown('a"b'), '"a\\"b"');
  assert.equal(shown("\u001b[2J\u009b2J\u202e\u2028"), '"\\u001b[2J\\u009b2J\\u202e\\u2028"');
  assert.equal(shown("\ufeffa\u00a0b c\u{e0001}"), '"\\ufeffa\\u00a0b c\\u{e0001}"');
  assert.equal(shown("x".repeat(200)), `"${"x".repeat(80)}…"`);
});

// The numbers are those of the IANA registry "Internet Key Exchange Version 2 (IKEv2) Parameters".
Deno.test("every name of an algorithm stands for its number in the IANA registry", () => {
  const described = (table: Readonly<Record<string, { id: number; keyBits: number }>>) =>
    Object.entries(table).map(([name, { id, keyBits }]) => `${name} ${id} ${keyBits}`);
  const withKeyBits = (name: string, id: number) =>
    [128, 192, 256].map((b) => `${name}:${b} ${id} ${b}`);
  const expected = [
    "3des 3 0",
    ...withKeyBits("aes-cbc", 12),
    ...withKeyBits("aes-gcm-16", 20),
    ...withKeyBits("aes-gcm-12", 19),
    ...withKeyBits("aes-gcm-8", 18),
    ...withKeyBits("aes-ccm-16", 16),
    ...withKeyBits("aes-ccm-12", 15),
    ...withKeyBits("aes-ccm-8", 14),
    ...withKeyBits("aes-ctr", 13),
    "chacha20-poly1305 28 0",
  ];
  assert.deepEqual(described(IKE_ENCRYPTION).sort(), expected.sort());
  assert.deepEqual(described(ESP_ENCRYPTION).sort(), [...expected, "null 11 0"].sort());
  assert.deepEqual(INTEGRITY, {
    "md5-96": 1,
    "sha1-96": 2,
    sha256: 12,
    sha384: 13,
    sha512: 14,
    "aes-xcbc": 5,
    "aes-cmac": 8,
  });
  assert.deepEqual(PRFS, {
    md5: 1,
    sha1: 2,
    sha256: 5,
    sha384: 6,
    sha512: 7,
    "aes-xcbc": 4,
    "aes-cmac": 8,
  });
  const groups = [1, 2, 5, 14, 15, 16, 17, 18, 19, 20, 21, 27, 28, 29, 30, 31, 32, 35, 36, 37];
  assert.deepEqual(GROUPS, Object.fromEntries(groups.map((g) => [g, g])));
});

Deno.test("GCM, CCM and ChaCha20-Poly1305 are AEAD, the others are not", () => {
  const aead = Object.entries(ESP_ENCRYPTION).filter(([, e]) => isAead(e.id)).map(([name]) => name);
  const names = new Set(aead.map((name) => name.split(":")[0]));
  assert.deepEqual([...names].sort(), [
    "aes-ccm-12",
    "aes-ccm-16",
    "aes-ccm-8",
    "aes-gcm-12",
    "aes-gcm-16",
    "aes-gcm-8",
    "chacha20-poly1305",
  ]);
});
