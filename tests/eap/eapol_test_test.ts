/** eapol_test logs in at our EAP server through our RADIUS front end, method by method. */
import assert from "node:assert/strict";
import { fromHex, toHex } from "@/base/bytes.ts";
import type { EapAnswer } from "@/eap/conversation.ts";
import type { EapServerSettings } from "@/eap/method.ts";
import { RadiusFrontEnd } from "@/eap/radius/front_end.ts";
import { openEapServer } from "@/eap/server.ts";
import { newSimCard } from "@/eap/sim/card.ts";
import { SimRegister } from "@/eap/sim/register.ts";
import { EapUsers } from "@/eap/users.ts";
import type { TlsSettings } from "@/eap/tls/engine.ts";
import { loadLibssl } from "@/native/libssl.ts";
import { EapType } from "@/iana/eap_type.ts";
import { RadiusServer } from "@/radius/server.ts";
import { eapolTest, ExternalCard, labTest, random, SECRET } from "./_lab.ts";

const tls = loadLibssl();
const USERS = new EapUsers([{ identity: "bob", password: "secret" }]);

/** Runs our server while `use` runs; returns the results of its logins. */
async function serving(
  settings: EapServerSettings,
  use: (port: number, ended: readonly EapAnswer[]) => Promise<void>,
): Promise<EapAnswer[]> {
  const ended: EapAnswer[] = [];
  const env = { random, tls };
  const face = new RadiusFrontEnd({
    secret: new TextEncoder().encode(SECRET),
    random,
    open: () => openEapServer(settings, env),
    ended: (answer) => ended.push(answer),
  });
  const server = new RadiusServer({ hostname: "127.0.0.1", port: 0 }, face);
  try {
    await use(server.address.port, ended);
  } finally {
    await server.close();
    face.close();
  }
  return ended;
}

const METHODS = [
  { word: "MD5", type: EapType.MD5_CHALLENGE, args: ["-n"] },
  { word: "GTC", type: EapType.GTC, args: ["-n"] },
  { word: "MSCHAPV2", type: EapType.MSCHAPV2, args: [] },
] as const;

for (const { word, type, args } of METHODS) {
  labTest(`our server takes eapol_test by ${word}, and refuses it with another password`, [
    "eapol_test",
  ], async (directory) => {
    const network = [`eap=${word}`, 'identity="bob"'];
    const ended = await serving(
      { methods: [type], users: USERS, name: "ours" },
      async (port, ended) => {
        const good = await eapolTest(directory, [...network, 'password="secret"'], { port, args });
        assert.ok(good.success, good.text);
        const bad = await eapolTest(directory, [...network, 'password="other"'], { port, args });
        assert.ok(!bad.success, bad.text);
        if (type !== EapType.MSCHAPV2) return;
        // It prints the MSK that it has derived.
        const [, key] = /EAP-MSCHAPV2: Derived key - hexdump\(len=32\): ([0-9a-f ]+)/.exec(
          good.text,
        )!;
        const first = ended[0]!;
        assert.ok(first.kind === "succeeded");
        assert.equal(toHex(first.outcome.msk!.subarray(0, 32)), key!.replaceAll(" ", ""));
      },
    );
    assert.deepEqual(ended.map(({ kind }) => kind), ["succeeded", "failed"]);
  });
}

labTest(
  "our server offers what eapol_test asks for by a Nak",
  ["eapol_test"],
  async (directory) => {
    const methods = [EapType.MD5_CHALLENGE, EapType.GTC, EapType.MSCHAPV2];
    const ended = await serving({ methods, users: USERS }, async (port) => {
      const network = ["eap=MSCHAPV2", 'identity="bob"', 'password="secret"'];
      const { success, text } = await eapolTest(directory, network, { port });
      assert.ok(success, text);
    });
    assert.ok(ended[0]?.kind === "succeeded" && ended[0].outcome.method === EapType.MSCHAPV2);
  },
);

const KEYS = {
  k: fromHex("465b5ce8b199b49faa5f0a2ee238a6bc")!,
  opc: fromHex("cd63cb71954a9f4e48a5994e37a02baf")!,
};
const IMSI = "232010000000000";

