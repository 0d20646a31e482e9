// Two authentications of one end (RFC 4739) with methods in different orders, and what is refused.
import assert from "node:assert/strict";
import { SeededRandom } from "@/base/random.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { openEapPeer } from "@/eap/peer.ts";
import { openEapServer } from "@/eap/server.ts";
import { EapUsers } from "@/eap/users.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import { EapType } from "@/iana/eap_type.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { IdType } from "@/iana/id_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { showIdentity } from "@/ike/negotiate/identity.ts";
import type { BothAuthConfigs, IdentityRule } from "@/ike/records/config.ts";
import { findNotify } from "@/ike/records/notify.ts";
import type { Payload } from "@/wire/message.ts";
import { checkExchange } from "@/wire/exchange_rules.ts";
import { Maker } from "../../pki/_maker.ts";
import { signs as signsBy, verifies as verifiesBy } from "./_signing.ts";
import { setUp } from "./two_ends.ts";

const crypto = portableBackend();
const maker = new Maker(crypto);
const root = await maker.root();
const owner = await maker.issue("box.test", root);
const { MULTIPLE_AUTH_SUPPORTED, ANOTHER_AUTH_FOLLOWS, AUTHENTICATION_FAILED } = NotifyType;
const { IDI, IDR, CERT, NOTIFY, CERTREQ, AUTH, EAP, SA, TSI, TSR } = PayloadType;
const { PRIVATE_EAP, ECDSA_SHA256_P256 } = AuthMethod;

const random = new SeededRandom(4739);
const env = { random: (n: number) => random.octets(n), tls: undefined };
const psk = { kind: "psk", secret: new TextEncoder().encode("first") } as const;
const otherPsk = { kind: "psk", secret: new TextEncoder().encode("second") } as const;
const signs = signsBy(owner, ECDSA_SHA256_P256);
const verifies = verifiesBy(root, ECDSA_SHA256_P256, { idMustBeInCertificate: false });

let closed = 0;
const logsIn = (method: number, password = "wonderland") => ({
  kind: "eap",
  open: () => openEapPeer({ identity: "alice", methods: [method], password }, env),
} as const);
const asks = (method: number) => ({
  kind: "eap",
  asksIdentity: false,
  open() {
    const users = new EapUsers([{ identity: "alice", password: "wonderland" }]);
    const server = openEapServer({ methods: [method], users }, env);
    return { ...forwarded(server), close: () => void closed++ };
  },
} as const);
const forwarded = (server: ReturnType<typeof openEapServer>) => ({
  start: (identity: string | undefined) => server.start(identity),
  step: (octets: Uint8Array) => server.step(octets),
});

const name = (text: string): IdentityRule => ({
  kind: "fixed",
  identity: { idType: IdType.ID_FQDN, data: new TextEncoder().encode(text) },
});
const as = <C>(text: string, config: C) => ({ config, id: name(text) });

function ends(initiator: BothAuthConfigs, responder: BothAuthConfigs) {
  const who = initiator.own.kind === "eap" ? "alice" : "box.test";
  return setUp(crypto, {
    initiator: { ownId: name(who), auth: initiator },
    responder: { ownId: name("gw.test"), auth: responder },
  });
}

/** Payload types of each IKE_AUTH message; the notifies of the second authentication by their names. */
function typesIn(said: readonly (readonly Payload[])[]): (number | string)[][] {
  return said.slice(1).map((payloads) =>
    payloads.flatMap((p): (number | string)[] => {
      if (p.type !== NOTIFY || "raw" in p) return [p.type];
      return p.notify === ANOTHER_AUTH_FOLLOWS ? ["another"] : [];
    })
  );
}

function bothEstablished({ initiator, responder }: Awaited<ReturnType<typeof setUp>>): void {
  assert.deepEqual([...initiator.failures, ...responder.failures], []);
  assert.deepEqual([initiator.sa.phase, responder.sa.phase], ["established", "established"]);
  for (const [said, response] of [[initiator.said, false], [responder.said, true]] as const) {
    for (const payloads of said.slice(1)) checkExchange(ExchangeType.IKE_AUTH, response, payloads);
  }
}

Deno.test("an initiator by certificate, then EAP, has the messages of RFC 4739 §2.2", async () => {
  const { MSCHAPV2 } = EapType;
  const both = await ends(
    { own: signs, peer: psk, own2: as("alice", logsIn(MSCHAPV2)) },
    { own: psk, peer: verifies, peer2: asks(MSCHAPV2) },
  );
  bothEstablished(both);
  const { initiator, responder } = both;
  assert.ok(findNotify(responder.said[0]!, MULTIPLE_AUTH_SUPPORTED));
  assert.ok(findNotify(initiator.said[1]!, MULTIPLE_AUTH_SUPPORTED));
  assert.deepEqual(typesIn(initiator.said), [
    [IDI, CERT, "another", AUTH, SA, TSI, TSR],
    [IDI],
    [EAP],
    [EAP],
    [AUTH],
  ]);
  assert.deepEqual(typesIn(responder.said), [
    [IDR, AUTH],
    [EAP],
    [EAP],
    [EAP],
    [AUTH, SA, TSI, TSR],
  ]);
  assert.equal(responder.sa.peer.auth, PRIVATE_EAP);
  assert.equal(showIdentity(responder.sa.peer.id!), "alice (ID_FQDN)");
  assert.match(responder.notes.join(), /box\.test .* by ecdsa-sha256-p256; another authentication/);
});

