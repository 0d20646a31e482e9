import assert from "node:assert/strict";
import { openTransport, refuseMissing } from "@/engine/run/prepare.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { Encr } from "@/iana/encr.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { Prf } from "@/iana/prf.ts";
import { readSetup, SetupErrors } from "@/setup/read.ts";
import { openPortableUdp } from "@/transport/udp_portable.ts";

/** A backend without 3DES, MD5 as a prf, and group 19. */
function poorBackend() {
  const whole = portableBackend();
  return {
    ...whole,
    cipher: (id: number, bits: number) =>
      id === Encr.ENCR_3DES ? undefined : whole.cipher(id, bits),
    prf: (id: number) => id === Prf.PRF_HMAC_MD5 ? undefined : whole.prf(id),
    keyExchange: (id: number) => id === KeGroup.ECP_256 ? undefined : whole.keyExchange(id),
  };
}

function refused(text: string): string[] {
  const { setup, positionOf } = readSetup(text, "f", { unchecked: true });
  try {
    refuseMissing(poorBackend(), setup, positionOf);
    return [];
  } catch (e) {
    assert.ok(e instanceof SetupErrors, String(e));
    return e.errors.map(({ message }) => message);
  }
}

Deno.test("an algorithm that the crypto backend lacks is refused with its name and position", () => {
  const text = `role: client
ikeconf:
  dhgrpid: [14, 19]
  ikeprfalg: md5
  childlist:
    - encalg: aes-cbc:128
    - encalg: [aes-cbc:128, 3des]
      pfsenabled: true
      pfsgrpid: 19
`;
  const lacks = "the portable crypto backend has no";
  assert.deepEqual(refused(text), [
    `f:3:3: ikeconf.dhgrpid: ${lacks} 256-bit random ECP group; take it out`,
    `f:4:3: ikeconf.ikeprfalg: ${lacks} PRF_HMAC_MD5; take it out`,
    `f:7:7: ikeconf.childlist[1].encalg: ${lacks} ENCR_3DES; take it out`,
    `f:9:7: ikeconf.childlist[1].pfsgrpid: ${lacks} 256-bit random ECP group; take it out`,
  ]);
  assert.deepEqual(refused(text.replace("true", "false")).length, 3);
  assert.deepEqual(refused("ikeconf: {childlist: {protocol: ah, encalg: 3des}}"), []);
});

Deno.test("a gateway whose NAT-T port is in use runs if NAT-T is off, and logs that", async () => {
  const own = Uint8Array.of(127, 0, 0, 1);
  const other = openPortableUdp({ ownAddresses: [own], ikePort: 0 });
  const text = (natt: boolean) =>
    `role: gateway
bindifname: lo
bindifaddr: 127.0.0.1/8
transport: portable
ownport: 0
ownnattport: ${other.ikePort}
ikeconf: {enablenatt: ${natt}}
`;
  const setupOf = (natt: boolean) => readSetup(text(natt), "f", { unchecked: true }).setup;
  const warnings: string[] = [];
  try {
    const transport = openTransport(setupOf(false), (words) => void warnings.push(words));
    assert.equal(transport.nattPort, undefined);
    await transport.close();
    assert.equal(warnings.length, 1);
    const place = `Cannot open UDP 127.0.0.1:${other.ikePort}: process ${Deno.pid} `;
    assert.equal(warnings[0]!.slice(0, place.length), place);
    assert.match(warnings[0]!, /set ownnattport .* are not heard$/);
    assert.throws(() => openTransport(setupOf(true)), /set ownnattport to another port/);
  } finally {
    await other.close();
  }
});