for (
  const { word, type, digit } of [
    { word: "SIM", type: EapType.SIM, digit: "1" },
    { word: "AKA", type: EapType.AKA, digit: "0" },
    { word: "AKA'", type: EapType.AKA_PRIME, digit: "6" },
  ]
) {
  labTest(`our server takes eapol_test by ${word}: full, then fast`, [
    "eapol_test",
  ], async (directory) => {
    const card = new ExternalCard(directory, newSimCard(KEYS, 100_000n));
    const users = new EapUsers([{ identity: IMSI, sim: { ...KEYS, sqn: 0n } }]);
    const settings = { methods: [type], users, register: new SimRegister() };
    const ended = await serving(settings, async (port) => {
      // -W waits for the card, -r logs in again.
      const { success, text } = await eapolTest(directory, [
        `eap=${word}`,
        `identity="${digit}${IMSI}@ims.example"`,
      ], {
        port,
        args: ["-W", "-r1"],
        head: [`ctrl_interface=${directory}/control`, "external_sim=1"],
      });
      assert.ok(success, text.slice(-6_000));
    });
    await card.close();
    assert.deepEqual(ended.map(({ kind }) => kind), ["succeeded", "succeeded"]);
    const [full, fast] = ended;
    assert.ok(full?.kind === "succeeded" && fast?.kind === "succeeded");
    if (type !== EapType.SIM) assert.match(full.outcome.notes.join(), /behind the card's/);
    assert.match(fast.outcome.notes.join(), /fast re-authentication, counter 1/);
    assert.equal(fast.outcome.identity, `${digit}${IMSI}@ims.example`);
  });
}

const TLS_DIR = new URL("../api/tls/", import.meta.url).pathname;
const pem = (name: string) => Deno.readTextFileSync(`${TLS_DIR}${name}`);
const CA = `ca_cert="${TLS_DIR}authority.pem"`;
const PASSWORD = ['identity="bob"', 'password="secret"', CA];
const TUNNELS = [
  {
    name: "TLS",
    type: EapType.TLS,
    network: [
      "eap=TLS",
      'identity="bob"',
      CA,
      `client_cert="${TLS_DIR}client.pem"`,
      `private_key="${TLS_DIR}client.key"`,
    ],
  },
  ...["auth=MSCHAPV2", "autheap=MSCHAPV2", "autheap=MD5", "auth=PAP", "auth=CHAP"].map((
    phase2,
  ) => ({
    name: `TTLS with ${phase2}`,
    type: EapType.TTLS,
    network: ["eap=TTLS", ...PASSWORD, `phase2="${phase2}"`],
  })),
  ...["MSCHAPV2", "MD5"].map((inner) => ({
    name: `PEAP with ${inner}`,
    type: EapType.PEAP,
    network: ["eap=PEAP", ...PASSWORD, `phase2="auth=${inner}"`],
  })),
];
const VERSIONS = [
  { version: "TLS 1.2", versionMax: 0x0303, phase1: "tls_disable_tlsv1_3=1" },
  { version: "TLS 1.3", versionMax: 0x0304, phase1: "tls_disable_tlsv1_3=0" },
] as const;

for (const { version, versionMax, phase1 } of VERSIONS) {
  for (const { name, type, network } of TUNNELS) {
    labTest(
      `our server takes eapol_test by ${name} over ${version}`,
      ["eapol_test"],
      async (dir) => {
        const server: TlsSettings = {
          anchors: pem("authority.pem"),
          certificate: pem("server.pem"),
          key: pem("server.key"),
          versionMax,
        };
        const settings = { methods: [type], users: USERS, tls: server };
        const ended = await serving(settings, async (port) => {
          const lines = [...network, `phase1="${phase1}"`];
          const good = await eapolTest(dir, lines, { port });
          assert.ok(good.success, good.text.slice(-4_000));
          const strange = lines.map((line) => line.replace("authority.pem", "stranger.pem"));
          const bad = await eapolTest(dir, strange, { port });
          assert.ok(!bad.success, bad.text.slice(-4_000));
          if (type === EapType.TLS) return;
          const other = lines.map((line) => line.replace('"secret"', '"other"'));
          assert.ok(!(await eapolTest(dir, other, { port })).success);
        });
        const kinds = ended.map(({ kind }) => kind);
        assert.deepEqual(
          kinds,
          ["succeeded", "failed", "failed"].slice(0, type === EapType.TLS ? 2 : 3),
        );
        const [first] = ended;
        assert.ok(first?.kind === "succeeded");
        assert.match(first.outcome.notes.join(), new RegExp(version));
      },
    );
  }
}
