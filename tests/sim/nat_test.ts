// NAT traversal (RFC 7296 §2.23, RFC 3948, RFC 4555 §3.9): named ladders with a NAT on the path.
import assert from "node:assert/strict";
import { KeGroup } from "@/iana/ke_group.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { encapsulationOf } from "@/ike/path/nat.ts";
import type { IkeConfig, NatTraversal } from "@/ike/records/config.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { NatBox } from "@/sim/nat_box.ts";
import { boxOfA, boxOfB } from "@/sim/nat_scenarios.ts";
import { NATT, worldConfig } from "@/sim/scenarios.ts";
import type { Host, World } from "@/sim/world.ts";
import { twoHosts } from "../two_hosts.ts";

const PERFECT = { loss: 0, duplication: 0, delayMs: [10, 10] } as const;
const OUTSIDE_A = Uint8Array.of(10, 0, 0, 1);
const OUTSIDE_B = Uint8Array.of(10, 0, 0, 2);

interface Stage {
  readonly a?: Partial<IkeConfig>;
  readonly b?: Partial<IkeConfig>;
  readonly boxA?: NatBox;
  readonly boxB?: NatBox;
}

function stage({ a = {}, b = {}, boxA, boxB }: Stage) {
  const atA = boxA ? { address: Uint8Array.of(192, 168, 0, 2), nat: boxA } : OUTSIDE_A;
  const atB = boxB ? { address: Uint8Array.of(192, 168, 7, 2), nat: boxB } : OUTSIDE_B;
  return twoHosts({
    conditions: PERFECT,
    a: { initialContact: false, ...a },
    b: { initialContact: false, ...b },
    atA,
    atB,
  });
}

const natt = (change: Partial<NatTraversal>) => ({ natt: { ...NATT, ...change } });

/** The ladder without times, payloads and the texts of failures. */
function ladder(world: World, from = 0): string[] {
  return world.ladder.slice(from).map((line) =>
    line.slice(11).replace(/(failed|no CHILD_SA): .*/, "$1").replace(/ \{.*\}/, "")
  );
}

function only(host: Host): IkeSa {
  const standing = [...host.endpoint.bySpi.values()].filter((sa) => sa.phase === "established");
  assert.equal(standing.length, 1);
  return standing[0]!;
}

/** Which ends the host has found behind a NAT, and how ESP is sent. */
function found(host: Host) {
  const { children, path, peer } = only(host);
  const { natOwn, natPeer, encapsulated } = peer;
  const udp = children[0] && encapsulationOf(children[0]);
  const { ownPort, peerPort } = path;
  assert.deepEqual(udp, encapsulated ? { kind: "udp", ownPort, peerPort } : udp);
  return { own: natOwn, peer: natPeer, udp: udp && `${udp.ownPort}-${udp.peerPort}` };
}

Deno.test("ladder: without a NAT all messages stay at port 500", () => {
  const { world, a, b } = stage({});
  world.dial(a, b);
  world.run();
  assert.ok(world.ladder.every((line) => !line.includes(":4500")));
  assert.deepEqual([found(a), found(b)], [
    { own: false, peer: false, udp: undefined },
    { own: false, peer: false, udp: undefined },
  ]);
});

Deno.test("ladder: with a NAT in front of the initiator, IKE_AUTH and all later messages use the NAT-T ports (§2.23)", () => {
  const { world, a, b } = stage({ boxA: boxOfA() });
  world.dial(a, b);
  world.run();
  world.tell(b, only(b), { kind: "rekey_ike" });
  world.run();
  world.tell(a, only(a), { kind: "rekey_child", child: only(a).children[0]! });
  world.run();
  assert.deepEqual(ladder(world), [
    "a -> b  IKE_SA_INIT req 0",
    "b -> a:20000  IKE_SA_INIT resp 0",
    "a:4500 -> b:4500  IKE_AUTH req 1",
    "b:4500 -> a:20001  IKE_AUTH resp 1",
    "b: established",
    "a: established",
    "b:4500 -> a:20001  CREATE_CHILD_SA req 0",
    "a:4500 -> b:4500  CREATE_CHILD_SA resp 0",
    "b:4500 -> a:20001  INFORMATIONAL req 1",
    "a:4500 -> b:4500  INFORMATIONAL resp 1",
    "a: closed",
    "b: closed",
    "a:4500 -> b:4500  CREATE_CHILD_SA req 0",
    "b:4500 -> a:20001  CREATE_CHILD_SA resp 0",
    "a:4500 -> b:4500  INFORMATIONAL req 1",
    "b:4500 -> a:20001  INFORMATIONAL resp 1",
  ]);
  assert.deepEqual([found(a), found(b)], [
    { own: true, peer: false, udp: "4500-4500" },
    { own: false, peer: true, udp: "4500-20001" },
  ]);
});

