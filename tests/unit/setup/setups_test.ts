/**
 * Whole setup files in the spelling of the field: each loads, or is refused only for what is not
 * there yet. These lists shrink as features land.
 */
import assert from "node:assert/strict";
import { NotThereYet } from "@/setup/features.ts";
import { readSetup, SetupErrors } from "@/setup/read.ts";
import { compactSetup } from "@/setup/write.ts";

const FOLDER = new URL("../../setups/", import.meta.url);

/** Options that each file is refused for; an empty list: it verifies. */
const REFUSED: Readonly<Record<string, readonly string[]>> = {
  // Every key of the default file in the public documentation, with its value there, for a PSK client.
  "all_keys_client.yaml": [],
  "certificates_client.yaml": [],
  "certificates_gateway.yaml": [],
  "client_psk.yaml": [],
  "dead_keys.yaml": [],
  "eap_client.yaml": [],
  "eap_file_client.yaml": [],
  "eap_gateway.yaml": [],
  "flapping_client.yaml": [],
  "gateway_psk.yaml": [],
  "lan_to_lan_client.yaml": [],
  "lan_to_lan_gateway.yaml": [],
  "mobike_client.yaml": [],
  "mobike_gateway.yaml": [],
  "remote_access_client.yaml": [],
  "remote_access_gateway.yaml": [],
  "tcp_client.yaml": [],
  "udp_encap_gateway.yaml": [],
};

const textOf = (name: string) => Deno.readTextFileSync(new URL(name, FOLDER));

/** The errors of a file; none where it loads. */
function errorsOf(name: string): readonly Error[] {
  try {
    readSetup(textOf(name), name);
    return [];
  } catch (e) {
    assert.ok(e instanceof SetupErrors, String(e));
    return e.errors;
  }
}

Deno.test("every setup file has its expectation", () => {
  const files = [...Deno.readDirSync(FOLDER)].map(({ name }) => name).sort();
  assert.deepEqual(files, Object.keys(REFUSED).sort());
});

for (const [name, refused] of Object.entries(REFUSED)) {
  Deno.test(`${name} is refused for ${refused.length || "no"} options that are not there yet`, () => {
    const options = errorsOf(name).map((e) => {
      assert.ok(e instanceof NotThereYet, e.message);
      return e.option;
    });
    assert.deepEqual(options, refused);
  });

  Deno.test(`${name} loads to the same setup after compact`, () => {
    const read = (text: string) => readSetup(text, name, { unchecked: true }).setup;
    const text = textOf(name);
    const compact = compactSetup(text, name);
    assert.deepEqual(read(compact), read(text));
    assert.equal(compactSetup(compact, name), compact, "there is nothing left to drop");
  });
}

Deno.test("no error contains a secret", () => {
  const words = Object.keys(REFUSED).flatMap((name) => errorsOf(name).map((e) => e.message));
  assert.deepEqual(words.filter((w) => /testing123|0x00ff|password|on the move/.test(w)), []);
});

Deno.test("keys that never had an effect load with a warning at their position", () => {
  const { setup, warnings } = readSetup(textOf("dead_keys.yaml"), "f");
  assert.deepEqual(warnings, [
    "f:12:3: ikev2msgmaxsize has no effect, and never had one",
    "f:15:7: liftime has no effect, and never had one",
  ]);
  const [child] = setup.ikeconf.childlist;
  assert.deepEqual(child!.encalg, [{ id: 11, keyBits: 0 }]); // IANA: ENCR_NULL is 11.
  assert.equal(child!.lifetime, 300_000);
});

Deno.test("options of features that a setup does not use warn, and do not refuse it", () => {
  const { warnings } = readSetup(textOf("all_keys_client.yaml"), "f");
  assert.deepEqual(warnings, [
    "f:63:18: ikeconf.eapoltestpath has no effect: neither end authenticates by EAP",
  ]);
});

Deno.test("features that defaults need and that are not implemented are named once", () => {
  const { notYet } = readSetup(textOf("client_psk.yaml"), "f");
  assert.deepEqual(notYet, []);
});

Deno.test("options of the other role load, and have no effect on what is refused", () => {
  const { setup } = readSetup(textOf("gateway_psk.yaml"), "f");
  assert.equal(setup.ikeconf.ratunnel, true);
});
