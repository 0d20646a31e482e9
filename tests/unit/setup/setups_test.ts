/**
 * Whole setup files as users have them. Each is accepted, or refused only for options that are not
 * implemented.
 */
import assert from "node:assert/strict";
import { NotThereYet } from "@/setup/features.ts";
import { readSetup, SetupErrors } from "@/setup/read.ts";
import { compactSetup } from "@/setup/write.ts";

const FOLDER = new URL("../../setups/", import.meta.url);

/** The options for which each file is refused. A file with an empty list is accepted. */
const REFUSED: Readonly<Record<string, readonly string[]>> = {
  // A PSK client with every option of the default file in the public documentation, and its value there.
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

/** The errors of a file; none if it is accepted. */
function errorsOf(name: string): readonly Error[] {
  try {
    readSetup(textOf(name), name);
    return [];
  } catch (e) {
    assert.ok(e instanceof SetupErrors, String(e));
    return e.errors;
  }
}

Deno.test("the table of expectations names every setup file", () => {
  const files = [...Deno.readDirSync(FOLDER)].map(({ name }) => name).sort();
  assert.deepEqual(files, Object.keys(REFUSED).sort());
});

for (const [name, refused] of Object.entries(REFUSED)) {
  const outcome = refused.length === 0
    ? "is accepted"
    : `is refused for ${refused.length} options that are not implemented`;
  Deno.test(`${name} ${outcome}`, () => {
    const options = errorsOf(name).map((e) => {
      assert.ok(e instanceof NotThereYet, e.message);
      return e.option;
    });
    assert.deepEqual(options, refused);
  });

  Deno.test(`the compact form of ${name} gives the same setup`, () => {
    const read = (text: string) => readSetup(text, name, { unchecked: true }).setup;
    const text = textOf(name);
    const compact = compactSetup(text, name);
    assert.deepEqual(read(compact), read(text));
    assert.equal(
      compactSetup(compact, name),
      compact,
      "the compact form has nothing more to remove",
    );
  });
}

Deno.test("no error contains a secret", () => {
  const messages = Object.keys(REFUSED).flatMap((name) => errorsOf(name).map((e) => e.message));
  const secrets = /testing123|0x00ff|password|on the move/;
  assert.deepEqual(messages.filter((message) => secrets.test(message)), []);
});

Deno.test("options that never had an effect are accepted with a warning at their position", () => {
  const { setup, warnings } = readSetup(textOf("dead_keys.yaml"), "f");
  assert.deepEqual(warnings, [
    "f:12:3: ikev2msgmaxsize has no effect, and never had one",
    "f:15:7: liftime has no effect, and never had one",
  ]);
  const [child] = setup.ikeconf.childlist;
  assert.deepEqual(child!.encalg, [{ id: 11, keyBits: 0 }]); // IANA: ENCR_NULL is 11.
  assert.equal(child!.lifetime, 300_000);
});

Deno.test("an option of a feature that a setup does not use causes a warning, and no error", () => {
  const { warnings } = readSetup(textOf("all_keys_client.yaml"), "f");
  assert.deepEqual(warnings, [
    "f:63:18: ikeconf.eapoltestpath has no effect: neither end authenticates by EAP",
  ]);
});

Deno.test("the setup of a client with a pre-shared key needs no feature that is not implemented", () => {
  const { notYet } = readSetup(textOf("client_psk.yaml"), "f");
  assert.deepEqual(notYet, []);
});

Deno.test("a gateway's file may have options that only clients read", () => {
  const { setup } = readSetup(textOf("gateway_psk.yaml"), "f");
  assert.equal(setup.ikeconf.ratunnel, true);
});
