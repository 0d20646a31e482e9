// MOBIKE: IKE SAs that move, and who may say so. RFC 4555.
import assert from "node:assert/strict";
import { type Path, samePath } from "@/base/address.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { nameOfNotify, NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import { findNotify, notifies } from "@/ike/records/notify.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import { Bench, notify, PATH, type Said } from "./bench.ts";
import { checksOf, type Role } from "./entries.ts";

const { check, both } = checksOf(import.meta.url);
const { IKE_AUTH, INFORMATIONAL } = ExchangeType;
const {
  MOBIKE_SUPPORTED,
  UPDATE_SA_ADDRESSES,
  ADDITIONAL_IP4_ADDRESS,
  ADDITIONAL_IP6_ADDRESS,
  NO_ADDITIONAL_ADDRESSES,
  COOKIE2,
  NO_NATS_ALLOWED,
  UNACCEPTABLE_ADDRESSES,
  UNEXPECTED_NAT_DETECTED,
  INVALID_SYNTAX,
  NAT_DETECTION_SOURCE_IP,
  NAT_DETECTION_DESTINATION_IP,
} = NotifyType;

const ip = (...octets: number[]) => Uint8Array.from(octets);
const OWN = [ip(10, 0, 0, 1), ip(10, 0, 0, 11), ip(10, 0, 0, 21)];
const OTHER: Path = { ...PATH, peerAddress: ip(10, 0, 0, 12) };
const COOKIE = new Uint8Array(16).fill(7);

/** The configuration of a core with MOBIKE: the same three addresses in both roles. */
function mobile(change: Partial<IkeConfig> = {}): Partial<IkeConfig> {
  const mobike = { addresses: OWN, step: 0, moves: "own-only", intervalMs: Infinity } as const;
  return { mobike, ...change };
}

/** A bench with an established SA; both ends support MOBIKE, and the peer has sent `more` with that. */
function upMobile(
  role: Role,
  { more = [], change = {} }: { more?: Payload[]; change?: Partial<IkeConfig> } = {},
): { bench: Bench; said: readonly Payload[] } {
  const bench = Bench.keyed(role, mobile(change));
  const [id, auth, ...child] = bench.peer.authPayloads();
  const payloads = [id!, notify(MOBIKE_SUPPORTED), ...more, auth!, ...child];
  const own = bench.said().at(-1)?.payloads ?? [];
  if (role === "initiator") bench.answer(payloads);
  const said = role === "initiator" ? own : bench.ask(IKE_AUTH, payloads);
  assert.equal(bench.sa.phase, "established");
  bench.effects.length = 0;
  return { bench, said };
}

/** Sends a request of the peer by `path`; returns what the core sent then. */
function askBy(bench: Bench, path: Path, payloads: readonly Payload[]): Said[] {
  const header = bench.peer.header(INFORMATIONAL);
  bench.said();
  bench.hear(bench.peer.seal(header, payloads), path);
  bench.peer.nextId++;
  return bench.said();
}

/** Types of the notifies of a message. */
function names(payloads: readonly Payload[]): string[] {
  return notifies(payloads).map((n) => nameOfNotify(n.notify));
}

function moves(bench: Bench): number {
  return bench.effects.filter(({ kind }) => kind === "moved").length;
}

/** The cookie of the core's outstanding request. */
function cookieOf({ payloads }: Said): Payload {
  return notify(COOKIE2, findNotify(payloads, COOKIE2)!.data);
}

check(
  "RFC 4555 §3.1",
  "MOBIKE_SUPPORTED is answered where it was said and this end wants it",
  () => {
    const { said } = upMobile("responder");
    assert.ok(findNotify(said, MOBIKE_SUPPORTED));
    const unasked = Bench.keyed("responder", mobile());
    assert.equal(
      findNotify(unasked.ask(IKE_AUTH, unasked.peer.authPayloads()), MOBIKE_SUPPORTED),
      undefined,
    );
    assert.equal(unasked.sa.peer.mobility, undefined);
    const plain = Bench.keyed("responder");
    const [id, auth, ...child] = plain.peer.authPayloads();
    const answer = plain.ask(IKE_AUTH, [id!, notify(MOBIKE_SUPPORTED), auth!, ...child]);
    assert.equal(findNotify(answer, MOBIKE_SUPPORTED), undefined);
  },
);

both("RFC 4555 §3.4", "The addresses beside that of the path are named in IKE_AUTH", (role) => {
  const { said } = upMobile(role);
  const named = notifies(said).filter((n) => n.notify === ADDITIONAL_IP4_ADDRESS);
  assert.deepEqual(named.map(({ data }) => [...data]), OWN.slice(1).map((a) => [...a]));
});

