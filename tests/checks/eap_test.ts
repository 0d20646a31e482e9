// EAP in IKE_AUTH: what ends it. RFC 7296 §2.16, §2.21.2, RFC 5998, RFC 4739.
import assert from "node:assert/strict";
import { openEapPeer } from "@/eap/peer.ts";
import { openEapServer } from "@/eap/server.ts";
import { EapUsers } from "@/eap/users.ts";
import { EapCode, EapType } from "@/iana/eap_type.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import type { BothAuthConfigs } from "@/ike/records/config.ts";
import { findNotify } from "@/ike/records/notify.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import { established, twoHosts } from "../two_hosts.ts";
import { Bench, notify } from "./bench.ts";
import { checksOf } from "./entries.ts";

const { check } = checksOf(import.meta.url);
const { IKE_AUTH, INFORMATIONAL } = ExchangeType;
const { AUTHENTICATION_FAILED, MULTIPLE_AUTH_SUPPORTED, ANOTHER_AUTH_FOLLOWS } = NotifyType;
const NAME = "hostile.test";
const PASSWORD = "wonderland";
const psk = { kind: "psk", secret: new TextEncoder().encode("a secret of the world") } as const;
const env = { random: (count: number) => new Uint8Array(count).fill(7), tls: undefined };

const server = (method: number): BothAuthConfigs => ({
  own: psk,
  peer: {
    kind: "eap",
    open: () => {
      const users = new EapUsers([{ identity: NAME, password: PASSWORD }]);
      return openEapServer({ methods: [method], users }, env);
    },
    asksIdentity: false,
  },
});
const client = (method: number): BothAuthConfigs => ({
  own: {
    kind: "eap",
    open: () => openEapPeer({ identity: NAME, methods: [method], password: PASSWORD }, env),
  },
  peer: psk,
});

const eap = (data: Uint8Array): Payload => ({ type: PayloadType.EAP, data });

/** Our gateway, whose peer has a password; its first EAP request. */
function asked(method: number, password = PASSWORD) {
  const bench = Bench.keyed("responder", { auth: server(method) });
  const { peer } = bench;
  const brain = openEapPeer({ identity: NAME, methods: [method], password }, env);
  const first = bench.ask(IKE_AUTH, [peer.identity(), ...peer.childPayloads()]);
  let packet = findPayload(first, PayloadType.EAP)!.data;
  /** Sends the peer's answer to the last request; returns the answer of the gateway. */
  const step = (more: readonly Payload[] = []): readonly Payload[] => {
    const answer = brain.step(packet);
    assert.equal(answer.kind, "send");
    const said = bench.ask(IKE_AUTH, [eap((answer as { octets: Uint8Array }).octets), ...more]);
    packet = findPayload(said, PayloadType.EAP)?.data ?? packet;
    return said;
  };
  return { bench, step };
}

function isRefused(bench: Bench, said: readonly Payload[], why: RegExp): void {
  assert.ok(findNotify(said, AUTHENTICATION_FAILED));
  assert.match(bench.sa.failure!.text, why);
  assert.equal(bench.sa.phase, "closed");
}

check("§2.16", "AUTH behind EAP that is not by the key of EAP is refused", () => {
  const { bench, step } = asked(EapType.MSCHAPV2);
  step();
  assert.equal(findPayload(step(), PayloadType.EAP)!.data[0], EapCode.SUCCESS);
  isRefused(bench, bench.ask(IKE_AUTH, [bench.peer.auth()]), /does not prove the key \(MSK\)/);
});

check("§2.16", "An initiator that leaves EAP out in its midst is refused", () => {
  const { bench } = asked(EapType.MSCHAPV2);
  isRefused(bench, bench.ask(IKE_AUTH, [bench.peer.auth()]), /no EAP packet/);
  const empty = asked(EapType.MSCHAPV2).bench;
  isRefused(empty, empty.ask(IKE_AUTH, []), /no EAP packet/);
});

check("§2.16", "EAP Success without a method lets no responder in", () => {
  const bench = Bench.keyed("initiator", { auth: client(EapType.MSCHAPV2) });
  const { peer, sa } = bench;
  bench.answer([peer.identity(), peer.auth(), eap(Uint8Array.of(EapCode.SUCCESS, 1, 0, 4))]);
  assert.match(sa.failure!.text, /Cannot authenticate ourselves/);
  assert.equal(sa.phase, "closed");
});

