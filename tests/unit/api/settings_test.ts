import assert from "node:assert/strict";
import { duration } from "@/api/messages.ts";
import { ikeSettings, testApiOptions } from "@/api/settings.ts";
import { readSetup } from "@/setup/read.ts";
import { fakeSetup } from "../../api/fake_setup.ts";

/** The setup of a text, which need not be complete. */
function setupOf(text: string) {
  return readSetup(text, "t.setup", { unchecked: true }).setup;
}

Deno.test("the address, the port, TLS and secrets of the API are those of the setup, and the trusted users are those given", () => {
  assert.deepEqual(testApiOptions(fakeSetup(), { users: [7] }), {
    address: "::1",
    port: 12_345,
    secrets: "never",
    trust: { users: [7] },
    tls: { certificate: "cert.pem", key: "key.pem", clientCa: "ca.pem" },
  });
  const withoutTls = {
    secrets: "auto",
    trust: {},
    tls: { certificate: "", key: "", clientCa: "" },
  };
  for (const text of ["role: client", 'apilistenaddr: ""']) {
    const expected = { address: "127.0.0.1", port: 12_330, ...withoutTls };
    assert.deepEqual(testApiOptions(setupOf(text)), expected, text);
  }
});

Deno.test("the API shows a margin as it is configured, but not longer than the lifetime", () => {
  const shown = (ikelifetime: string, margintime: string) => {
    const text =
      `role: client\nikeconf: { ikelifetime: ${ikelifetime}, margintime: ${margintime} }`;
    const { lifetimeMs, marginMs } = ikeSettings(setupOf(text));
    return [lifetimeMs, marginMs];
  };
  assert.deepEqual(shown("10m", "6m"), [600_000, 360_000]);
  assert.deepEqual(shown("1m", "2m"), [60_000, 60_000]);
  assert.deepEqual(shown("0s", "2m"), [0, 120_000]);
});

Deno.test("the API sends a lifetime of 0 as zero seconds, and does not leave it out", () => {
  assert.deepEqual(duration(0), { seconds: 0, nanos: 0 });
});

Deno.test("the API shows the values of options that a setup leaves to their defaults", () => {
  assert.deepEqual(ikeSettings(setupOf("role: client")), {
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
