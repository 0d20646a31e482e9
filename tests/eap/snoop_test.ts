/** eapol_test as our peer: it logs in at our EAP server and at hostapd's, and its MSK is read. */
import assert from "node:assert/strict";
import type { EapAnswer, EapPeer } from "@/eap/conversation.ts";
import { openEapServer } from "@/eap/server.ts";
import { EapUsers } from "@/eap/users.ts";
import { EapType } from "@/iana/eap_type.ts";
import { loadLibssl } from "@/native/libssl.ts";
import { EapolTest, identityInConf } from "@/radius/eapol_test.ts";
import { labTest, random } from "./_lab.ts";

const TLS_DIR = new URL("../api/tls/", import.meta.url).pathname;
const pem = (name: string) => Deno.readTextFileSync(`${TLS_DIR}${name}`);
const USERS = new EapUsers([{ identity: "bob&d", password: "secret" }]);
const ENV = { random, tls: loadLibssl() };
const SERVER_TLS = {
  anchors: pem("authority.pem"),
  certificate: pem("server.pem"),
  key: pem("server.key"),
  versionMax: 0x0303,
};

function conf(lines: readonly string[]): string {
  return `network={\n key_mgmt=IEEE8021X\n eapol_flags=0\n${lines.join("\n")}\n}\n`;
}

/** A login at our own server, without RADIUS and without IKE. */
async function login(
  peer: EapPeer,
  type: number,
): Promise<{ readonly peer: EapAnswer; readonly server: EapAnswer }> {
  const settings = { methods: [type], users: USERS, tls: SERVER_TLS };
  const server = openEapServer(settings, ENV);
  let atServer = server.start(undefined);
  for (;;) {
    const atPeer = await peer.step((atServer as { octets: Uint8Array }).octets);
    if (atServer.kind !== "send" || atPeer.kind !== "send") {
      return { peer: atPeer, server: atServer };
    }
    atServer = server.step(atPeer.octets);
  }
}

const PASSWORD = [' password="secret"', ` ca_cert="${TLS_DIR}authority.pem"`];
const METHODS = [
  { name: "MD5", type: EapType.MD5_CHALLENGE, lines: [" eap=MD5"] },
  { name: "GTC", type: EapType.GTC, lines: [" eap=GTC"] },
  { name: "MSCHAPv2", type: EapType.MSCHAPV2, lines: [" eap=MSCHAPV2"] },
  { name: "TTLS", type: EapType.TTLS, lines: [" eap=TTLS", ' phase2="auth=MSCHAPV2"'] },
  { name: "PEAP", type: EapType.PEAP, lines: [" eap=PEAP", ' phase2="auth=MSCHAPV2"'] },
  {
    name: "TLS",
    type: EapType.TLS,
    lines: [
      " eap=TLS",
      ` client_cert="${TLS_DIR}client.pem"`,
      ` private_key="${TLS_DIR}client.key"`,
    ],
  },
] as const;

for (const { name, type, lines } of METHODS) {
  labTest(`eapol_test is our peer by ${name}, and its MSK is ours`, ["eapol_test"], async () => {
    const relay = new EapolTest({ program: "eapol_test" });
    const text = conf([...lines, ' identity="bob7"', ...PASSWORD]);
    assert.equal(identityInConf(text), "bob7");
    const { peer, server } = await login(relay.open(text), type);
    assert.ok(server.kind === "succeeded", JSON.stringify(server));
    assert.ok(peer.kind === "succeeded", JSON.stringify(peer));
    assert.deepEqual(peer.outcome.msk, server.outcome.msk);
    assert.equal(peer.outcome.identity, "bob7");
    await relay.close();
    assert.equal(relay.processes, 0);
  });
}

labTest("eapol_test says why it fails", ["eapol_test"], async () => {
  const relay = new EapolTest({ program: "eapol_test" });
  const lines = [" eap=MSCHAPV2", ' identity="bob7"'];
  const wrong = relay.open(conf([...lines, ' password="other"']));
  const { peer } = await login(wrong, EapType.MSCHAPV2);
  assert.ok(peer.kind === "failed");
  assert.match(peer.why, /eapol_test fails: .*error 691/);
  const broken = relay.open(conf([...lines, " passw"]));
  const spoilt = await login(broken, EapType.MSCHAPV2);
  assert.ok(spoilt.peer.kind === "failed");
  assert.match(spoilt.peer.why, /Line 7|invalid|Failed/);
  await relay.close();
  assert.equal(relay.processes, 0);
});

