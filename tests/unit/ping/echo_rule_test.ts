import assert from "node:assert/strict";
import { parseAddress, showAddress } from "@/base/address.ts";
import { EchoWriter, markAsReply } from "@/ping/echo.ts";
import { EchoRule, expandAddresses } from "@/ping/echo_rule.ts";

const at = (text: string) => parseAddress(text)!;

Deno.test("the addresses of an echo server, and those there are not", () => {
  const place = { first: at("10.0.0.254"), count: 3, step: 256, port: 9922 };
  assert.deepEqual(expandAddresses(place)!.map(showAddress), [
    "10.0.0.254",
    "10.0.1.254",
    "10.0.2.254",
  ]);
  assert.equal(expandAddresses({ ...place, first: at("255.255.255.254") }), undefined);
});

const OWN = ["10.0.0.1", "10.0.0.3", "fd00::a00:1", "fd01::a00:1"].map(at);
const ping = new EchoWriter({ protocol: "udp", port: 9922, payloadOctets: 20, tag: 1 });
const REQUEST = ping.request(4, 1, 2).slice();
const REPLY = REQUEST.slice();
markAsReply(REPLY, 0);
const PLAIN = new TextEncoder().encode("whatever another client sends");

function decisions(rule = new EchoRule(OWN, 9922)) {
  return (to: string, from: string, port: number, payload = REQUEST, nowMs = 0) => {
    const buffer = Uint8Array.from([1, 2, 3, ...payload]);
    const octets = payload.length;
    const ends = { own: at(to), peer: at(from), peerPort: port };
    return rule.decide({ ...ends, buffer, at: 3, octets }, nowMs);
  };
}

Deno.test("an echo server answers hosts that ask at its addresses, but not itself", () => {
  const decide = decisions();
  assert.equal(decide("10.0.0.1", "10.1.0.1", 9922), "reply");
  assert.equal(decide("fd01::a00:1", "fd02::1", 5000), "reply");
  assert.equal(decide("10.0.0.2", "10.1.0.1", 9922), "misaddressed", "between its addresses");
  assert.equal(decide("fd02::a00:1", "fd03::1", 9922), "misaddressed", "the same last word");
  assert.equal(decide("10.0.0.3", "10.0.0.1", 9922), "misaddressed", "itself");
  assert.equal(decide("10.0.0.3", "10.0.0.1", 5000), "reply", "a program beside it");
  for (const from of ["224.0.0.1", "255.255.255.255", "0.0.0.0", "0.1.2.3"]) {
    assert.equal(decide("10.0.0.1", from, 9922), "misaddressed", from);
  }
  for (const from of ["ff02::1", "::"]) {
    assert.equal(decide("fd00::a00:1", from, 9922), "misaddressed", from);
  }
  assert.equal(decide("10.0.0.1", "10.1.0.1", 0), "misaddressed");
});

Deno.test("an echo server answers no reply, and nothing plain from the port of echo servers", () => {
  const decide = decisions();
  for (const port of [9922, 9923]) {
    assert.equal(decide("10.0.0.1", "10.1.0.1", port, REPLY), "reply of a server");
  }
  assert.equal(decide("10.0.0.1", "10.1.0.1", 9922, PLAIN), "possible loop");
  assert.equal(decide("10.0.0.1", "10.1.0.1", 9923, PLAIN), "unchanged");
  assert.equal(decide("10.0.0.1", "10.1.0.1", 9923, new Uint8Array(0)), "unchanged");
});

Deno.test("what an echo server gives back unchanged has an end, until its sender has paused", () => {
  const decide = decisions();
  const answered = (from: string, count: number, nowMs: number) => {
    let answers = 0;
    for (let i = 0; i < count; i++) {
      answers += decide("10.0.0.1", from, 7, PLAIN, nowMs + i) === "unchanged" ? 1 : 0;
    }
    return answers;
  };
  assert.equal(answered("10.1.0.1", 3_000, 0), 1_000);
  assert.equal(answered("10.1.0.2", 10, 3_000), 10, "another sender");
  assert.equal(decide("10.0.0.1", "10.1.0.1", 8, PLAIN, 3_000), "unchanged", "another port");
  assert.equal(answered("10.1.0.1", 1, 12_998), 0, "what was ignored is no pause");
  assert.equal(answered("10.1.0.1", 1, 22_998), 1);
  // Requests have no such limit: their replies are told apart.
  for (let i = 0; i < 3_000; i++) {
    assert.equal(decide("10.0.0.1", "10.1.0.1", 9922), "reply");
  }
});
