/** EAP-TLS, TTLS and PEAP between our two ends, over TLS 1.2 and 1.3. */
import assert from "node:assert/strict";
import { fromHex } from "@/base/bytes.ts";
import type { EapCredentials, EapServerSettings, InnerMethod } from "@/eap/method.ts";
import { openEapPeer } from "@/eap/peer.ts";
import { openEapServer } from "@/eap/server.ts";
import { EapUsers } from "@/eap/users.ts";
import { EapType } from "@/iana/eap_type.ts";
import { seededEnv, talk, whyOf } from "./_talk.ts";
import { LONG_CHAIN, STRANGER, tlsEnv, tlsSettings, tlsTest } from "./_tls.ts";

const { PEAP, TLS, TTLS } = EapType;
const hex = (text: string) => fromHex(text.replaceAll(" ", ""))!;
const USERS = new EapUsers([{ identity: "bob", password: "secret" }]);
const VERSIONS = [{ name: "TLS 1.2", max: 0x0303 }, { name: "TLS 1.3", max: 0x0304 }] as const;

interface Case {
  readonly type: number;
  readonly inner?: InnerMethod;
}
const CASES: readonly (Case & { readonly name: string })[] = [
  { name: "EAP-TLS", type: TLS },
  { name: "EAP-TTLS with MSCHAPv2", type: TTLS, inner: "mschapv2" },
  { name: "EAP-TTLS with MD5", type: TTLS, inner: "md5" },
  { name: "EAP-TTLS with PAP", type: TTLS, inner: "pap" },
  { name: "EAP-PEAP with MSCHAPv2", type: PEAP, inner: "mschapv2" },
  { name: "EAP-PEAP with MD5", type: PEAP, inner: "md5" },
];

function ends({ type, inner }: Case, versionMax: number): {
  own: EapCredentials;
  settings: EapServerSettings;
} {
  return {
    own: {
      identity: "bob",
      methods: [type],
      password: "secret",
      tls: tlsSettings("client", { versionMax }),
      inner,
    },
    settings: { methods: [type], users: USERS, tls: tlsSettings("server", { versionMax }) },
  };
}