Deno.test("a program that is not there is named", async () => {
  const relay = new EapolTest({ program: "/nowhere/eapol_test" });
  const answer = await relay.open("").step(Uint8Array.of(1, 1, 0, 5, 1));
  assert.ok(answer.kind === "failed");
  assert.match(answer.why, /cannot be started: .*eapoltestpath is \/nowhere\/eapol_test/);
  await relay.close();
  assert.equal(relay.processes, 0);
});

labTest("twenty logins share four processes, and none is left", ["eapol_test"], async () => {
  const relay = new EapolTest({ program: "eapol_test", processesMax: 4 });
  let most = 0;
  const logins = Array.from({ length: 20 }, async (_, i) => {
    const text = conf([" eap=MSCHAPV2", ` identity="bob${i}"`, ' password="secret"']);
    const ended = await login(relay.open(text), EapType.MSCHAPV2);
    most = Math.max(most, relay.processes);
    return ended;
  });
  const ended = await Promise.all(logins);
  assert.ok(ended.every(({ peer }) => peer.kind === "succeeded"));
  assert.ok(most <= 4);
  await relay.close();
  assert.equal(relay.processes, 0);
});

labTest("a login that is closed midway leaves no process", ["eapol_test"], async () => {
  const relay = new EapolTest({ program: "eapol_test" });
  const peer = relay.open(conf([" eap=MSCHAPV2", ' identity="bob1"', ' password="secret"']));
  const first = await peer.step(Uint8Array.of(1, 1, 0, 5, 1));
  assert.equal(first.kind, "send");
  assert.equal(relay.processes, 1);
  peer.close();
  await relay.close();
  assert.equal(relay.processes, 0);
});

labTest("another user who has read the secret by ps gets no answer, and ends no login", [
  "eapol_test",
  "setpriv",
  "python3",
], async (directory) => {
  if (Deno.uid() !== 0) return;
  // In place of eapol_test: another user sends a request by the same secret first, then the real one runs.
  const stranger = `
import hashlib, hmac, os, socket, sys
port, secret = int(sys.argv[1]), sys.argv[2].encode()
eap = bytes([2, 0, 0, 9, 1]) + b"evil"
head = lambda n: bytes([1, 7]) + n.to_bytes(2, "big") + bytes(16)
body = bytes([79, len(eap) + 2]) + eap + bytes([80, 18])
packet = head(20 + len(body) + 16) + body + bytes(16)
mac = hmac.new(secret, packet, hashlib.md5).digest()
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(0.5)
s.sendto(packet[:-16] + mac, ("127.0.0.1", port))
try:
    s.recv(4096)
    open(sys.argv[3], "w").write("answered")
except socket.timeout:
    open(sys.argv[3], "w").write("silent")
`;
  await Deno.chmod(directory, 0o777);
  await Deno.writeTextFile(`${directory}/stranger.py`, stranger);
  const wrapper = `#!/bin/sh
setpriv --reuid=65534 --regid=65534 --clear-groups /usr/bin/python3 -B ${directory}/stranger.py "$7" "$9" ${directory}/said >&2
exec eapol_test "$@"
`;
  await Deno.writeTextFile(`${directory}/eapol_test`, wrapper, { mode: 0o755 });
  const relay = new EapolTest({ program: `${directory}/eapol_test` });
  const text = conf([" eap=MD5", ' identity="bob7"', ...PASSWORD]);
  const { peer, server } = await login(relay.open(text), EapType.MD5_CHALLENGE);
  assert.equal(await Deno.readTextFile(`${directory}/said`), "silent");
  assert.ok(server.kind === "succeeded", JSON.stringify(server));
  assert.ok(peer.kind === "succeeded", JSON.stringify(peer));
  await relay.close();
});
