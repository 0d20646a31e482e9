/** The endpoint's table of identities: who may say INITIAL_CONTACT (RFC 7296 §2.4). */
import assert from "node:assert/strict";
import { SeededRandom } from "@/base/random.ts";
import { portableBackend } from "@/crypto/portable.ts";
import type { IkeEnv, IkeSa } from "@/ike/records/sa.ts";
import type { IdentityRule } from "@/ike/records/config.ts";
import { dispatch, type Endpoint, initiate, newEndpoint } from "@/ike/endpoint.ts";
import type { Outbox } from "@/ike/records/event.ts";
import { worldConfig } from "@/sim/scenarios.ts";

const OUT: Outbox = { push: () => {} };

function endpointOf(ownId: IdentityRule): Endpoint {
  const seeded = new SeededRandom(1);
  const env: IkeEnv = {
    crypto: portableBackend(),
    random: (count) => seeded.octets(count),
    childrenBySpi: new Map(),
    broken: new Set(),
  };
  return newEndpoint(env, worldConfig({ ownId }), false);
}

function dial(endpoint: Endpoint, index: number): IkeSa {
  const ownAddress = Uint8Array.of(192, 0, 2, index + 1);
  const path = {
    ownAddress,
    ownPort: 500,
    peerAddress: Uint8Array.of(192, 0, 2, 99),
    peerPort: 500,
  };
  return initiate(endpoint, { index, path }, 0, OUT);
}

const SHARED: IdentityRule = {
  kind: "fixed",
  identity: { idType: 2, data: new TextEncoder().encode("a.test") },
};

Deno.test("of several tunnels with one identity only the first one sends INITIAL_CONTACT", () => {
  const endpoint = endpointOf(SHARED);
  const said = [0, 1, 2].map((index) => dial(endpoint, index).setup!.initialContact);
  assert.deepEqual(said, [true, false, false]);
});

Deno.test("tunnels with different identities all send INITIAL_CONTACT", () => {
  const endpoint = endpointOf({ kind: "own-address" });
  const said = [0, 1].map((index) => dial(endpoint, index).setup!.initialContact);
  assert.deepEqual(said, [true, true]);
});

Deno.test("INITIAL_CONTACT is sent again when no SA with the identity is left", () => {
  const endpoint = endpointOf(SHARED);
  const first = dial(endpoint, 0);
  const abandon = { kind: "abandon", closeCode: 65537, why: "gone" } as const;
  dispatch(endpoint, { sa: first, event: abandon }, 1, OUT);
  assert.equal(endpoint.byIdentity.size, 0);
  assert.ok(dial(endpoint, 1).setup!.initialContact);
});
