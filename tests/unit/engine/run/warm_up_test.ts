import assert from "node:assert/strict";
import { portableBackend } from "@/crypto/portable.ts";
import { wantsWarmUp, warmUp } from "@/engine/run/warm_up.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import type { IkeConf, Setup } from "@/setup/setup.ts";
import { setup } from "../setups.ts";

const native = { ...portableBackend(), name: "native" } as const;

Deno.test("a warm-up comes before many tunnels at once, and before no others", () => {
  const wants = (top: Partial<Setup>, backend = native) => wantsWarmUp(setup(top), backend);
  const many = { numberoftunnels: 500, setupinterval: 0 };
  assert.equal(wants(many), true);
  assert.equal(wants({ ...many, numberoftunnels: 499 }), false);
  assert.equal(wants({ ...many, setupinterval: 1 }), false);
  assert.equal(wants({ ...many, setupinterval: 100, role: "gateway" }), true);
  assert.equal(wants({ ...many, warmup: false }), false);
  assert.equal(wantsWarmUp(setup(many), portableBackend()), false);
});

for (
  const [name, ike] of Object.entries<Partial<IkeConf>>({
    "a pre-shared key": { authownmethod: "psk", authpeermethod: "psk" },
    "certificates": { authownmethod: "digital-signature", authpeermethod: "digital-signature" },
    "EAP": { authownmethod: "eap", authpeermethod: "rsa" },
  })
) {
  Deno.test(`a warm-up for ${name} sets up tunnels without a socket, and ends`, async () => {
    const whole = setup({ numberoftunnels: 500 }, {
      ...ike,
      dhgrpid: [KeGroup.CURVE25519],
      addke1: [KeGroup.ML_KEM_512],
      enablefragment: true,
    });
    assert.equal(await warmUp(whole, portableBackend(), { tunnels: 1, maxMs: 60_000 }), 1);
  });
}
