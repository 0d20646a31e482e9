// Options of a post-quantum pre-shared key (RFC 8784).
import assert from "node:assert/strict";
import { ikeConfigOf } from "@/engine/run/config_of.ts";
import { CLIENT, errorsOf, load } from "./_rig.ts";

/** A client with these lines in its section `ppk`. */
const withPpk = (...lines: readonly string[]) =>
  `${CLIENT}  ppk:\n${lines.map((line) => `    ${line}\n`).join("")}`;
/** The octets of the key that a value of the option gives. */
const keyOf = (value: string) =>
  ikeConfigOf(load(withPpk("id: q", `value: ${value}`)).setup).ppk!.key;

Deno.test("a PPK is hex after 0x, base64 after 0s, or a text", () => {
  assert.deepEqual(keyOf("0x00ff10"), Uint8Array.of(0, 255, 16));
  assert.deepEqual(keyOf("0sAP8Q"), Uint8Array.of(0, 255, 16));
  assert.deepEqual(keyOf("0sAP8="), Uint8Array.of(0, 255));
  assert.deepEqual(keyOf("hush"), new TextEncoder().encode("hush"));
  for (const value of ["0x0", "0xzz", "0x", "0s", "0sAP8", "0s*"]) {
    assert.match(
      errorsOf(withPpk("id: q", `value: ${value}`))[0]!,
      /ppk.value is no key: expected pairs of hex/,
      value,
    );
  }
});

Deno.test("a PPK needs an id of at most 1000 octets and a value, and is refused with a second authentication", () => {
  assert.equal(ikeConfigOf(load(CLIENT).setup).ppk, undefined);
  const { ppk } = ikeConfigOf(
    load(withPpk("id: quantum-1", "value: hush", "ppkrequired: true")).setup,
  );
  assert.deepEqual([ppk!.id, ppk!.required], [new TextEncoder().encode("quantum-1"), true]);
  assert.equal(ppk!.intermediate, false);
  const inIntermediate = load(withPpk("id: q", "value: hush", "intermediate: true")).setup;
  assert.equal(ikeConfigOf(inIntermediate).ppk!.intermediate, true);
  assert.match(errorsOf(withPpk("id: q"))[0]!, /ppk.value is required with ppk.id/);
  assert.match(errorsOf(withPpk(`id: ${"q".repeat(1_001)}`, "value: hush"))[0]!, /1001 octets/);
  const twice = withPpk("id: q", "value: hush").replace("ppk:", "authown2: psk\n  ppk:");
  assert.ok(errorsOf(twice).some((e) => /a PPK with a second authentication is not/.test(e)));
  const eap = withPpk("id: q", "value: hush").replace("ppk:", "authownmethod: eap\n  ppk:");
  assert.ok(!errorsOf(eap).some((error) => /PPK/.test(error)), "a PPK may be used with EAP");
});

Deno.test("a warning that does not show the value is given for a short PPK", () => {
  const [short] = load(withPpk("id: q", "value: hush")).warnings.map(String);
  assert.match(short!, /ppk.value has 4 octets: a PPK should have at least 32/);
  assert.doesNotMatch(short!, /hush/);
  assert.deepEqual(load(withPpk("id: q", `value: ${"x".repeat(32)}`)).warnings, []);
});
