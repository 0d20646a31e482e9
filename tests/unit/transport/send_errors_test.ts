import assert from "node:assert/strict";
import type { Path } from "@/base/address.ts";
import { icmpError, refusedDatagram, SendErrorCounts } from "@/transport/send_errors.ts";
import { at } from "./_variants.ts";

const PATH: Path = {
  ownAddress: at("10.0.0.1"),
  ownPort: 500,
  peerAddress: at("10.0.0.2"),
  peerPort: 4500,
};

function book() {
  const told: string[] = [];
  const clock = { ms: 0 };
  const errors = new SendErrorCounts(() => clock.ms);
  errors.tell = (words) => told.push(words);
  return { errors, told, clock };
}

Deno.test("errors of a cause are told at once, then with pauses and how many there were", () => {
  const { errors, told, clock } = book();
  const refuse = (errno: string) => errors.add(refusedDatagram(PATH, errno, { unsentIke: 1 }));
  for (let i = 0; i < 100; i++) refuse("EPERM");
  refuse("ENODEV");
  clock.ms = 9_999;
  refuse("EPERM");
  clock.ms = 10_000;
  refuse("EPERM");
  const words = "Cannot send to 10.0.0.2:4500 from 10.0.0.1:500:";
  const firewall = "Operation not permitted: a firewall of this host, most likely (EPERM)";
  assert.deepEqual(told, [
    `${words} ${firewall}`,
    `${words} No such device (ENODEV)`,
    `${words} ${firewall} (and 100 more: ${firewall})`,
  ]);
  assert.deepEqual(errors.figures(), [
    { cause: firewall, count: 102, example: told[0] },
    { cause: "No such device (ENODEV)", count: 1, example: told[1] },
  ]);
  assert.equal(errors.unsentIke, 103);
});

Deno.test("what was the matter is over when a datagram comes by the path", () => {
  const { errors } = book();
  const other = { ...PATH, peerPort: 500 };
  const icmp = { errno: "EHOSTUNREACH", icmp: { type: 3, code: 1 }, offender: at("10.0.0.9") };
  errors.add(icmpError(PATH, icmp));
  errors.add(icmpError(other, icmp));
  const words = "10.0.0.9 says of a datagram to 10.0.0.2:4500: ICMP host unreachable";
  assert.deepEqual(errors.lastOf(PATH), { words, isIcmp: true });
  errors.received(PATH);
  assert.equal(errors.lastOf(PATH), undefined);
  assert.notEqual(errors.lastOf(other), undefined);
});

Deno.test("an error whose own end is not known is found by the peer's", () => {
  const { errors } = book();
  const unknown = { ...PATH, ownAddress: new Uint8Array(0), ownPort: 0 };
  errors.add(icmpError(unknown, { errno: "ECONNREFUSED", icmp: undefined, offender: undefined }));
  assert.equal(errors.lastOf(PATH)?.isIcmp, true);
  errors.received(PATH);
  assert.equal(errors.lastOf(PATH), undefined);
});

Deno.test("causes, and ends whose error is remembered, are bounded in number", () => {
  const { errors } = book();
  for (let i = 0; i < 10_100; i++) {
    const path = { ...PATH, peerPort: i };
    const icmp = { type: 200, code: i };
    errors.add(icmpError(path, { errno: "EPROTO", icmp, offender: undefined }));
  }
  const figures = errors.figures();
  assert.equal(figures.length, 51);
  assert.deepEqual([figures[0]!.cause, figures[0]!.count], ["other errors", 10_050]);
  assert.equal(errors.lastOf({ ...PATH, peerPort: 99 }), undefined);
  assert.notEqual(errors.lastOf({ ...PATH, peerPort: 100 }), undefined);
});

Deno.test("ICMP and ICMPv6 are told by name, and by number where they have none", () => {
  const cause = (path: Path, type: number, code: number) =>
    icmpError(path, { errno: "EPROTO", icmp: { type, code }, offender: undefined }).cause;
  const six = { ...PATH, peerAddress: at("2001:db8::2") };
  assert.equal(cause(PATH, 3, 13), "ICMP communication administratively prohibited");
  assert.equal(cause(PATH, 11, 0), "ICMP time to live exceeded");
  assert.equal(cause(PATH, 3, 99), "ICMP type 3, code 99");
  assert.equal(cause(six, 1, 0), "ICMPv6 no route to destination");
  assert.equal(cause(six, 2, 0), "ICMPv6 packet too big");
  assert.equal(cause(six, 77, 1), "ICMPv6 type 77, code 1");
});