check(
  "§2.16",
  "A responder without AUTH in its first answer is refused where EAP is not enough",
  () => {
    const bench = Bench.keyed("initiator", { auth: client(EapType.MD5_CHALLENGE) });
    const { peer, sa } = bench;
    const request = Uint8Array.of(EapCode.REQUEST, 1, 0, 6, EapType.MD5_CHALLENGE, 0);
    bench.answer([peer.identity(), eap(request)]);
    assert.match(sa.failure!.text, /lacks AUTH/);
    assert.equal(sa.phase, "closed");
  },
);

check("§2.16", "An IDr behind the first answer changes nothing: AUTH is over the first", () => {
  const bench = Bench.keyed("initiator", { auth: client(EapType.GTC) });
  const { peer } = bench;
  const request = Uint8Array.of(EapCode.REQUEST, 1, 0, 6, EapType.GTC, 0x3a);
  bench.answer([peer.identity(), peer.auth(), eap(request)]);
  bench.said();
  const other = { idType: 2, data: new TextEncoder().encode("other.test") };
  bench.answer([peer.identity(other), eap(Uint8Array.of(EapCode.SUCCESS, 1, 0, 4))]);
  assert.equal(new TextDecoder().decode(bench.sa.peer.id!.data), NAME);
});

check("§2.21.2", "An initiator may give up in the midst of EAP, and what was found is told", () => {
  const { bench, step } = asked(EapType.MSCHAPV2, "guess");
  step();
  assert.deepEqual(bench.ask(INFORMATIONAL, [notify(AUTHENTICATION_FAILED)]), []);
  assert.equal(bench.sa.phase, "closed");
  assert.equal(bench.sa.failure!.cause, "EAP: wrong credentials");
  assert.match(bench.sa.failure!.text, /EAP-MSCHAPv2 fails: the peer's response .* is wrong/);
});

check("§2.21.2", "An INFORMATIONAL in the midst of EAP that reports no error is ignored", () => {
  const { bench } = asked(EapType.MSCHAPV2);
  const { peer } = bench;
  bench.ignores(/INFORMATIONAL to an SA that is not/, peer.seal(peer.header(INFORMATIONAL), []));
});

check("RFC 4739 §3.2", "A second authentication that nobody asked for is refused", () => {
  const bench = Bench.keyed("responder");
  const { peer } = bench;
  const [id, auth, ...child] = peer.authPayloads();
  const more = [notify(MULTIPLE_AUTH_SUPPORTED), notify(ANOTHER_AUTH_FOLLOWS)];
  isRefused(bench, bench.ask(IKE_AUTH, [id!, auth!, ...more, ...child]), /announces a second/);
});

check("RFC 4739 §3.2", "A second authentication begins with the identity that it is of", () => {
  const auth = { own: psk, peer: psk, peer2: psk };
  const bench = Bench.keyed("responder", { auth });
  const { peer } = bench;
  const [id, first, ...child] = peer.authPayloads();
  const more = [notify(MULTIPLE_AUTH_SUPPORTED), notify(ANOTHER_AUTH_FOLLOWS)];
  bench.ask(IKE_AUTH, [id!, first!, ...more, ...child]);
  assert.equal(bench.sa.phase, "created");
  isRefused(bench, bench.ask(IKE_AUTH, [peer.auth()]), /does not say who it is \(IDi\)/);
});

/** Inner addresses that a client gets which asks for those of the tunnel before, by each of its names in turn. */
function innerOf(names: readonly string[]): string[] {
  let name = "";
  const users = new EapUsers(
    ["alice", "bob"].map((identity) => ({ identity, password: PASSWORD })),
  );
  const methods = [EapType.MSCHAPV2];
  const own = {
    kind: "eap",
    open: () => openEapPeer({ identity: name, methods, password: PASSWORD }, env),
  } as const;
  const peer = {
    kind: "eap",
    open: () => openEapServer({ methods, users }, env),
    asksIdentity: true,
  } as const;
  const first = Uint8Array.of(10, 9, 0, 1);
  const v4 = { first, last: Uint8Array.of(10, 9, 0, 9), prefixBits: 24, dns: [] };
  const { world, a, b } = twoHosts({
    a: { auth: { own, peer: psk }, remoteAccess: true },
    b: { auth: { own: psk, peer }, pools: { v4, v6: undefined } },
  });
  return names.map((next) => {
    name = next;
    const [before] = established(a);
    world.dial(a, b, 0, before ? { renews: before } : {});
    world.run();
    return String(established(a).at(-1)!.inner!.addresses[0]);
  });
}

check(
  "§3.15.1",
  "An inner address in use is not given to another EAP user with the same IDi",
  () => {
    const one = "10,9,0,1";
    assert.deepEqual(innerOf(["alice", "alice"]), [one, one], "the same user authenticates again");
    assert.deepEqual(innerOf(["alice", "bob"]), [one, "10,9,0,2"]);
  },
);
