import assert from "node:assert/strict";
import { parseAddress, showAddress } from "@/base/address.ts";
import { addressesOfPlace, EchoRule } from "@/ping/echo_rule.ts";

const at = (text: string) => parseAddress(text)!;

Deno.test("the addresses of an echo server, and those there are not", () => {
  const place = { first: at("10.0.0.254"), count: 3, step: 256, port: 9922 };
  assert.deepEqual(addressesOfPlace(place)!.map(showAddress), [
    "10.0.0.254",
    "10.0.1.254",
    "10.0.2.254",
  ]);
  assert.equal(addressesOfPlace({ ...place, first: at("255.255.255.254") }), undefined);
});

Deno.test("an echo server answers hosts that ask at its addresses, but not itself", () => {
  const own = ["10.0.0.1", "10.0.0.3", "fd00::a00:1", "fd01::a00:1"].map(at);
  const rule = new EchoRule(own, 9922);
  const answers = (to: string, from: string, port = 9922) => rule.answers(at(to), at(from), port);
  assert.equal(answers("10.0.0.1", "10.1.0.1"), true);
  assert.equal(answers("fd01::a00:1", "fd02::1", 5000), true);
  assert.equal(answers("10.0.0.2", "10.1.0.1"), false, "between its addresses");
  assert.equal(answers("fd02::a00:1", "fd03::1"), false, "the same last word");
  assert.equal(answers("10.0.0.3", "10.0.0.1"), false, "itself");
  assert.equal(answers("10.0.0.3", "10.0.0.1", 5000), true, "a program beside it");
  for (const from of ["224.0.0.1", "255.255.255.255", "0.0.0.0", "0.1.2.3"]) {
    assert.equal(answers("10.0.0.1", from), false, from);
  }
  for (const from of ["ff02::1", "::"]) assert.equal(answers("fd00::a00:1", from), false, from);
  assert.equal(answers("10.0.0.1", "10.1.0.1", 0), false);
});
