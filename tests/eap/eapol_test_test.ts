/** eapol_test logs in at our EAP server through our RADIUS face, method by method. */
import assert from "node:assert/strict";
import { toHex } from "@/base/bytes.ts";
import type { EapAnswer } from "@/eap/conversation.ts";
import type { EapServerSettings } from "@/eap/method.ts";
import { RadiusFace } from "@/eap/radius/face.ts";
import { openEapServer } from "@/eap/server.ts";
import { EapUsers } from "@/eap/users.ts";
import { EapType } from "@/iana/eap_type.ts";
import { RadiusServer } from "@/radius/server.ts";
import { eapolTest, labTest, random, SECRET } from "./_lab.ts";

const USERS = new EapUsers([{ identity: "bob", password: "secret" }]);

/** A server of ours while `use` runs; what its logins came to. */
async function serving(
  settings: EapServerSettings,
  use: (port: number, ended: readonly EapAnswer[]) => Promise<void>,
): Promise<EapAnswer[]> {
  const ended: EapAnswer[] = [], env = { random, tls: undefined };
  const face = new RadiusFace({
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
        // It says the MSK that it has derived.
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