check(
  "RFC 4555 §3.3",
  "Where both know NAT traversal IKE goes on at port 4500, NAT or none",
  () => {
    for (const [change, port] of [[mobile(), 4500], [{}, 500]] as const) {
      const bench = new Bench("initiator", change);
      const { peer } = bench;
      peer.learn(bench.said().at(-1)!.octets);
      const hash = (address: Uint8Array) => {
        const spis = new Uint8Array(16);
        const view = new DataView(spis.buffer, spis.byteOffset);
        view.setBigUint64(0, peer.spiI);
        view.setBigUint64(8, peer.spiR);
        return peer.crypto.sha1(Uint8Array.of(...spis, ...address, 500 >> 8, 500 & 0xff));
      };
      bench.hear(peer.init([
        ...peer.initPayloads(),
        notify(NAT_DETECTION_SOURCE_IP, hash(PATH.peerAddress)),
        notify(NAT_DETECTION_DESTINATION_IP, hash(PATH.ownAddress)),
      ]));
      const [auth] = bench.said();
      assert.deepEqual([auth!.path.ownPort, auth!.path.peerPort], [port, port]);
      assert.equal(bench.sa.peer.encapsulated, false);
    }
  },
);

check(
  "RFC 4555 §3.5",
  "An update moves the IKE SA to where it came from, and CHILD_SAs when the peer has answered there",
  () => {
    const { bench } = upMobile("responder");
    const [answer, test] = askBy(bench, OTHER, [notify(UPDATE_SA_ADDRESSES)]);
    assert.ok(answer!.header.response && samePath(answer!.path, OTHER));
    assert.ok(samePath(bench.sa.path, OTHER));
    assert.deepEqual(names(test!.payloads), ["COOKIE2"]);
    assert.ok(samePath(test!.path, OTHER));
    assert.equal(moves(bench), 0);
    bench.answer([cookieOf(test!)]);
    assert.equal(moves(bench), 1);
  },
);

check("RFC 4555 §3.5", "An update to the end that moves the tunnel changes nothing", () => {
  const { bench } = upMobile("initiator");
  const [answer, ...others] = askBy(bench, OTHER, [notify(UPDATE_SA_ADDRESSES)]);
  assert.deepEqual([names(answer!.payloads), others.length], [[], 0]);
  assert.ok(samePath(bench.sa.path, PATH));
});

both("RFC 4555 §3.1", "Notifies of MOBIKE mean nothing where it was not agreed on", (role) => {
  const bench = Bench.up(role);
  const [answer, ...others] = askBy(bench, OTHER, [
    notify(UPDATE_SA_ADDRESSES),
    notify(COOKIE2, COOKIE),
  ]);
  assert.deepEqual([answer!.payloads, others.length], [[], 0]);
  assert.ok(samePath(bench.sa.path, PATH));
});

check("RFC 4555 §3.5", "An address nobody can be at is refused, and the IKE SA stays", () => {
  for (const peerAddress of [ip(0, 0, 0, 0), ip(224, 0, 0, 1), ip(255, 255, 255, 255), OWN[1]!]) {
    const { bench } = upMobile("responder");
    const [answer, ...others] = askBy(bench, { ...PATH, peerAddress }, [
      notify(UPDATE_SA_ADDRESSES),
      notify(COOKIE2, COOKIE),
    ]);
    assert.deepEqual(names(answer!.payloads), ["UNACCEPTABLE_ADDRESSES", "COOKIE2"]);
    assert.equal(others.length, 0);
    assert.ok(samePath(bench.sa.path, PATH));
    assert.equal(bench.effects.filter(({ kind }) => kind === "refused").length, 1);
  }
});

check("RFC 4555 §3.5", "A path that the peer refuses is left for the one before", () => {
  const { bench } = upMobile("initiator");
  bench.tell({ kind: "move" });
  const [update] = bench.said();
  assert.deepEqual([...update!.path.ownAddress], [...OWN[1]!]);
  assert.deepEqual(names(update!.payloads), ["UPDATE_SA_ADDRESSES", "COOKIE2"]);
  bench.hear(
    bench.response([notify(UNACCEPTABLE_ADDRESSES), cookieOf(update!)]),
    update!.path,
  );
  assert.ok(samePath(bench.sa.path, PATH));
  assert.equal(moves(bench), 0);
  const failed = bench.effects.find((e) => e.kind === "move_failed");
  assert.match(failed!.failure.text, /UNACCEPTABLE_ADDRESSES/);
  bench.stands();
});

