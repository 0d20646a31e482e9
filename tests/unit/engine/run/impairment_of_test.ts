/**
 * The section `impairment` of a setup file, down to what the rules do.
 */
import assert from "node:assert/strict";
import { impairmentOf } from "@/engine/run/impairment_of.ts";
import { readSetup, SetupErrors } from "@/setup/read.ts";

const HEAD = `role: gateway
bindifname: lo
bindifaddr: 127.0.0.1/8
ikeconf:
  psk: x
`;

function read(text: string) {
  return readSetup(HEAD + text, "f.yaml").setup.impairment;
}

function request(exchange: number): Uint8Array {
  const octets = new Uint8Array(28);
  octets[18] = exchange;
  return octets;
}

Deno.test("without rules, or with a rule without effect, no message is changed", () => {
  assert.equal(impairmentOf(read("")), undefined);
  assert.equal(impairmentOf(read("impairment:\n  rules:\n    - exchange: ike_auth\n")), undefined);
});

Deno.test("a rule is about the exchange it names", () => {
  const impairment = impairmentOf(read("impairment:\n  rules: {exchange: ike_auth, loss: 1}\n"))!;
  assert.equal(impairment.judge("in", request(35))?.lost, true);
  assert.equal(impairment.judge("in", request(34)), undefined);
});

Deno.test("counts have the index of their rule, also after a rule without effect", () => {
  const rules = "[{exchange: ike_sa_init}, {exchange: ike_auth, loss: 1}]";
  const impairment = impairmentOf(read(`impairment:\n  rules: ${rules}\n`))!;
  impairment.judge("in", request(35));
  assert.deepEqual(impairment.counts.map(({ lost }) => lost), [0, 1]);
});

Deno.test("the message to cross and the place of corruption are those of the file", () => {
  const rule = "{crossing: 1s, crossingwith: informational, corruption: 1, corruptionplace: spi}";
  const fate = impairmentOf(read(`impairment:\n  rules: [${rule}]\n`))!.judge("out", request(36))!;
  assert.deepEqual([fate.crossingKind, fate.corrupted], [37 << 1, "spi"]);
});

Deno.test("times are those of the file", () => {
  const rule = "{delay: 1, delaymin: 2s, delaymax: 2s, crossing: 3s, replay: 1, replayafter: 4s}";
  const fate = impairmentOf(read(`impairment:\n  rules: [${rule}]\n`))!.judge("out", request(36))!;
  assert.deepEqual([fate.delayMs, fate.crossingMs, fate.replayAfterMs], [2_000, 3_000, 4_000]);
});

Deno.test("invalid rules are refused with their position", () => {
  const refused = (text: string, words: RegExp) =>
    assert.throws(() => read(text), (e: SetupErrors) => {
      assert.match(e.errors.map((error) => error.message).join("\n"), words);
      return true;
    });
  refused("impairment:\n  rules:\n    - loss: 1.5\n", /f\.yaml:8:13: .*a number from 0 to 1/);
  refused(
    "impairment:\n  rules:\n    - exchange: auth\n",
    /f\.yaml:8:17: .*one of any, ike_sa_init/,
  );
  refused("impairment:\n  rules:\n    - delaymin: 1s\n", /delaymin is larger than delaymax/);
  refused(
    "impairment:\n  rules:\n    - exchange: ike_sa_init\n      crossing: 1s\n",
    /f\.yaml:9:\d+: crossing needs messages of an existing IKE SA/,
  );
  refused("impairment:\n  los: 1\n", /Unknown option los in impairment/);
});
