import assert from "node:assert/strict";
import {
  type CryptoBackend,
  type KeyExchange,
  KeyExchangeError,
  type KeyPair,
  respondByPair,
} from "@/crypto/backend.ts";
import { IssuedCredentials } from "@/pki/issuing.ts";
import { PathMemory } from "@/pki/trust.ts";
import { ComputePool } from "@/engine/run/compute.ts";
import type { ComputeResult } from "@/ike/records/event.ts";

const PAIR: KeyPair = { group: 31, publicValue: Uint8Array.of(1), secret: 0 };
const SHARED = Uint8Array.of(9);

/** A backend that knows group 31 only. */
function backend(exchange: Pick<KeyExchange, "generate" | "derive">): CryptoBackend {
  const whole: Partial<KeyExchange> = {
    ...exchange,
    respond: (peerPublic) => respondByPair(exchange, peerPublic),
  };
  return {
    keyExchange: (group: number) => group === 31 ? whole as KeyExchange : undefined,
  } as CryptoBackend;
}

const ready = backend({ generate: () => PAIR, derive: () => SHARED });
const never = () => false;

function pool(crypto: CryptoBackend, concurrencyMax = 4) {
  const results: [string, ComputeResult][] = [];
  const errors: unknown[] = [];
  const pool = new ComputePool<string>({
    crypto,
    paths: new PathMemory(crypto),
    issued: new IssuedCredentials(crypto),
    epochMs: () => 0,
    concurrencyMax,
    done: (owner, result) => void results.push([owner, result]),
    broken: (error) => void errors.push(error),
  });
  return { pool, results, errors };
}

Deno.test("synchronous results are returned in order, after submit", () => {
  const { pool: p, results } = pool(ready);
  p.submit("a", { op: "ke_generate", group: 31 });
  p.submit("b", { op: "ke_derive", pair: PAIR, peerPublic: SHARED });
  p.submit("c", { op: "ke_respond", group: 31, peerPublic: SHARED });
  assert.equal(results.length, 0);
  assert.equal(p.work(never), false);
  assert.deepEqual(results, [
    ["a", { op: "ke_generate", pair: PAIR }],
    ["b", { op: "ke_derive", shared: SHARED }],
    ["c", { op: "ke_respond", publicValue: PAIR.publicValue, shared: SHARED }],
  ]);
});

Deno.test("a slice of work ends after its time, and continues later", () => {
  const { pool: p, results } = pool(ready);
  for (const owner of ["a", "b", "c"]) p.submit(owner, { op: "ke_generate", group: 31 });
  assert.equal(p.work(() => results.length >= 2), true);
  assert.equal(results.length, 2);
  assert.equal(p.waiting, 1);
  assert.equal(p.work(never), false);
  assert.equal(results.length, 3);
});

Deno.test("promises are begun only as far as the concurrency allows", async () => {
  let begun = 0;
  const open: ((pair: KeyPair) => void)[] = [];
  const slow = backend({
    generate: () => (begun++, new Promise((resolve) => open.push(resolve))),
    derive: () => SHARED,
  });
  const { pool: p, results } = pool(slow, 2);
  for (const owner of ["a", "b", "c"]) p.submit(owner, { op: "ke_generate", group: 31 });
  p.work(never);
  assert.deepEqual([begun, p.running, p.waiting], [2, 2, 1]);
  open[1]!(PAIR);
  await turn();
  assert.deepEqual(results.map(([owner]) => owner), ["b"]);
  p.work(never);
  assert.deepEqual([begun, p.running, p.waiting], [3, 2, 0]);
  open[0]!(PAIR);
  open[2]!(PAIR);
  await turn();
  assert.deepEqual(results.map(([owner]) => owner), ["b", "a", "c"]);
  assert.equal(p.running, 0);
});

Deno.test("a public value that must not be used is refused, thrown or rejected", async () => {
  const error = new KeyExchangeError("Cannot use the point at infinity");
  for (
    const derive of [
      () => {
        throw error;
      },
      () => Promise.reject(error),
    ]
  ) {
    const { pool: p, results } = pool(backend({ generate: () => PAIR, derive }));
    p.submit("a", { op: "ke_respond", group: 31, peerPublic: SHARED });
    p.work(never);
    await turn();
    assert.deepEqual(results, [["a", { op: "refused", why: error.message }]]);
  }
});

Deno.test("any other error is thrown, and not sent to the peer", async () => {
  const failing = backend({
    generate: () => Promise.reject(new Error("out of memory")),
    derive: () => SHARED,
  });
  const { pool: p, results, errors } = pool(failing);
  p.submit("a", { op: "ke_generate", group: 31 });
  p.work(never);
  await turn();
  assert.equal(results.length, 0);
  assert.match(String(errors[0]), /out of memory/);
  p.submit("b", { op: "ke_generate", group: 99 });
  assert.throws(() => p.work(never), /group 99/);
});

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