check("RFC 4555 §3.5", "An answer to an update settles nothing once the path is another", () => {
  const { bench } = upMobile("initiator");
  bench.tell({ kind: "move" });
  const [first] = bench.said();
  bench.tell({ kind: "move", path: { ...PATH, ownAddress: OWN[2]! } });
  assert.equal(bench.said().length, 0);
  bench.answer([cookieOf(first!)]);
  assert.equal(moves(bench), 0);
  const [second] = bench.said();
  assert.deepEqual([...second!.path.ownAddress], [...OWN[2]!]);
  const answer = bench.response([cookieOf(second!)]);
  bench.hear(answer, second!.path);
  assert.equal(moves(bench), 1);
});

check("RFC 4555 §3.5", "A request that is not answered yet is repeated by the new path", () => {
  const { bench } = upMobile("initiator");
  bench.tell({ kind: "liveness_check" });
  const [check] = bench.said();
  bench.tell({ kind: "move" });
  bench.pass(600);
  const [again] = bench.said();
  assert.deepEqual(again!.octets, check!.octets);
  assert.deepEqual([...again!.path.ownAddress], [...OWN[1]!]);
});

check("RFC 4555 §3.5", "A Delete that is not answered yet is repeated by the new path", () => {
  const { bench } = upMobile("initiator");
  bench.tell({ kind: "close", closeCode: CloseCode.STOPPED });
  const [sent] = bench.said();
  bench.tell({ kind: "move" });
  assert.equal(bench.said().length, 0, "no update follows");
  bench.pass(600);
  const [again] = bench.said();
  assert.deepEqual(again!.octets, sent!.octets);
  assert.deepEqual([...again!.path.ownAddress], [...OWN[1]!]);
});

both("RFC 4555 §3.6", "Addresses that the peer names replace those before", (role) => {
  const v6 = new Uint8Array(16).fill(0x20);
  const more = [notify(ADDITIONAL_IP4_ADDRESS, ip(10, 0, 0, 12))];
  const { bench } = upMobile(role, { more });
  const known = () => bench.sa.peer.mobility!.peerAddresses.map((a) => a.join("."));
  assert.deepEqual(known(), ["10.0.0.2", "10.0.0.12"]);
  const named = [
    notify(ADDITIONAL_IP4_ADDRESS, ip(10, 0, 0, 13)),
    notify(ADDITIONAL_IP6_ADDRESS, v6),
    notify(ADDITIONAL_IP4_ADDRESS, ip(224, 0, 0, 5)),
  ];
  askBy(bench, PATH, named);
  assert.deepEqual(known(), ["10.0.0.2", "10.0.0.13", v6.join(".")]);
  askBy(bench, PATH, [notify(NO_ADDITIONAL_ADDRESSES)]);
  assert.deepEqual(known(), ["10.0.0.2"]);
});

check("RFC 4555 §3.6", "After a move of its own end an initiator names its addresses anew", () => {
  const { bench } = upMobile("initiator");
  bench.tell({ kind: "move" });
  const [update] = bench.said();
  bench.hear(bench.response([cookieOf(update!)]), update!.path);
  const [named] = bench.said();
  const list = notifies(named!.payloads).filter((n) => n.notify === ADDITIONAL_IP4_ADDRESS);
  assert.deepEqual(list.map(({ data }) => data[3]), [1, 21]);
});

check("RFC 4555 §3.6", "An announcement that went out from several addresses is made again", () => {
  const { bench } = upMobile("initiator");
  bench.tell({ kind: "move" });
  const [update] = bench.said();
  bench.hear(bench.response([cookieOf(update!)]), update!.path);
  const [named] = bench.said();
  const path = { ...PATH, ownAddress: OWN[2]! };
  assert.ok(findNotify(named!.payloads, ADDITIONAL_IP4_ADDRESS));
  bench.tell({ kind: "move", path });
  bench.hear(bench.response([]), path);
  const [second] = bench.said();
  assert.ok(findNotify(second!.payloads, UPDATE_SA_ADDRESSES));
  bench.hear(bench.response([cookieOf(second!)]), path);
  const [again] = bench.said();
  const list = notifies(again!.payloads).filter((n) => n.notify === ADDITIONAL_IP4_ADDRESS);
  assert.deepEqual(list.map(({ data }) => data[3]), [1, 11]);
});

both(
  "RFC 4555 §3.7",
  "COOKIE2 comes back as it came, and one of a wrong length is malformed",
  (role) => {
    const { bench } = upMobile(role);
    for (const octets of [8, 64]) {
      const data = new Uint8Array(octets).fill(octets);
      assert.deepEqual(bench.ask(INFORMATIONAL, [notify(COOKIE2, data)]), [notify(COOKIE2, data)]);
    }
    for (const octets of [0, 7, 65]) {
      const { bench } = upMobile(role);
      bench.refuses(INVALID_SYNTAX, INFORMATIONAL, [notify(COOKIE2, new Uint8Array(octets))]);
    }
  },
);

