/**
 * Sockets in a network namespace of the test's own. Needs root and the `ip` command.
 */
import assert from "node:assert/strict";
import { SetupError } from "@/base/errors.ts";
import { at, inboxOf, pause, VARIANTS, way } from "./_variants.ts";

const ROOT = Deno.uid() === 0;
const V4 = at("127.0.0.1");
const native = VARIANTS.find((variant) => variant.name === "native");

async function ip(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("ip", { args, stderr: "piped" }).output();
  assert.ok(success, `ip ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

/** Makes a namespace with a loopback interface, calls `use`, and removes it. */
async function inNamespace(use: (name: string) => Promise<void>): Promise<void> {
  const name = `myikev2-udp-${Deno.pid}`;
  await ip("netns", "add", name);
  try {
    await ip("-n", name, "link", "set", "lo", "up");
    await use(name);
  } finally {
    await ip("netns", "del", name);
  }
}

Deno.test({
  name: "native: sockets stand in a named network namespace, this thread does not (needs root)",
  ignore: !native || !ROOT,
  fn: () =>
    inNamespace(async (namespace) => {
      const inside = native!.open({ ownAddresses: [V4], ikePort: 0, namespace });
      const also = native!.open({ ownAddresses: [at("127.0.0.2")], ikePort: 0, namespace });
      // The same address and port are free here.
      const outside = native!.open({ ownAddresses: [V4], ikePort: inside.ikePort });
      const inbox = inboxOf(inside);
      const wrong = inboxOf(outside);
      inboxOf(also);
      also.send(Uint8Array.of(1), way(also, at("127.0.0.2"), inside, V4));
      also.flush();
      await inbox.reach(1);
      const self = way(outside, V4, outside, V4);
      outside.send(Uint8Array.of(2), self);
      outside.flush();
      await wrong.reach(1);
      await pause(10);
      assert.deepEqual(inbox.all.map((d) => d.octets[0]), [1]);
      assert.deepEqual(wrong.all.map((d) => d.octets[0]), [2]);
      await Promise.all([inside.close(), also.close(), outside.close()]);
    }),
});

Deno.test({
  name: "native: a namespace that is not there is named",
  ignore: !native,
  fn: () => {
    assert.throws(
      () => native!.open({ ownAddresses: [V4], ikePort: 0, namespace: "no-such-namespace" }),
      (e) => e instanceof SetupError && /no-such-namespace.*no such namespace/.test(e.message),
    );
  },
});

Deno.test("portable: a namespace is refused by name", () => {
  assert.throws(
    () =>
      VARIANTS[0]!.open({ ownAddresses: [V4], ikePort: 0, namespace: "no-such-namespace" }).close(),
    (e) => e instanceof SetupError && /namespace/.test(e.message),
  );
});
