/**
 * Changed certificates and EAP packets inside IKE_AUTH, at both ends, with another tunnel that must stay
 * established.
 */
import assert from "node:assert/strict";
import { fuzzIkeAuth } from "./ike_auth.ts";

for (const content of ["certificates", "eap"] as const) {
  for (const role of ["gateway", "client"] as const) {
    Deno.test(`200 peers with changed ${content} at a ${role}: each is set up or refused in words`, async () => {
      const { changed, up, causes, sentences } = await fuzzIkeAuth({
        content,
        role,
        tunnels: 200,
        seed: 7296,
      });
      const refused = [...causes.values()].reduce((sum, count) => sum + count, 0);
      const words = JSON.stringify([...causes]);
      assert.equal(up + refused, changed, words);
      assert.ok(refused > changed / 4, words);
      assert.ok(up > 0, words);
      // Failures inside EAP have causes of their own.
      assert.ok(causes.size >= (content === "eap" ? 2 : 1), words);
      for (const sentence of sentences) assert.match(sentence, /\S+ \S+ \S+/);
    });
  }
}