Deno.test("ladder: a NAT in front of the responder, and in front of both (§2.23)", () => {
  for (const boxA of [undefined, boxOfA()]) {
    const { world, a, b } = stage({ boxB: boxOfB(), ...(boxA ? { boxA } : {}) });
    world.dial(a, b);
    world.run();
    assert.equal(ladder(world)[2], "a:4500 -> b:4500  IKE_AUTH req 1");
    const peerPort = boxA ? 20001 : 4500;
    assert.deepEqual([found(a), found(b)], [
      { own: boxA !== undefined, peer: true, udp: "4500-4500" },
      { own: true, peer: boxA !== undefined, udp: `4500-${peerPort}` },
    ]);
  }
});

Deno.test("ladder: encapsulation forced by either end shows the other a NAT", () => {
  for (const who of ["a", "b"] as const) {
    const { world, a, b } = stage({ [who]: natt({ forced: true }) });
    world.dial(a, b);
    world.run();
    assert.equal(ladder(world)[2], "a:4500 -> b:4500  IKE_AUTH req 1");
    const forcing = { own: false, peer: false, udp: "4500-4500" };
    const other = { own: false, peer: true, udp: "4500-4500" };
    assert.deepEqual([found(a), found(b)], who === "a" ? [forcing, other] : [other, forcing]);
  }
});

Deno.test("ladder: forced encapsulation fails with a report if the peer does not support it", () => {
  const off = { natt: undefined };
  const on = natt({ forced: true });
  for (const [own, failing] of [[{ a: on, b: off }, "a"], [{ a: off, b: on }, "b"]] as const) {
    const { world, a, b } = stage(own);
    world.dial(a, b);
    world.run();
    const words = new RegExp(
      `${failing}: failed: .*sent no NAT_DETECTION.*tradtionalencapforceudp`,
    );
    assert.match(world.ladder.join("\n"), words);
    assert.equal([...a.endpoint.bySpi.values()].filter((sa) => sa.phase !== "closed").length, 0);
  }
});

Deno.test("ladder: an end without NAT-T sends no NAT detection, and ignores that of its peer", () => {
  for (const own of [{ a: { natt: undefined } }, { b: { natt: undefined } }]) {
    const { world, a, b } = stage({ ...own, boxA: boxOfA() });
    world.dial(a, b);
    world.run();
    const answer = world.ladder.find((line) => line.includes("IKE_SA_INIT resp"))!;
    assert.ok(!answer.includes("NAT_DETECTION"));
    assert.equal(ladder(world)[2], "a -> b  IKE_AUTH req 1");
    assert.deepEqual(found(b), { own: false, peer: false, udp: undefined });
  }
});

Deno.test("ladder: repeated IKE_SA_INIT requests hash the present addresses, and the NAT is found (§2.6, §1.3)", () => {
  const { algorithms } = worldConfig();
  const two = { ...algorithms, groups: [KeGroup.CURVE25519, KeGroup.ECP_256] };
  const one = { ...algorithms, groups: [KeGroup.ECP_256] };
  const { world, a, b } = stage({
    a: { algorithms: two },
    b: { algorithms: one, cookieThreshold: 0 },
    boxA: boxOfA(),
  });
  world.dial(a, b);
  // The second request uses another mapping than the first.
  world.at(15, () => a.nat!.forget());
  world.run();
  assert.deepEqual(ladder(world).filter((line) => line.includes("IKE_AUTH req")), [
    "a:4500 -> b:4500  IKE_AUTH req 1",
  ]);
  assert.deepEqual(found(a), { own: true, peer: false, udp: "4500-4500" });
});