both("RFC 4555 §3.7", "An answer without the COOKIE2 of the request ends the IKE SA", (role) => {
  for (const wrong of [[], [notify(COOKIE2, COOKIE)]]) {
    const { bench } = upMobile(role);
    const { sa } = bench;
    if (role === "initiator") bench.tell({ kind: "move" });
    else askBy(bench, OTHER, [notify(UPDATE_SA_ADDRESSES)]);
    bench.said();
    bench.answer(wrong);
    assert.equal(moves(bench), 0);
    assert.equal(bench.sa.children.length, 0);
    const [last] = bench.said();
    assert.ok(findPayload(last!.payloads, PayloadType.DELETE));
    bench.answer([]);
    bench.over();
    assert.match(bench.failure, /COOKIE2/);
    assert.equal(sa.closeCode, CloseCode.REFUSED_HERE);
  }
});

both(
  "RFC 4555 §3.8",
  "A request that updates nothing moves nobody, wherever it comes from",
  (role) => {
    const { bench } = upMobile(role);
    bench.sa.peer.natPeer = true;
    const [answer] = askBy(bench, OTHER, []);
    assert.ok(samePath(answer!.path, OTHER), "it is answered to where it came from");
    assert.ok(samePath(bench.sa.path, PATH));
    assert.equal(moves(bench), 0);
  },
);

check("RFC 4555 §3.8", "NAT_DETECTION in a request is answered with NAT_DETECTION", () => {
  const { bench } = upMobile("responder");
  const hash = new Uint8Array(20);
  const asked = [
    notify(NAT_DETECTION_SOURCE_IP, hash),
    notify(NAT_DETECTION_DESTINATION_IP, hash),
  ];
  const answer = bench.ask(INFORMATIONAL, asked);
  assert.deepEqual(names(answer), ["NAT_DETECTION_SOURCE_IP", "NAT_DETECTION_DESTINATION_IP"]);
  assert.equal(bench.sa.peer.natPeer, false, "nothing else is done about it");
});

check(
  "RFC 4555 §3.9",
  "An update that a NAT has changed on its way is refused where none may",
  () => {
    const { bench } = upMobile("responder");
    const sent = Uint8Array.of(...PATH.peerAddress, ...PATH.ownAddress, 1, 244, 1, 244);
    const [answer, ...others] = askBy(bench, OTHER, [
      notify(UPDATE_SA_ADDRESSES),
      notify(NO_NATS_ALLOWED, sent),
      notify(COOKIE2, COOKIE),
    ]);
    assert.deepEqual(names(answer!.payloads), ["UNEXPECTED_NAT_DETECTED", "COOKIE2"]);
    assert.equal(others.length, 0);
    assert.ok(samePath(bench.sa.path, PATH));
    const right = Uint8Array.of(...OTHER.peerAddress, ...OTHER.ownAddress, 1, 244, 1, 244);
    askBy(bench, OTHER, [notify(UPDATE_SA_ADDRESSES), notify(NO_NATS_ALLOWED, right)]);
    assert.ok(samePath(bench.sa.path, OTHER));
  },
);

check("RFC 4555 §3.9", "A path with a NAT that an initiator does not allow is left again", () => {
  const { bench } = upMobile("initiator", { change: { refuseNat: true } });
  bench.tell({ kind: "move" });
  const [update] = bench.said();
  assert.ok(findNotify(update!.payloads, NO_NATS_ALLOWED));
  bench.hear(
    bench.response([notify(UNEXPECTED_NAT_DETECTED), cookieOf(update!)]),
    update!.path,
  );
  assert.ok(samePath(bench.sa.path, PATH));
  bench.stands();
});

check(
  "RFC 4555 §3.9",
  "Without NAT traversal each request that names addresses allows no NAT",
  () => {
    const { bench, said } = upMobile("initiator", { change: { natt: undefined } });
    assert.ok(findNotify(said, NO_NATS_ALLOWED), "IKE_AUTH");
    bench.tell({ kind: "move" });
    const [update] = bench.said();
    const { data } = findNotify(update!.payloads, NO_NATS_ALLOWED)!;
    assert.deepEqual([...data], [...OWN[1]!, ...PATH.peerAddress, 1, 244, 1, 244]);
    bench.hear(bench.response([cookieOf(update!)]), update!.path);
    const [named] = bench.said();
    assert.ok(findNotify(named!.payloads, NO_NATS_ALLOWED), "announcement");
  },
);