for (const { name: version, max } of VERSIONS) {
  for (const method of CASES) {
    tlsTest(`${method.name} over ${version}: both ends have the same MSK`, () => {
      const { own, settings } = ends(method, max);
      const { peer, server } = talk(own, settings, { env: tlsEnv() });
      assert.ok(peer.kind === "succeeded", JSON.stringify(peer));
      assert.ok(server.kind === "succeeded", JSON.stringify(server));
      assert.equal(peer.outcome.msk?.length, 64);
      assert.deepEqual(peer.outcome.msk, server.outcome.msk);
      assert.equal(server.outcome.identity, method.type === TLS ? "CN=client" : "bob");
      assert.ok(
        peer.outcome.notes.includes(`${version} with CN=server`),
        peer.outcome.notes.join(),
      );
    });

    if (!method.inner) continue;
    tlsTest(`${method.name} over ${version}: another password fails at both ends`, () => {
      const { own, settings } = ends(method, max);
      const { peer, server } = talk({ ...own, password: "other" }, settings, { env: tlsEnv() });
      assert.match(whyOf(server), /inside, .*"bob" is wrong/);
      assert.match(whyOf(peer), /says Failure|says failure|E=691/);
    });
  }

  tlsTest(
    `EAP-TLS over ${version}: a peer with a certificate must be in the table of users too`,
    () => {
      const { own, settings } = ends({ type: TLS }, max);
      const alice = { ...own, identity: "alice" };
      const { server } = talk(alice, settings, { env: tlsEnv() });
      const words = /nothing can be offered to "alice" \(EAP-TLS: the table of users does not name/;
      assert.match(whyOf(server), words);
      const barred = new EapUsers([{ identity: "alice", methods: [TTLS] }]);
      const other = talk(alice, { ...settings, users: barred }, { env: tlsEnv() });
      assert.match(whyOf(other.server), /the user may not use it/);
      for (const users of [new EapUsers([]), new EapUsers([{ identity: "*" }])]) {
        const { server } = talk(alice, { ...settings, users }, { env: tlsEnv() });
        assert.equal(server.kind, "succeeded");
      }
    },
  );

  tlsTest(`fragments over ${version}: a long chain is reassembled`, () => {
    const { own, settings } = ends({ type: TLS }, max);
    const long = { versionMax: max, chain: LONG_CHAIN };
    const peerTls = tlsSettings("client", long);
    const serverTls = tlsSettings("server", long);
    const { peer, server, packets } = talk(
      { ...own, tls: peerTls },
      { ...settings, tls: serverTls },
      { env: tlsEnv() },
    );
    assert.ok(peer.kind === "succeeded" && server.kind === "succeeded");
    assert.ok(packets.length > 20);
    assert.ok(packets.every(({ octets }) => octets.length <= 1_100));
  });

  tlsTest(
    `certificates over ${version}: each end refuses one it does not trust, with TLS's reason`,
    () => {
      const { own, settings } = ends({ type: TLS }, max);
      const env = tlsEnv();
      const strange = tlsSettings("client", { versionMax: max, anchors: STRANGER });
      const { peer, server } = talk({ ...own, tls: strange }, settings, { env });
      assert.match(
        whyOf(peer),
        /EAP-TLS fails: TLS says: certificate verify failed: unable to get/,
      );
      assert.match(whyOf(server), /EAP-TLS fails: TLS says: .*unknown ca/);
      const stranger = tlsSettings("stranger", { versionMax: max });
      const other = talk({ ...own, tls: stranger }, settings, { env });
      assert.match(whyOf(other.server), /certificate verify failed: self.signed/);
      assert.match(whyOf(other.peer), /unknown ca|says Failure/);
      const named = tlsSettings("client", { versionMax: max, serverName: "other.test" });
      const wrongName = talk({ ...own, tls: named }, settings, { env });
      assert.match(whyOf(wrongName.peer), /certificate verify failed: hostname mismatch/);
      const right = tlsSettings("client", { versionMax: max, serverName: "myikev2.test" });
      assert.equal(talk({ ...own, tls: right }, settings, { env }).peer.kind, "succeeded");
    },
  );
}

tlsTest("a peer of TLS 1.2 and a server of TLS 1.3 agree on TLS 1.2", () => {
  const { settings } = ends({ type: TLS }, 0x0304);
  const { own } = ends({ type: TLS }, 0x0303);
  const { peer } = talk(own, settings, { env: tlsEnv() });
  assert.ok(peer.kind === "succeeded");
  assert.match(peer.outcome.notes.join(), /TLS 1\.2/);
});

tlsTest("a peer goes on with a server of TLS 1.2 that does not support RFC 5746", () => {
  const { own, settings } = ends({ type: TLS }, 0x0303);
  // The first response of the peer is its ClientHello, whose 00ff is TLS_EMPTY_RENEGOTIATION_INFO_SCSV.
  // A server that does not find it answers like one that does not support RFC 5746.
  const { peer, packets } = talk(own, settings, {
    env: tlsEnv(),
    meddle: (packet, from) => {
      const at = packet.findIndex((octet, i) => octet === 0 && packet[i + 1] === 0xff);
      const other = packet.slice();
      if (from === "peer" && packet[5 + 1 + 5] === 1) other[at + 1] = 0xfe;
      return other;
    },
  });
  // The handshake fails only at its end, because the two ends have hashed different messages.
  assert.match(whyOf(peer), /EAP-TLS fails/);
  assert.doesNotMatch(whyOf(peer), /renegotiation/);
  assert.ok(packets.length > 4, `${packets.length} packets`);
});

tlsTest("a server refuses a peer with which it has no inner method in common", () => {
  for (const [inner, fault] of [["pap", /PAP, which is not/], ["md5", /no|refuses/]] as const) {
    const { own, settings } = ends({ type: TTLS, inner }, 0x0304);
    const { server } = talk(own, { ...settings, inner: ["mschapv2"] }, { env: tlsEnv() });
    assert.match(whyOf(server), fault);
  }
});

tlsTest("a peer without a trust anchor notes that the certificate is not checked", () => {
  const { own, settings } = ends({ type: TTLS, inner: "pap" }, 0x0304);
  const { peer } = talk({ ...own, tls: undefined }, settings, { env: tlsEnv() });
  assert.ok(peer.kind === "succeeded");
  assert.match(peer.outcome.notes.join(), /certificate is not checked: no trust anchor/);
});

tlsTest("PEM that cannot be used is refused with the reason", () => {
  const { own, settings } = ends({ type: TLS }, 0x0304);
  const good = tlsSettings("client");
  for (
    const [tls, fault] of [
      [{ ...good, certificate: "x" }, /certificate cannot be read: no start line/],
      [
        { ...good, key: tlsSettings("server").key },
        /private key cannot be used: key values mismatch/,
      ],
      [{ ...good, anchors: "x" }, /no trust anchor can be read/],
    ] as const
  ) {
    const { peer } = talk({ ...own, tls }, settings, { env: tlsEnv() });
    assert.match(whyOf(peer), fault);
  }
});

Deno.test("without the shim TLS, TTLS and PEAP are refused by name", () => {
  for (const [type, name] of [[TLS, "EAP-TLS"], [TTLS, "EAP-TTLS"], [PEAP, "EAP-PEAP"]] as const) {
    const own = { identity: "bob", methods: [type], password: "secret" };
    const peer = openEapPeer(own, seededEnv());
    const answer = peer.step(Uint8Array.of(1, 1, 0, 6, type, 0x20));
    assert.match(whyOf(answer), new RegExp(`^${name} fails: this program carries no C shim`));
    const server = openEapServer({ methods: [type], users: USERS }, seededEnv());
    assert.match(whyOf(server.start("bob")), new RegExp(`${name}: this program carries no C shim`));
  }
});

tlsTest("fragments with wrong lengths, empty or endless ones are refused", () => {
  const { own } = ends({ type: TLS }, 0x0304);
  const cases: readonly (readonly [string, RegExp])[] = [
    ["", /Cannot read 1 octets/],
    ["80", /Cannot read 4 octets/],
    ["80 00010001 aa", /TLS message of 65537 octets, at most 65536/],
    ["80 00000003 aabbccdd", /fragments of 4 octets in a TLS message of 3/],
    ["80 00000003 aa", /TLS message of 1 octets that says 3/],
    ["40", /empty fragment with more behind it/],
    ["20", /starts TLS a second time/],
    ["00 aabbccddee", /TLS says: /],
  ];
  for (const [data, fault] of cases) {
    const peer = openEapPeer(own, tlsEnv());
    assert.equal(peer.step(hex("01 01 0006 0d 20")).kind, "send");
    const octets = hex(data);
    const last = peer.step(Uint8Array.from([1, 2, 0, 5 + octets.length, TLS, ...octets]));
    const why = last.kind === "send" ? peer.step(hex("04 02 0004")) : last;
    assert.match(whyOf(why), fault, data);
  }
  const endless = openEapPeer(own, tlsEnv());
  let answer = endless.step(hex("01 01 0006 0d 20"));
  for (let i = 2; i < 300; i++) {
    const fragment = new Uint8Array(1_006);
    fragment.set([1, i & 0xff, 1_006 >> 8, 1_006 & 0xff, TLS, 0x40, i]);
    answer = endless.step(fragment);
    if (answer.kind !== "send") break;
  }
  assert.match(whyOf(answer), /fragments of \d+ octets in a TLS message of 65536/);
});

tlsTest("a handshake with a changed octet succeeds at neither end", () => {
  for (const { max } of VERSIONS) {
    for (let at = 11; at < 120; at += 9) {
      const { own, settings } = ends({ type: TLS }, max);
      let bent = false;
      const { peer, server } = talk(own, settings, {
        env: tlsEnv(),
        meddle: (p, from) => {
          if (bent || from !== "server" || p.length <= at + 20) return p;
          bent = true;
          const other = p.slice();
          other[at]! ^= 0x20;
          return other;
        },
      });
      assert.ok(bent && peer.kind === "failed" && server.kind !== "succeeded", `octet ${at}`);
    }
  }
});
