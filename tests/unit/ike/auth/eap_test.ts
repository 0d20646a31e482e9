// EAP between our two roles (RFC 7296 §2.16), EAP-only (RFC 5998), EAP with a PPK (RFC 8784), and how each
// of them fails.
import assert from "node:assert/strict";
import { SeededRandom } from "@/base/random.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { openEapPeer } from "@/eap/peer.ts";
import { openEapServer } from "@/eap/server.ts";
import { EapUsers } from "@/eap/users.ts";
import type { EapServer } from "@/eap/conversation.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import { EapType } from "@/iana/eap_type.ts";
import { IdType } from "@/iana/id_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { findNotify } from "@/ike/records/notify.ts";
import type { EapServerAuth, IkeConfig, PpkConfig } from "@/ike/records/config.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import type { AuthPayload } from "@/wire/payloads/authentication.ts";
import { Maker } from "../../pki/_maker.ts";
import { signs, verifies } from "./_signing.ts";
import { type Ends, setUp } from "./two_ends.ts";

const crypto = portableBackend();
const maker = new Maker(crypto);
const root = await maker.root();
const gateway = await maker.issue("gw.test", root, {
  altNames: [{ form: "dns", text: "gw.test" }],
});
const { ECDSA_SHA256_P256, PRIVATE_EAP, PRIVATE_EAP_ONLY } = AuthMethod;
const { MSCHAPV2, MD5_CHALLENGE, GTC } = EapType;

const fqdn = (text: string): IkeConfig["ownId"] => ({
  kind: "fixed",
  identity: { idType: IdType.ID_FQDN, data: new TextEncoder().encode(text) },
});
const random = new SeededRandom(2716);
const env = { random: (count: number) => random.octets(count), tls: undefined };
const certificate = {
  own: signs(gateway, ECDSA_SHA256_P256),
  peer: verifies(root, ECDSA_SHA256_P256, { requested: [] }),
};

interface LoginOptions {
  readonly method?: number;
  readonly password?: string;
  readonly only?: boolean;
  readonly asks?: boolean;
  /** Wraps the EAP server of the responder. */
  readonly through?: (server: EapServer) => EapServer;
}

let closed = 0;

function ends(options: LoginOptions = {}): Ends {
  const { method = MSCHAPV2, password = "wonderland", only = false, asks = false } = options;
  const users = new EapUsers([{ identity: "alice", password: "wonderland" }]);
  const openServer: EapServerAuth["open"] = () => {
    const server = openEapServer({ methods: [method], users }, env);
    const counted: EapServer = {
      start: (identity) => server.start(identity),
      step: (octets) => server.step(octets),
      close() {
        closed++;
        server.close();
      },
    };
    return options.through?.(counted) ?? counted;
  };
  const credentials = { identity: "alice", methods: [method], password };
  return {
    initiator: {
      ownId: fqdn("alice"),
      auth: {
        own: { kind: "eap", open: () => openEapPeer(credentials, env) },
        peer: only ? { kind: "eap_only", verifying: undefined } : certificate.peer,
      },
    },
    responder: {
      ownId: fqdn("gw.test"),
      auth: {
        own: only ? { kind: "eap_only" } : certificate.own,
        peer: { kind: "eap", open: openServer, asksIdentity: asks },
      },
    },
  };
}

const types = (payloads: readonly Payload[]) => payloads.map(({ type }) => type);
const { IDI, IDR, CERT, NOTIFY, CERTREQ, AUTH, EAP, SA, TSI, TSR } = PayloadType;

Deno.test("EAP-MSCHAPv2 has the messages of RFC 7296 §2.16, and AUTH by the MSK", async () => {
  const { initiator, responder } = await setUp(crypto, ends());
  assert.deepEqual([...initiator.failures, ...responder.failures], []);
  assert.equal(responder.sa.phase, "established");
  assert.deepEqual(initiator.said.slice(1).map(types), [
    [IDI, NOTIFY, CERTREQ, SA, TSI, TSR],
    [EAP],
    [EAP],
    [AUTH],
  ]);
  assert.deepEqual(responder.said.slice(1).map(types), [
    [IDR, CERT, AUTH, EAP],
    [EAP],
    [EAP],
    [AUTH, SA, TSI, TSR],
  ]);
  const proof = findPayload(initiator.said.at(-1)!, AUTH) as AuthPayload;
  assert.equal(proof.method, AuthMethod.SHARED_KEY_MIC);
  assert.deepEqual([initiator.sa.peer.ownAuth, initiator.sa.peer.auth], [PRIVATE_EAP, 9]);
  assert.deepEqual([responder.sa.peer.ownAuth, responder.sa.peer.auth], [9, PRIVATE_EAP]);
});

