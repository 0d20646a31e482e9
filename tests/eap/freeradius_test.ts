/** Our RADIUS client and our peer at FreeRADIUS: EAP-Start, every method, TLS 1.2 and 1.3. */
import assert from "node:assert/strict";
import { EapType } from "@/iana/eap_type.ts";
import { FreeRadius } from "./_freeradius.ts";
import { labTest } from "./_lab.ts";
import { login, succeeded } from "./_login.ts";

const TLS_DIR = new URL("../api/tls/", import.meta.url).pathname;
const pem = (name: string) => Deno.readTextFileSync(`${TLS_DIR}${name}`);
const PLAIN = [
  { name: "MD5", type: EapType.MD5_CHALLENGE },
  { name: "GTC", type: EapType.GTC },
  { name: "MSCHAPv2", type: EapType.MSCHAPV2 },
] as const;
const TUNNELS = [
  { name: "TLS", type: EapType.TLS, inner: undefined },
  { name: "TTLS with MSCHAPv2", type: EapType.TTLS, inner: "mschapv2" },
  { name: "TTLS with MD5", type: EapType.TTLS, inner: "md5" },
  { name: "TTLS with PAP", type: EapType.TTLS, inner: "pap" },
  { name: "PEAP with MSCHAPv2", type: EapType.PEAP, inner: "mschapv2" },
  { name: "PEAP with MD5", type: EapType.PEAP, inner: "md5" },
] as const;

labTest("FreeRADIUS takes our peer by MD5, GTC and MSCHAPv2, by EAP-Start and by identity", [
  "freeradius",
], async (directory) => {
  const server = await FreeRadius.start(directory, "1.2");
  let said = "";
  try {
    for (const { type } of PLAIN) {
      const own = { identity: "bob", methods: [type], password: "secret" };
      succeeded(await login(own, server.port, true));
      succeeded(await login(own, server.port, false));
      const wrong = await login({ ...own, password: "other" }, server.port, true);
      assert.ok(wrong.server.kind === "failed" && wrong.peer.kind === "failed");
      assert.equal(wrong.server.cause, "rejected");
    }
  } finally {
    said = await server.stop();
  }
  assert.match(said, /Ready to process requests/);
});

for (const [version, versionMax] of [["1.2", 0x0303], ["1.3", 0x0304]] as const) {
  labTest(`FreeRADIUS takes our peer by TLS, TTLS and PEAP over TLS ${version}`, [
    "freeradius",
  ], async (directory) => {
    const server = await FreeRadius.start(directory, version);
    const failures: string[] = [];
    try {
      for (const { name, type, inner } of TUNNELS) {
        const ofClient = type === EapType.TLS;
        const tls = {
          anchors: pem("authority.pem"),
          certificate: ofClient ? pem("client.pem") : "",
          key: ofClient ? pem("client.key") : "",
          versionMax,
        };
        const own = { identity: "bob", methods: [type], password: "secret", tls, inner };
        const ended = await login(own, server.port);
        try {
          succeeded(ended);
          assert.ok(ended.peer.kind === "succeeded");
          assert.match(ended.peer.outcome.notes.join(), new RegExp(`TLS ${version}`));
        } catch (e) {
          failures.push(`${name}: ${e}`);
        }
        if (ofClient) continue;
        const wrong = await login({ ...own, password: "other" }, server.port);
        if (wrong.peer.kind !== "failed") failures.push(`${name} takes any password`);
      }
    } finally {
      const said = await server.stop();
      if (failures.length > 0) console.log(said.slice(-6_000));
    }
    assert.deepEqual(failures, []);
  });
}
