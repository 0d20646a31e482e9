import assert from "node:assert/strict";
import {
  addressPlus,
  parseAddress,
  parsePrefix,
  prefixRange,
  showAddress,
} from "@/base/address.ts";

const shown = (text: string) => {
  const address = parseAddress(text);
  return address && showAddress(address);
};

Deno.test("IPv4 addresses are four decimal numbers, without leading zeros (RFC 6943 §3.1.1)", () => {
  for (const good of ["0.0.0.0", "10.0.0.1", "255.255.255.255", "192.0.2.100"]) {
    assert.equal(shown(good), good);
  }
  const bad = ["010.0.0.1", "10.00.0.1", "10.0.0.01", "10.0.0", "10.0.0.256", "10.0.0.1000"];
  for (const text of [...bad, "1.2.3.4.5", "0x10.0.0.1", " 10.0.0.1", "10.0.0.1 ", "10..0.1", ""]) {
    assert.equal(parseAddress(text), undefined, text);
  }
});

Deno.test("IPv6 addresses are read in every form and shown in one (RFC 5952)", () => {
  const forms = [
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["::", "::"],
    ["1::", "1::"],
    ["2001:db8:0:1:0:0:0:1", "2001:db8:0:1::1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
  ];
  for (const [text, expected] of forms) assert.equal(shown(text!), expected);
  const bad = [":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "::g"];
  for (const text of [...bad, "fe80::1%eth0", "::1.2.3", "::192.0.02.33", "1.2.3.4::"]) {
    assert.equal(parseAddress(text), undefined, text);
  }
});

Deno.test("a prefix keeps its host bits, and knows its first and last address", () => {
  const prefix = parsePrefix("10.1.2.3/16")!;
  assert.equal(showAddress(prefix.address), "10.1.2.3");
  assert.deepEqual(prefixRange(prefix).map(showAddress), ["10.1.0.0", "10.1.255.255"]);
  assert.equal(parsePrefix("2001:db8::1")!.bits, 128);
  for (const text of ["10.0.0.1/33", "10.0.0.1/", "10.0.0.1/8/8", "::1/129", "10.0.0.1/-1"]) {
    assert.equal(parsePrefix(text), undefined, text);
  }
});

Deno.test("addresses are counted on, up to the end of their space", () => {
  const plus = (text: string, step: number) => {
    const address = addressPlus(parseAddress(text)!, step);
    return address && showAddress(address);
  };
  assert.equal(plus("10.0.0.255", 1), "10.0.1.0");
  assert.equal(plus("2001:db8::ffff", 1), "2001:db8::1:0");
  assert.equal(plus("255.255.255.255", 1), undefined);
  assert.equal(plus("0.0.0.0", -1), undefined);
});
