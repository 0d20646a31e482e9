/** Our peer logs in at hostapd's EAP server, method by method, through our RADIUS client. */
import assert from "node:assert/strict";
import { fromHex } from "@/base/bytes.ts";
import { newSimCard } from "@/eap/sim/card.ts";
import { EapType } from "@/iana/eap_type.ts";
import { Auc, Hostapd, labTest } from "./_lab.ts";
import { login, succeeded } from "./_login.ts";

const K = fromHex("465b5ce8b199b49faa5f0a2ee238a6bc")!;
const OPC = fromHex("cd63cb71954a9f4e48a5994e37a02baf")!;
const IMSI = "232010000000000";

const PASSWORDS = [
  { word: "MD5", type: EapType.MD5_CHALLENGE },
  { word: "GTC", type: EapType.GTC },
  { word: "MSCHAPV2", type: EapType.MSCHAPV2 },
] as const;

for (const { word, type } of PASSWORDS) {
  labTest(`hostapd takes our peer by ${word}, and refuses it with another password`, [
    "hostapd",
  ], async (directory) => {
    const hostapd = await Hostapd.start(directory, [`"bob" ${word} "secret"`]);
    try {
      const own = { identity: "bob", methods: [type], password: "secret" };
      succeeded(await login(own, hostapd.port));
      const { peer, server } = await login({ ...own, password: "other" }, hostapd.port);
      assert.ok(peer.kind === "failed" && server.kind === "failed");
      assert.equal(server.cause, "rejected");
    } finally {
      await hostapd.stop();
    }
  });
}

labTest("hostapd offers what our peer's Nak asks for", ["hostapd"], async (directory) => {
  const hostapd = await Hostapd.start(directory, ['"bob" MD5,GTC,MSCHAPV2 "secret"']);
  try {
    const own = { identity: "bob", methods: [EapType.MSCHAPV2], password: "secret" };
    succeeded(await login(own, hostapd.port));
    const none = await login({ ...own, methods: [EapType.OTP] }, hostapd.port);
    assert.ok(none.peer.kind === "failed" && none.peer.cause === "no common method");
  } finally {
    await hostapd.stop();
  }
});

const SIMS = [
  { name: "SIM", type: EapType.SIM, digits: "135" },
  { name: "AKA", type: EapType.AKA, digits: "024" },
  { name: "AKA'", type: EapType.AKA_PRIME, digits: "678" },
] as const;

for (const { name, type, digits } of SIMS) {
  labTest(`hostapd takes our peer by ${name}: full, fast, by pseudonym, out of step`, [
    "hostapd",
  ], async (directory) => {
    const network = { k: K, opc: OPC, sqn: 0n };
    const auc = new Auc(`${directory}/hlr.sock`, new Map([[IMSI, network]]));
    const users = [...digits].map((digit) => `"${digit}"* ${name}`);
    const hostapd = await Hostapd.start(directory, users, [
      `eap_sim_db=unix:${directory}/hlr.sock`,
    ]);
    try {
      const card = newSimCard({ k: K, opc: OPC }, type === EapType.SIM ? 0n : 1_000_000n);
      const own = { identity: `${digits[0]}${IMSI}@ims.example`, methods: [type], sim: card };
      succeeded(await login(own, hostapd.port));
      assert.equal(auc.resynchronised, type === EapType.SIM ? 0 : 1);
      for (let n = 1; n <= 2; n++) {
        assert.ok(card.reauths.has(type), "hostapd gives an identity for the next time");
        const ended = await login(own, hostapd.port);
        succeeded(ended);
        assert.ok(ended.peer.kind === "succeeded");
        assert.match(ended.peer.outcome.notes.join(), new RegExp(`counter ${n}`));
      }
      card.reauths.clear();
      assert.ok(card.pseudonyms.has(type), "hostapd gives a pseudonym");
      succeeded(await login(own, hostapd.port));
      const stranger = { ...own, sim: newSimCard({ k: OPC, opc: K }, 0n) };
      const { peer, server } = await login(stranger, hostapd.port);
      assert.ok(peer.kind === "failed" && server.kind === "failed");
    } finally {
      await hostapd.stop();
      await auc.close();
    }
  });
}

const TLS_DIR = new URL("../api/tls/", import.meta.url).pathname;
const pem = (name: string) => Deno.readTextFileSync(`${TLS_DIR}${name}`);
const TUNNELS = [
  { name: "TLS", type: EapType.TLS, inner: undefined },
  { name: "TTLS with MSCHAPv2", type: EapType.TTLS, inner: "mschapv2" },
  { name: "TTLS with MD5", type: EapType.TTLS, inner: "md5" },
  { name: "TTLS with PAP", type: EapType.TTLS, inner: "pap" },
  { name: "PEAP with MSCHAPv2", type: EapType.PEAP, inner: "mschapv2" },
  { name: "PEAP with MD5", type: EapType.PEAP, inner: "md5" },
] as const;
const VERSIONS = [
  { version: "TLS 1.2", versionMax: 0x0303, flags: "tls_flags=[DISABLE-TLSv1.3]" },
  { version: "TLS 1.3", versionMax: 0x0304, flags: "tls_flags=[ENABLE-TLSv1.3]" },
] as const;

for (const { version, versionMax, flags } of VERSIONS) {
  for (const { name, type, inner } of TUNNELS) {
    // hostapd 2.10 exports 64 octets for PEAP's cryptobinding, and with TLS 1.3 the length is part of
    // what is exported: RFC 9427 §2.1 has 128.
    if (type === EapType.PEAP && versionMax === 0x0304) continue;
    labTest(`hostapd takes our peer by ${name} over ${version}`, ["hostapd"], async (directory) => {
      const hostapd = await Hostapd.start(directory, [
        '"bob" TLS,TTLS,PEAP',
        '"bob" MSCHAPV2,MD5,TTLS-MSCHAPV2,TTLS-PAP "secret" [2]',
      ], [
        `ca_cert=${TLS_DIR}authority.pem`,
        `server_cert=${TLS_DIR}server.pem`,
        `private_key=${TLS_DIR}server.key`,
        flags,
      ]);
      try {
        const anchors = pem("authority.pem");
        const certificate = type === EapType.TLS ? pem("client.pem") : "";
        const key = type === EapType.TLS ? pem("client.key") : "";
        const settings = { anchors, certificate, key, versionMax, serverName: "myikev2.test" };
        const own = { identity: "bob", methods: [type], password: "secret", tls: settings, inner };
        const ended = await login(own, hostapd.port);
        succeeded(ended);
        assert.ok(ended.peer.kind === "succeeded");
        assert.match(ended.peer.outcome.notes.join(), new RegExp(`${version} with CN=server`));
        if (type === EapType.PEAP && inner === "mschapv2") {
          assert.match(ended.peer.outcome.notes.join(), /bound to each other/);
        }
        const strange = { ...settings, anchors: pem("stranger.pem") };
        const refused = await login({ ...own, tls: strange }, hostapd.port);
        assert.ok(refused.peer.kind === "failed" && refused.peer.cause === "tls");
        if (type === EapType.TLS) return;
        const other = await login({ ...own, password: "other" }, hostapd.port);
        assert.ok(other.peer.kind === "failed" && other.server.kind === "failed");
      } finally {
        await hostapd.stop();
      }
    });
  }
}
