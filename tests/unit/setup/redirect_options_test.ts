// Options of redirection and of childless set-ups.
import assert from "node:assert/strict";
import { GatewayIdType } from "@/iana/gateway_id_type.ts";
import { ikeConfigOf } from "@/engine/run/config_of.ts";
import { CLIENT, errorsOf, GATEWAY, load } from "./_rig.ts";

const gateway = (...lines: readonly string[]) =>
  GATEWAY + lines.map((line) => `  ${line}\n`).join("");

Deno.test("redirectto names addresses and domain names, in turn", () => {
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
  for (const text of ["0.0.0.0", "'a b'", "10.0.0", "224.0.0.1", "'-'".replace("-", "é")]) {
    assert.match(errorsOf(gateway(`redirectto: [${text}]`))[0]!, /redirectto: /, text);
  }
});

Deno.test("what has no effect on a redirection is warned of", () => {
  const warned = (...lines: readonly string[]) => load(gateway(...lines)).warnings.map(String);
  assert.match(warned("redirectat: auth")[0]!, /redirectto is empty/);
  const late = warned("redirectto: 192.0.2.7", "redirectafter: 5s");
  assert.match(late[0]!, /redirectafter has no effect: redirectat is init/);
});

Deno.test("a client follows where it says so, and goes without a CHILD_SA where it says so", () => {
  assert.equal(ikeConfigOf(load(CLIENT).setup).redirect, undefined);
  const { redirect, childless } = ikeConfigOf(
    load(`${CLIENT}  followredirect: true\n  childless: force\n`).setup,
  );
  assert.deepEqual([redirect, childless], [{ follows: true }, "force"]);
});