Deno.test("ladder: the responder follows a changed mapping from the next new request on", () => {
  const boxA = boxOfA();
  const { world, a, b } = stage({ boxA });
  world.dial(a, b);
  world.run();
  boxA.forget();
  const from = world.ladder.length;
  world.tell(b, only(b), { kind: "liveness_check" });
  world.at(world.nowMs + 100, () => world.tell(a, only(a), { kind: "liveness_check" }));
  world.run();
  assert.deepEqual(ladder(world, from), [
    "b:4500 -> a:20001  INFORMATIONAL req 0",
    "a: its NAT has no mapping for it",
    "a:4500 -> b:4500  INFORMATIONAL req 2",
    "b: its peer is at port 20002 now",
    "b:4500 -> a:20002  INFORMATIONAL resp 2",
    "b:4500 -> a:20002  again (2)", // RFC 7296 §2.23: retransmissions are sent there too.
    "a:4500 -> b:4500  INFORMATIONAL resp 0",
  ]);
  assert.equal(found(b).udp, "4500-20002");
  assert.equal(only(a).path.peerPort, 4500);
});

Deno.test("ladder: a responder behind a NAT does not follow (§2.23)", () => {
  const boxA = boxOfA();
  const { world, a, b } = stage({ boxA, boxB: boxOfB() });
  world.dial(a, b);
  world.run();
  boxA.forget();
  world.tell(a, only(a), { kind: "liveness_check" });
  world.run();
  assert.equal(only(b).path.peerPort, 20001);
});

Deno.test("ladder: a request at port 500 after the move is answered there; ESP and our own requests do not move (§2.11, §2.23)", () => {
  // The end that is not behind the NAT follows mappings: b as responder, a as initiator.
  for (const [boxes, ours] of [[{ boxA: boxOfA() }, "b"], [{ boxB: boxOfB() }, "a"]] as const) {
    const { world, a, b } = stage(boxes);
    world.dial(a, b);
    world.run();
    const [here, peer] = ours === "b" ? [b, a] : [a, b];
    const from = world.ladder.length;
    const before = only(here).path;
    world.tell(peer, only(peer), { kind: "liveness_check" });
    const path = { ...before, ownPort: 500, peerPort: 777 };
    world.inject(here, { octets: only(peer).window.request!.datagrams[0]!, path });
    world.run();
    world.tell(here, only(here), { kind: "liveness_check" });
    const ownRequest = ladder(world).at(-1)!;
    world.run();
    const name = peer.name;
    const answer = ladder(world, from)[1]!;
    assert.match(answer, new RegExp(`^${ours} -> ${name}:777  INFORMATIONAL resp`));
    assert.match(ownRequest, new RegExp(`^${ours}:4500 -> ${name}:${before.peerPort}  INFO`));
    assert.deepEqual(only(here).path, before);
    assert.equal(found(here).udp, `4500-${before.peerPort}`);
    assert.ok(ladder(world, from).every((line) => !line.includes("is at port")));
  }
});

Deno.test("ladder: ESP from another mapping is followed before an IKE message comes (§2.23)", () => {
  const { world, a, b } = stage({ boxA: boxOfA() });
  world.dial(a, b);
  world.run();
  const from = world.ladder.length;
  const { path } = only(b);
  world.tell(b, only(b), { kind: "esp_moved", path: { ...path, ownPort: 500, peerPort: 20009 } });
  assert.equal(only(b).path.peerPort, 20001);
  world.tell(b, only(b), { kind: "esp_moved", path: { ...path, peerPort: 20009 } });
  assert.deepEqual(ladder(world, from), ["b: its peer is at port 20009 now"]);
  assert.equal(found(b).udp, "4500-20009");
});

Deno.test("ladder: ESP from another address does not move an end that is behind a NAT, nor one without a NAT", () => {
  for (const boxes of [{ boxA: boxOfA(), boxB: boxOfB() }, {}]) {
    const { world, a, b } = stage(boxes);
    world.dial(a, b);
    world.run();
    const { path } = only(b);
    world.tell(b, only(b), { kind: "esp_moved", path: { ...path, peerPort: 20009 } });
    assert.equal(only(b).path.peerPort, path.peerPort);
  }
});

Deno.test("ladder: without a NAT neither end follows another address", () => {
  const { world, a, b } = stage({});
  world.dial(a, b);
  world.run();
  const octetsOf = () => only(a).window.request!.datagrams[0]!;
  world.tell(a, only(a), { kind: "liveness_check" });
  const path = { ownAddress: OUTSIDE_B, ownPort: 500, peerAddress: OUTSIDE_A, peerPort: 777 };
  world.inject(b, { octets: octetsOf(), path });
  world.run();
  assert.equal(only(b).path.peerPort, 500);
});

