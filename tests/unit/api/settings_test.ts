import assert from "node:assert/strict";
import { duration } from "@/api/messages.ts";
import { ikeSettings, testApiOptions } from "@/api/settings.ts";
import { readSetup } from "@/setup/read.ts";
import { fakeSetup } from "../../api/fake_setup.ts";

function defaults(text: string) {
  return readSetup(text, "t.setup", { unchecked: true }).setup;
}

Deno.test("the setup says where the API listens and whom it trusts", () => {
  assert.deepEqual(testApiOptions(fakeSetup(), { users: [7] }), {
    address: "::1",
    port: 12_345,
    secrets: "never",
    trust: { users: [7] },
    tls: { certificate: "cert.pem", key: "key.pem", clientCa: "ca.pem" },
  });
  const open = { secrets: "auto", trust: {}, tls: { certificate: "", key: "", clientCa: "" } };
  for (const text of ["role: client", 'apilistenaddr: ""']) {
    const expected = { address: "127.0.0.1", port: 12_330, ...open };
    assert.deepEqual(testApiOptions(defaults(text)), expected, text);
  }
});

Deno.test("a margin is shown as configured, but at most the lifetime", () => {
  const shown = (ikelifetime: string, margintime: string) => {
    const text =
      `role: client\nikeconf: { ikelifetime: ${ikelifetime}, margintime: ${margintime} }`;
    const { lifetimeMs, marginMs } = ikeSettings(defaults(text));
    return [lifetimeMs, marginMs];
  };
  assert.deepEqual(shown("10m", "6m"), [600_000, 360_000]);
  assert.deepEqual(shown("1m", "2m"), [60_000, 60_000]);
  assert.deepEqual(shown("0s", "2m"), [0, 120_000]);
});

Deno.test("a lifetime of 0 is sent as 0 s, and not left out", () => {
  assert.deepEqual(duration(0), { seconds: 0, nanos: 0 });
});

Deno.test("the defaults of a setup are shown with their values", () => {
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
