// NULL authentication (RFC 7619): one end, or both, have no identity, but each still proves by AUTH that it
// has the keys of the IKE SA.
import assert from "node:assert/strict";
import { portableBackend } from "@/crypto/portable.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import { IdType } from "@/iana/id_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { sharedKeyMic } from "@/ike/auth/psk.ts";
import { signedOctetsOf, skPOf } from "@/ike/auth/signed_octets.ts";
import type { IdentityRule, NullAuth, PskAuth } from "@/ike/records/config.ts";
import { findNotify } from "@/ike/records/notify.ts";
import { findPayload } from "@/wire/message.ts";
import { Maker } from "../../pki/_maker.ts";
import { fqdn, signs, verifies } from "./_signing.ts";
import { setUp } from "./two_ends.ts";

const crypto = portableBackend();
const maker = new Maker(crypto);
const root = await maker.root();
const gateway = await maker.issue("b.test", root, { altNames: [{ form: "dns", text: "b.test" }] });
const { NULL_AUTHENTICATION, ECDSA_SHA256_P256 } = AuthMethod;
const nullAuth: NullAuth = { kind: "null_auth" };
const psk: PskAuth = { kind: "psk", secret: new TextEncoder().encode("secret") };
const ID_NULL: IdentityRule = {
  kind: "fixed",
  identity: { idType: IdType.ID_NULL, data: new Uint8Array(0) },
};

Deno.test("NULL authentication of both ends has AUTH by SK_pi and SK_pr, and ID_NULL", async () => {
  const end = { ownId: ID_NULL, auth: { own: nullAuth, peer: nullAuth } };
  let expected: Uint8Array | undefined;
  const { initiator, responder } = await setUp(crypto, {
    initiator: end,
    responder: end,
    keyed: (sa) => {
      sa.peer.ownId = { idType: IdType.ID_NULL, data: new Uint8Array(0) };
      expected = sharedKeyMic(sa.suite!.prf, skPOf(sa, "own"), signedOctetsOf(sa, "own"));
    },
  });
  assert.deepEqual([...initiator.failures, ...responder.failures], []);
  assert.equal(responder.sa.phase, "established");
  assert.equal(responder.sa.peer.auth, NULL_AUTHENTICATION);
  const said = initiator.said[1]!;
  const auth = findPayload(said, PayloadType.AUTH)!;
  assert.equal(auth.method, NULL_AUTHENTICATION);
  assert.deepEqual(auth.data, expected);
  const id = findPayload(said, PayloadType.IDI)!;
  assert.deepEqual([id.idType, id.data.length], [IdType.ID_NULL, 0]);
  assert.equal(findNotify(said, NotifyType.INITIAL_CONTACT), undefined);
  assert.match(responder.notes.join(), /The peer is not authenticated: it came by NULL/);
});

Deno.test("a client with NULL authentication verifies a gateway by its certificate", async () => {
  const { initiator, responder } = await setUp(crypto, {
    initiator: {
      ownId: ID_NULL,
      auth: { own: nullAuth, peer: verifies(root, ECDSA_SHA256_P256) },
    },
    responder: {
      ownId: fqdn("b.test"),
      auth: { own: signs(gateway, ECDSA_SHA256_P256), peer: nullAuth },
    },
  });
  assert.deepEqual([...initiator.failures, ...responder.failures], []);
  assert.equal(initiator.sa.peer.auth, ECDSA_SHA256_P256);
});

Deno.test("an end that expects a PSK refuses NULL authentication, and vice versa", async () => {
  const first = await setUp(crypto, {
    initiator: { ownId: ID_NULL, auth: { own: nullAuth, peer: psk } },
    responder: { auth: { own: psk, peer: psk } },
  });
  assert.match(
    first.responder.failures.join(),
    /it authenticates by NULL Authentication, authpeermethod asks for psk/,
  );
  const second = await setUp(crypto, {
    initiator: { auth: { own: psk, peer: psk } },
    responder: { auth: { own: psk, peer: nullAuth } },
  });
  assert.match(second.responder.failures.join(), /authpeermethod asks for null-auth/);
});