Deno.test("ladder: the end behind the NAT sends keepalives when it has sent nothing else (RFC 3948 §4)", () => {
  const alive = natt({ keepaliveMs: 20_000 });
  const { world, a, b } = stage({ a: alive, b: alive, boxA: boxOfA() });
  world.dial(a, b);
  const close = { kind: "close", closeCode: CloseCode.STOPPED } as const;
  world.at(25_000, () => world.tell(a, only(a), { kind: "liveness_check" }));
  world.at(50_000, () => world.tell(a, only(a), close));
  world.run();
  const times = world.ladder.filter((line) => line.includes("keepalive"));
  assert.deepEqual(times.map((line) => line.trim()), [
    "20023.0  a:4500 -> keepalive",
    "45000.0  a:4500 -> keepalive",
  ]);
});

Deno.test("ladder: fragments use the NAT-T ports as well", () => {
  const small = { fragmentOctets: 100 };
  const { world, a, b } = stage({ a: small, b: small, boxA: boxOfA() });
  world.dial(a, b);
  world.run();
  const sent = ladder(world).filter((line) => line.includes("IKE_AUTH"));
  assert.deepEqual(sent.map((line) => line.split(" IKE")[0]), [
    "a:4500 -> b:4500 ",
    "a:4500 -> b:4500 ",
    "b:4500 -> a:20001 ",
    "b:4500 -> a:20001 ",
  ]);
});

Deno.test("ladder: with NO_NATS_ALLOWED a NAT that the responder finds ends the SA, and both ends report it (RFC 4555 §3.9)", () => {
  const refuse = { refuseNat: true, natt: undefined };
  const { world, a, b } = stage({ a: refuse, boxA: boxOfA() });
  world.dial(a, b);
  world.run();
  assert.deepEqual(world.ladder.slice(2).map((l) => l.slice(11).replace(/failed: .*/, "failed")), [
    "a -> b  IKE_AUTH req 1 {IDi, N(NO_NATS_ALLOWED), AUTH, SAi, TSi, TSr}",
    "b -> a:20000  IKE_AUTH resp 1 {N(UNEXPECTED_NAT_DETECTED)}",
    "b: failed",
    "b: closed",
    "a: failed",
    "a: closed",
  ]);
  const transcript = world.ladder.join("\n");
  assert.match(transcript, /b: failed: A NAT is on the way to 10\.0\.0\.1:20000.*NO_NATS_ALLOWED/);
  assert.match(transcript, /a: failed: 10\.0\.0\.2:500 sees a NAT.*disallownat/);
});

Deno.test("ladder: with NO_NATS_ALLOWED and without a NAT the tunnel is established", () => {
  const { world, a, b } = stage({ a: { refuseNat: true } });
  world.dial(a, b);
  world.run();
  assert.equal(only(a).children.length, 1);
});

Deno.test("ladder: with disallownat and a NAT that this end finds, no IKE_AUTH is sent", () => {
  for (const boxes of [{ boxA: boxOfA() }, { boxB: boxOfB() }]) {
    const { world, a, b } = stage({ a: { refuseNat: true }, ...boxes });
    world.dial(a, b);
    world.run();
    assert.deepEqual(a.failures, ["REFUSED_HERE"]);
    assert.ok(world.ladder.every((line) => !line.includes("IKE_AUTH")));
    assert.match(world.ladder.join("\n"), /a: failed: A NAT is in front of .*disallownat/);
  }
});

Deno.test("a NAT drops mappings without outgoing traffic, and drops all of them when told to", () => {
  const box = boxOfA(30_000);
  const host = Uint8Array.of(192, 168, 0, 2);
  const path = { ownAddress: host, ownPort: 4500, peerAddress: OUTSIDE_B, peerPort: 4500 };
  const back = (port: number, nowMs: number) =>
    box.inward({ ...path, ownAddress: box.outside, ownPort: port }, host, nowMs)?.ownPort;
  assert.equal(box.outward(path, 0).ownPort, 20_000);
  assert.equal(box.outward(path, 29_000).ownPort, 20_000);
  assert.deepEqual([back(20_000, 58_000), back(20_000, 59_000), back(20_001, 0)], [
    4500,
    undefined,
    undefined,
  ]);
  assert.equal(box.outward(path, 59_000).ownPort, 20_001);
  box.forget();
  assert.equal(back(20_001, 59_000), undefined);
});