for (const [name, method] of [["MD5", MD5_CHALLENGE], ["GTC", GTC]] as const) {
  Deno.test(`EAP-${name} has no MSK: AUTH is by SK_pi and SK_pr (§2.16)`, async () => {
    const { initiator, responder } = await setUp(crypto, ends({ method }));
    assert.deepEqual([...initiator.failures, ...responder.failures], []);
    assert.equal(initiator.sa.phase, "established");
  });
}

Deno.test("a gateway may ask for the identity although IDi contains it", async () => {
  const { responder } = await setUp(crypto, ends({ asks: true }));
  assert.equal(responder.sa.phase, "established");
  const first = findPayload(responder.said[1]!, EAP)!;
  assert.equal(first.data[4], EapType.IDENTITY);
});

Deno.test("a wrong password gives EAP Failure, AUTHENTICATION_FAILED and causes", async () => {
  const before = closed;
  const { initiator, responder } = await setUp(crypto, ends({ password: "through the glass" }));
  assert.equal(initiator.sa.phase, "closed");
  assert.equal(responder.sa.phase, "closed");
  const last = responder.said.at(-1)!;
  assert.ok(findNotify(last, NotifyType.AUTHENTICATION_FAILED));
  assert.equal(findPayload(last, EAP)!.data[0], 4, "EAP Failure");
  assert.match(responder.failures[0]!, /Cannot authenticate alice \(ID_FQDN\) at .*MSCHAPv2/);
  assert.match(initiator.failures[0]!, /Cannot authenticate ourselves, alice .*MSCHAPv2/);
  assert.match(responder.sa.failure!.cause, /^EAP: /);
  assert.equal(closed, before + 1, "the conversation is closed");
});

Deno.test("EAP-only: both ends send AUTH by the MSK after EAP only (RFC 5998)", async () => {
  const { initiator, responder } = await setUp(crypto, ends({ only: true }));
  assert.deepEqual([...initiator.failures, ...responder.failures], []);
  assert.ok(findNotify(initiator.said[1]!, NotifyType.EAP_ONLY_AUTHENTICATION));
  assert.deepEqual(types(responder.said[1]!), [IDR, EAP]);
  assert.deepEqual(types(responder.said.at(-1)!), [AUTH, SA, TSI, TSR]);
  const { peer } = initiator.sa;
  assert.deepEqual([peer.ownAuth, peer.auth], [PRIVATE_EAP, PRIVATE_EAP_ONLY]);
});

Deno.test("EAP-only refuses methods without an MSK (RFC 5998 §4)", async () => {
  const { initiator, responder } = await setUp(crypto, ends({ only: true, method: MD5_CHALLENGE }));
  assert.match([...initiator.failures, ...responder.failures].join("; "), /MD5 has no key \(MSK\)/);
  assert.notEqual(initiator.sa.phase, "established");
});

Deno.test("a gateway with EAP-only refuses an initiator that does not offer it", async () => {
  const { initiator } = ends();
  const { responder } = ends({ only: true });
  const both = await setUp(crypto, { ...ends(), initiator: initiator!, responder: responder! });
  assert.match(both.responder.failures[0]!, /does not offer EAP-only authentication/);
});

Deno.test("an initiator with AUTH in its first request does not use EAP", async () => {
  const psk = { kind: "psk", secret: new Uint8Array(8) } as const;
  const { initiator, responder } = ends();
  const by = { ...initiator, auth: { own: psk, peer: certificate.peer } };
  const both = await setUp(crypto, { initiator: by, responder: responder! });
  assert.match(
    both.responder.failures[0]!,
    /authenticates by Shared Key.*authpeermethod asks for eap/,
  );
});

Deno.test("a server that gives no MSK, as by RADIUS, is detected by a wrong AUTH", async () => {
  const through = (server: EapServer): EapServer => ({
    ...server,
    async step(octets) {
      const answer = await server.step(octets);
      if (answer.kind !== "succeeded") return answer;
      return { ...answer, outcome: { ...answer.outcome, msk: undefined } };
    },
  });
  const both = await setUp(crypto, ends({ through }));
  assert.match(both.responder.failures[0]!, /does not prove SK_pi or SK_pr behind .*MSCHAPv2/);
  assert.equal(both.initiator.sa.phase, "closed");
});

