// Certificates that are looked up by hash and URL, from files and from an HTTP server of the test.
import assert from "node:assert/strict";
import { portableBackend } from "@/crypto/portable.ts";
import { HashLookup } from "@/engine/run/certificate_lookup.ts";

const crypto = portableBackend();
const CONTENT = new TextEncoder().encode("what was promised");

/** Serves while `test` runs; `answer` has the request. */
async function served(
  answer: (path: string) => Response | Promise<Response>,
  test: (
    address: (path: string, isBundle?: boolean) => {
      readonly isBundle: boolean;
      readonly hash: Uint8Array;
      readonly url: string;
    },
  ) => Promise<void>,
): Promise<void> {
  const ready = Promise.withResolvers<number>();
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => ready.resolve(port),
  }, (request) => answer(new URL(request.url).pathname));
  const port = await ready.promise;
  try {
    await test((path, isBundle = false) => ({
      isBundle,
      hash: crypto.sha1(CONTENT),
      url: `http://127.0.0.1:${port}${path}`,
    }));
  } finally {
    await server.shutdown();
  }
}

const lookup = (more: { readonly http?: boolean; readonly requestMsMax?: number } = {}) =>
  new HashLookup({ crypto, files: [], http: true, ...more });

Deno.test("what a file has is found by its hash, whatever the address; nothing else is, without http", async () => {
  const files = [CONTENT];
  const found = new HashLookup({ crypto, files, http: false });
  const address = { isBundle: false, hash: crypto.sha1(CONTENT), url: "http://nowhere.test/" };
  assert.deepEqual(await found.find(address), CONTENT);
  const other = { ...address, hash: crypto.sha1(Uint8Array.of(1)) };
  assert.throws(() => found.find(other), { message: /no file of certlookupdir has it/ });
});

Deno.test("what a server has is fetched once, and asked for by its address", async () => {
  const asked: string[] = [];
  const answer = (path: string) => {
    asked.push(path);
    return new Response(path === "/right" ? CONTENT : "something else");
  };
  await served(answer, async (address) => {
    const one = lookup();
    const [a, b] = await Promise.all([one.find(address("/right")), one.find(address("/right"))]);
    assert.deepEqual([a, b, await one.find(address("/right"))], [CONTENT, CONTENT, CONTENT]);
    assert.deepEqual(asked, ["/right"]);
    // Octets with another hash are returned, for the caller to refuse, and not kept.
    const two = lookup();
    for (const _ of [1, 2]) await two.find(address("/wrong"));
    assert.deepEqual(asked, ["/right", "/wrong", "/wrong"]);
  });
});

Deno.test("a server that has nothing, leads elsewhere, sends too much, or is silent, is told as what it is", async () => {
  const held = Promise.withResolvers<void>();
  const answer = (path: string) => {
    if (path === "/elsewhere") return Response.redirect("http://127.0.0.1:1/", 302);
    if (path === "/large") return new Response(new Uint8Array(65_536));
    if (path === "/slow") return held.promise.then(() => new Response("late"));
    return new Response("no", { status: 404 });
  };
  await served(answer, async (address) => {
    const one = lookup({ requestMsMax: 200 });
    const rejects = (path: string, message: RegExp) =>
      assert.rejects(Promise.resolve(one.find(address(path))), { name: "WireError", message });
    await rejects("/missing", /Cannot fetch http:.*missing: the server answers 404/);
    await rejects("/elsewhere", /the server answers 302/);
    await rejects("/large", /it has more than 65535 octets/);
    assert.equal((await one.find(address("/large", true))).length, 65_536);
    await rejects("/slow", /no answer within 200 ms/);
    held.resolve();
  });
  const closed = { isBundle: false, hash: crypto.sha1(CONTENT), url: "http://127.0.0.1:1/" };
  await assert.rejects(Promise.resolve(lookup().find(closed)), { message: /Cannot fetch http:/ });
});

Deno.test("few requests at a time, and few that wait: one more is refused, and the end ends all", async () => {
  const held = Promise.withResolvers<void>();
  let asked = 0;
  await served(() => {
    asked++;
    return held.promise.then(() => new Response("late"));
  }, async (address) => {
    const one = lookup();
    const all = Array.from({ length: 8 + 256 }, (_, i) => one.find(address(`/${i}`)));
    const settled = Promise.allSettled(all);
    await assert.rejects(Promise.resolve(one.find(address("/one-more"))), {
      message: /256 others wait for it/,
    });
    while (asked < 8) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(asked, 8);
    one.close();
    for (const result of await settled) {
      assert.ok(result.status === "rejected" && /the test has ended/.test(result.reason.message));
    }
    held.resolve();
  });
});
