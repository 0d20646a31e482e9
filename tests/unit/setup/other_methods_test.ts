// Options of further authentication methods, and of their announcement to the peer (RFC 9593).
import assert from "node:assert/strict";
import { ikeConfigOf } from "@/engine/run/config_of.ts";
import { CLIENT, errorsOf, GATEWAY, load } from "./_rig.ts";

/** A gateway with these lines under `ikeconf`. */
const gateway = (...lines: readonly string[]) =>
  GATEWAY + lines.map((line) => `  ${line}\n`).join("");

Deno.test("authownothers and authpeerothers give further methods of each end, in their order", () => {
  const { setup } = load(
    gateway(
      "authownmethod: null-auth",
      "authownothers: psk",
      "authpeermethod: null-auth",
      "authpeerothers: [psk]",
      "announceauth: true",
    ),
  );
  const { auth, announcesAuth } = ikeConfigOf(setup);
  assert.equal(announcesAuth, true);
  assert.deepEqual([auth.own.kind, auth.peer.kind], ["null_auth", "null_auth"]);
  assert.deepEqual(auth.ownOthers!.map(({ kind }) => kind), ["psk"]);
  assert.deepEqual(auth.peerOthers!.map(({ kind }) => kind), ["psk"]);
  const plain = ikeConfigOf(load(CLIENT).setup);
  assert.deepEqual([plain.announcesAuth, plain.auth.ownOthers, plain.auth.peerOthers], [
    false,
    undefined,
    undefined,
  ]);
});

Deno.test("a further method is refused if it is named twice, lacks its options, or meets a second authentication", () => {
  assert.match(errorsOf(gateway("authownothers: psk"))[0]!, /authownothers names psk, which/);
  assert.match(errorsOf(gateway("authpeerothers: [rsa, rsa]", "cadir: /tmp"))[0]!, /names rsa/);
  assert.match(errorsOf(gateway("authownothers: rsa"))[0]!, /eedir, issuercert or rawkey/);
  assert.match(errorsOf(gateway("authpeerothers: rsa"))[0]!, /cadir, peerrawkey or/);
  assert.match(errorsOf(gateway("authownothers: eap"))[0]!, /expected one of|Expected/i);
  const second = gateway("authown2: psk", "authownothers: rsa", "eedir: /tmp");
  assert.ok(errorsOf(second).some((text) => /authownothers with authown2/.test(text)));
});

Deno.test("matchpeerid: cert is refused if a further method of the peer has no certificate", () => {
  const lines = ["authpeermethod: rsa", "authpeerothers: psk", "cadir: /tmp"];
  const text = CLIENT +
    [...lines, "peerid: gw.test", "matchpeerid: cert"].map((line) => `  ${line}\n`).join("");
  assert.ok(
    errorsOf(text).some((line) => /needs a peer that signs: authpeerothers has psk/.test(line)),
  );
});

Deno.test("a warning is given for announceauth at a gateway whose clients use EAP", () => {
  const lines = ["authpeermethod: eap", "announceauth: true", "authownmethod: psk"];
  const { warnings } = load(
    gateway(...lines, "eapmethod: [md5]", "eapusers: [{identity: a, password: b}]"),
  );
  assert.ok(warnings.map(String).some((text) => /announceauth has no effect/.test(text)));
});
