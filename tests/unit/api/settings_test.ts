import assert from "node:assert/strict";
import { ikeSettings, testApiOptions } from "@/api/settings.ts";
import { readSetup } from "@/setup/read.ts";
import { fakeSetup } from "../../api/fake_setup.ts";

function defaults(text: string) {
  return readSetup(text, "t.setup", { unchecked: true }).setup;
}

Deno.test("the setup says where the API listens and whom it trusts", () => {
  assert.deepEqual(testApiOptions(fakeSetup()), {
    address: "::1",
    port: 12_345,
    secrets: "never",
    tls: { certificate: "cert.pem", key: "key.pem", clientCa: "ca.pem" },
  });
  const open = { secrets: "auto", tls: { certificate: "", key: "", clientCa: "" } };
  for (const text of ["role: client", 'apilistenaddr: ""']) {
    const expected = { address: "127.0.0.1", port: 12_330, ...open };
    assert.deepEqual(testApiOptions(defaults(text)), expected, text);
  }
});

Deno.test("a setup of defaults is shown as what it means", () => {
  assert.deepEqual(ikeSettings(defaults("role: client")), {
    psk: "",
    initiateDpd: true,
    forceDpd: false,
    dpdIntervalMs: 30_000,
    lifetimeMs: 600_000,
    marginMs: 60_000,
    jitter: true,
    installFastpath: false,
    keepChildHistory: false,
    keepIkeHistory: false,
    enableNatt: false,
    nattKeepaliveMs: 0,
  });
});