Deno.test("EAP does not begin with a responder whose certificate is not trusted", async () => {
  const stranger = await maker.root("Stranger");
  const { initiator, responder } = ends();
  const peer = verifies(stranger, ECDSA_SHA256_P256);
  const careful = { ...initiator, auth: { ...initiator!.auth!, peer } };
  const both = await setUp(crypto, { initiator: careful, responder: responder! });
  assert.match(both.initiator.failures[0]!, /Cannot trust gw\.test .*is refused/);
  assert.equal(both.initiator.said.length, 2, "nothing is sent after its IKE_AUTH response");
});

Deno.test("an EAP Failure without IDr is reported as a refused authentication", async () => {
  const { initiator, responder } = ends();
  const bob = { ...initiator, ownId: fqdn("bob") };
  const both = await setUp(crypto, { initiator: bob, responder: responder! });
  assert.match(both.responder.failures[0]!, /there is no such user/);
  assert.match(both.initiator.failures[0]!, /refused our authentication .*we are bob .* by eap/);
});

const octets = (words: string) => new TextEncoder().encode(words);

function ppk(change: Partial<PpkConfig> = {}): PpkConfig {
  const key = octets("a key of 32 octets for tests of it");
  return { id: octets("quantum-1"), key, required: false, intermediate: false, ...change };
}

/** Sets up an IKE SA by EAP between ends that have these PPKs, or none. */
async function loginWith(
  ofInitiator: PpkConfig | undefined,
  ofResponder: PpkConfig | undefined,
  options: LoginOptions = {},
) {
  const { initiator, responder } = ends(options);
  const both = await setUp(crypto, {
    initiator: { ...initiator, ppk: ofInitiator },
    responder: { ...responder, ppk: ofResponder },
  });
  return { ...both, failures: [...both.initiator.failures, ...both.responder.failures].join("; ") };
}

const { NO_PPK_AUTH, PPK_IDENTITY } = NotifyType;

for (const only of [false, true]) {
  Deno.test(`a PPK with EAP${only ? "-only" : ""} is named beside AUTH (RFC 8784 §3)`, async () => {
    const { initiator, responder, failures } = await loginWith(ppk(), ppk(), { only });
    assert.equal(failures, "");
    assert.deepEqual([initiator.sa.peer.ppk, responder.sa.peer.ppk], [true, true]);
    assert.deepEqual(initiator.sa.keys, responder.sa.keys);
    const named = (said: readonly (readonly Payload[])[], type: number) =>
      said.map((payloads) => findNotify(payloads, type) !== undefined);
    const last = [false, false, false, false, true];
    assert.deepEqual(named(initiator.said, PPK_IDENTITY), last);
    assert.deepEqual(named(initiator.said, NO_PPK_AUTH), last);
    assert.deepEqual(named(responder.said, PPK_IDENTITY), last);
    const plain = await loginWith(undefined, undefined, { only });
    assert.notDeepEqual(initiator.sa.keys, plain.initiator.sa.keys);
  });
}

Deno.test("EAP continues without a PPK that is unknown, unless it is required", async () => {
  for (const other of [undefined, ppk({ id: octets("quantum-2") })]) {
    const { initiator, responder, failures } = await loginWith(ppk(), other);
    assert.equal(failures, "");
    assert.deepEqual([initiator.sa.peer.ppk, responder.sa.peer.ppk], [false, false]);
    assert.deepEqual(initiator.sa.keys, responder.sa.keys);
    const strict = await loginWith(ppk({ required: true }), other);
    assert.match(strict.failures, /ppkrequired is true|sent no NO_PPK_AUTH/);
    assert.notEqual(strict.initiator.sa.phase, "established");
  }
  const strict = await loginWith(undefined, ppk({ required: true }));
  assert.match(strict.failures, /it did not say USE_PPK, and ppkrequired is true/);
});

Deno.test("a PPK of another value beside EAP makes AUTH wrong, and is named", async () => {
  const { failures } = await loginWith(
    ppk(),
    ppk({ key: octets("another key, of 34 octets for them") }),
  );
  assert.match(failures, /AUTH data does not prove .*ppk\.value of quantum-1/);
});