Deno.test("an initiator by EAP, then certificate, names itself after the first AUTH", async () => {
  const { MD5_CHALLENGE } = EapType;
  const before = closed;
  const both = await ends(
    { own: logsIn(MD5_CHALLENGE), peer: psk, own2: as("box.test", signs) },
    { own: psk, peer: asks(MD5_CHALLENGE), peer2: verifies },
  );
  bothEstablished(both);
  assert.deepEqual(typesIn(both.initiator.said).slice(-2), [["another", AUTH], [IDI, CERT, AUTH]]);
  assert.deepEqual(typesIn(both.responder.said).slice(-2), [[AUTH], [SA, TSI, TSR]]);
  assert.equal(closed, before + 1, "the EAP conversation of the first authentication is closed");
});

Deno.test("an initiator sends empty requests while the responder authenticates again", async () => {
  const both = await ends(
    { own: psk, peer: psk, peer2: verifies },
    { own: psk, peer: psk, own2: as("other.test", signs) },
  );
  bothEstablished(both);
  // CERTREQ is in the first message already, as a responder may look for it only there.
  assert.deepEqual(typesIn(both.initiator.said), [[IDI, CERTREQ, AUTH, SA, TSI, TSR], []]);
  assert.deepEqual(typesIn(both.responder.said), [
    [IDR, "another", AUTH],
    [IDR, CERT, AUTH, SA, TSI, TSR],
  ]);
  assert.equal(showIdentity(both.initiator.sa.peer.id!), "other.test (ID_FQDN)");
  const bare = await ends(
    { own: psk, peer: psk, peer2: otherPsk },
    { own: psk, peer: psk, own2: as("other.test", otherPsk) },
  );
  bothEstablished(bare);
  assert.deepEqual(typesIn(bare.initiator.said)[1], []);
});

Deno.test("both ends authenticate twice, the responder during EAP of the initiator", async () => {
  const { GTC } = EapType;
  const twice = await ends(
    { own: psk, peer: psk, own2: as("second.test", otherPsk), peer2: otherPsk },
    { own: psk, peer: psk, own2: as("other.test", otherPsk), peer2: otherPsk },
  );
  bothEstablished(twice);
  const mixed = await ends(
    { own: logsIn(GTC), peer: psk, own2: as("box.test", signs), peer2: verifies },
    { own: psk, peer: asks(GTC), own2: as("other.test", signs), peer2: verifies },
  );
  bothEstablished(mixed);
  assert.deepEqual(typesIn(mixed.responder.said).slice(0, 2), [
    [IDR, "another", AUTH, EAP],
    [IDR, CERT, AUTH, EAP],
  ]);
});

Deno.test("the second AUTH is verified for the second identity by the second secret", async () => {
  const { responder, initiator } = await ends(
    { own: psk, peer: psk, own2: as("second.test", psk) },
    { own: psk, peer: psk, peer2: otherPsk },
  );
  assert.match(responder.failures[0]!, /Cannot authenticate second\.test .*AUTH data .*is wrong/);
  assert.ok(findNotify(responder.said.at(-1)!, AUTHENTICATION_FAILED));
  assert.match(initiator.failures[0]!, /we are second\.test/);
  assert.equal(
    responder.sa.peer.auth,
    0,
    "one of two authentications does not authenticate the peer",
  );
});

Deno.test("a peer that authenticates once is refused if two authentications are demanded", async () => {
  const client = await ends({ own: psk, peer: psk }, { own: psk, peer: psk, peer2: otherPsk });
  assert.match(
    client.responder.failures[0]!,
    /once alone .*RFC 4739|once alone .*authpeer2 asks for psk/,
  );
  assert.equal(client.responder.sa.peer.id, undefined);
  const gateway = await ends({ own: psk, peer: psk, peer2: verifies }, { own: psk, peer: psk });
  assert.match(gateway.initiator.failures[0]!, /authpeer2 asks for ecdsa-sha256-p256/);
});

Deno.test("authown2 needs a peer that sends MULTIPLE_AUTH_SUPPORTED", async () => {
  const client = await ends({ own: psk, peer: psk, own2: as("x.test", psk) }, {
    own: psk,
    peer: psk,
  });
  assert.match(
    client.initiator.failures[0]!,
    /ourselves.*authown2 is psk.*MULTIPLE_AUTH_SUPPORTED/,
  );
  assert.equal(client.initiator.said.length, 1, "nothing is sent in IKE_AUTH");
  const gateway = await ends({ own: psk, peer: psk }, {
    own: psk,
    peer: psk,
    own2: as("x.test", psk),
  });
  assert.match(
    gateway.responder.failures[0]!,
    /ourselves.*authown2 is psk.*MULTIPLE_AUTH_SUPPORTED/,
  );
});
