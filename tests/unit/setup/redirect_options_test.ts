// Options of redirection (RFC 5685) and of IKE SAs without a CHILD_SA (RFC 6023).
import assert from "node:assert/strict";
import { GatewayIdType } from "@/iana/gateway_id_type.ts";
import { ikeConfigOf } from "@/engine/run/config_of.ts";
import { CLIENT, errorsOf, GATEWAY, load } from "./_rig.ts";

/** A gateway with these lines under `ikeconf`. */
const gateway = (...lines: readonly string[]) =>
  GATEWAY + lines.map((line) => `  ${line}\n`).join("");

Deno.test("redirectto is a list of addresses and domain names, in their order", () => {
  const { redirect } = ikeConfigOf(
    load(gateway("redirectto: [192.0.2.7, '2001:db8::7', gw.example.com]", "redirectat: auth"))
      .setup,
  );
  const { IPV4_ADDRESS, IPV6_ADDRESS, FQDN } = GatewayIdType;
  assert.deepEqual(redirect!.sends!.to.map(({ idType }) => idType), [
    IPV4_ADDRESS,
    IPV6_ADDRESS,
    FQDN,
  ]);
  assert.deepEqual([redirect!.follows, redirect!.sends!.at], [false, "auth"]);
  assert.equal(ikeConfigOf(load(GATEWAY).setup).redirect, undefined);
  for (const text of ["0.0.0.0", "'a b'", "10.0.0", "224.0.0.1", "'é'"]) {
    assert.match(errorsOf(gateway(`redirectto: [${text}]`))[0]!, /redirectto: /, text);
  }
});

Deno.test("a warning is given for options of redirection without effect", () => {
  const warnings = (...lines: readonly string[]) => load(gateway(...lines)).warnings.map(String);
  assert.match(warnings("redirectat: auth")[0]!, /redirectto is empty/);
  const unusedDelay = warnings("redirectto: 192.0.2.7", "redirectafter: 5s");
  assert.match(unusedDelay[0]!, /redirectafter has no effect: redirectat is init/);
});

Deno.test("a client follows redirections, and makes IKE SAs without a CHILD_SA, only if its options say so", () => {
  assert.equal(ikeConfigOf(load(CLIENT).setup).redirect, undefined);
  const { redirect, childless } = ikeConfigOf(
    load(`${CLIENT}  followredirect: true\n  childless: force\n`).setup,
  );
  assert.deepEqual([redirect, childless], [{ follows: true }, "force"]);
});
