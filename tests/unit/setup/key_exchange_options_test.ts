// Options of additional key exchanges (RFC 9370): what the core gets of them, errors and warnings.
import assert from "node:assert/strict";
import { ikeConfigOf } from "@/engine/run/config_of.ts";
import { CLIENT, errorsOf, GATEWAY, load } from "./_rig.ts";

/** The warnings of a setup with these lines under `ikeconf`. */
function warnings(ikeconf: readonly string[], setup = CLIENT): string[] {
  const { warnings } = load(`${setup}${ikeconf.map((line) => `  ${line}\n`).join("")}`);
  return warnings.map(String);
}

/** The configuration that the core gets of a client with these lines under `ikeconf`. */
function configOf(...lines: readonly string[]) {
  return ikeConfigOf(load(`${CLIENT}${lines.map((line) => `  ${line}\n`).join("")}`).setup);
}

Deno.test("addke1 to addke7 give the methods of ADDKE1 to ADDKE7, up to the last one that is set", () => {
  assert.deepEqual(configOf().algorithms.additional, []);
  const { algorithms } = configOf("addke1: 36", "addke3: [37, 20, 0]");
  assert.deepEqual(algorithms.additional, [[36], [], [37, 20, 0]]);
});

Deno.test("pfsaddke1 to pfsaddke7 have an effect only with pfsenabled", () => {
  const child = (lines: string) => configOf(`childlist: [{${lines}}]`).children[0]!;
  assert.deepEqual(child("pfsaddke1: 36").pfsAdditional, []);
  assert.deepEqual(child("pfsenabled: true, pfsaddke2: [35, 36]").pfsAdditional, [[], [35, 36]]);
  assert.deepEqual(warnings(["childlist: [{pfsaddke1: 36}]"]).map((w) => w.replace(/^.*?: /, "")), [
    "pfsaddke1 has no effect: pfsenabled is false",
  ]);
});

Deno.test("ML-KEM can be the first method if IKE_SA_INIT fits into a datagram", () => {
  assert.deepEqual(configOf("dhgrpid: [36, 31]").algorithms.groups, [36, 31]);
  const [refused, ...others] = errorsOf(`${CLIENT}  dhgrpid: [31, 37]\n`);
  assert.match(refused!, /dhgrpid 37: IKE_SA_INIT would have more than 1568 octets/);
  assert.deepEqual(others, []);
  load(`${CLIENT}  dhgrpid: 37\n  tcpencap: true\n`);
  const both = "  dhgrpid: 37\n  tcpencap: true\n";
  assert.match(
    errorsOf(`${GATEWAY}${both}`)[0]!,
    /dhgrpid 37/,
    "a gateway with traditionalencap also listens on UDP",
  );
  load(`${GATEWAY}${both}  traditionalencap: false\n`);
});

Deno.test("one warning is given if the methods of the key exchanges cannot all be different", () => {
  const duplicates = warnings(["dhgrpid: 31", "addke1: 36", "addke2: [36, 31]", "addke3: 36"]);
  assert.equal(duplicates.length, 1);
  assert.match(duplicates[0]!, /addke2: no method is left .* peers answer NO_PROPOSAL_CHOSEN/);
  assert.deepEqual(warnings(["dhgrpid: 31", "addke1: [36, 20]", "addke2: [36, 0]"]), []);
});

Deno.test("a warning is given for messages that are longer than a packet and not fragmented", () => {
  assert.match(warnings(["addke1: 37"])[0]!, /ml-kem-1024 are longer than a packet/);
  assert.deepEqual(warnings(["addke1: 37", "enablefragment: true"]), []);
  assert.deepEqual(warnings(["addke1: 36"]), []);
});

Deno.test("an unknown method is refused, and the error lists the methods", () => {
  assert.match(
    errorsOf(`${CLIENT}  addke1: 38\n`)[0]!,
    /Expected one of 0, 1, 2, 5, .* 35, 36, 37/,
  );
});
