import assert from "node:assert/strict";
import { IdType } from "@/iana/id_type.ts";
import { identityOfCommonName, placeOfIdentity } from "@/pki/identity.ts";
import { encodeName } from "@/pki/name.ts";
import { BACKENDS } from "../crypto/_backends.ts";
import { Maker } from "./_maker.ts";

const text = (value: string) => new TextEncoder().encode(value);

Deno.test("an identity of each type is found in its place of a certificate", async () => {
  const maker = new Maker(BACKENDS.at(-1)!);
  const { certificate } = await maker.issue("gw.example", undefined, {
    altNames: [
      { form: "dns", text: "vpn.example" },
      { form: "email", text: "bob@example" },
      { form: "ip", octets: Uint8Array.of(192, 0, 2, 1) },
    ],
  });
  const place = (type: number, data: Uint8Array) => placeOfIdentity(certificate, type, data);
  assert.equal(place(IdType.ID_FQDN, text("VPN.example")), "subjectAltName");
  assert.equal(place(IdType.ID_FQDN, text("gw.example")), "commonName");
  assert.equal(place(IdType.ID_FQDN, text("other.example")), undefined);
  assert.equal(place(IdType.ID_FQDN, text("")), undefined);
  assert.equal(place(IdType.ID_RFC822_ADDR, text("bob@example")), "subjectAltName");
  assert.equal(place(IdType.ID_RFC822_ADDR, text("eve@example")), undefined);
  assert.equal(place(IdType.ID_IPV4_ADDR, Uint8Array.of(192, 0, 2, 1)), "subjectAltName");
  assert.equal(place(IdType.ID_IPV4_ADDR, Uint8Array.of(192, 0, 2, 2)), undefined);
  assert.equal(place(IdType.ID_IPV6_ADDR, new Uint8Array(16)), undefined);
  const dn = encodeName([["2.5.4.10", "TEST"], ["2.5.4.3", "  GW.example"]]);
  assert.equal(place(IdType.ID_DER_ASN1_DN, dn), "subject");
  assert.equal(place(IdType.ID_DER_ASN1_DN, encodeName([["2.5.4.3", "gw.example"]])), undefined);
  assert.equal(place(IdType.ID_DER_ASN1_DN, text("nonsense")), undefined);
  const gn = Uint8Array.of(0x82, 11, ...text("vpn.example"));
  assert.equal(place(IdType.ID_DER_ASN1_GN, gn), "subjectAltName");
  const id = certificate.extensions.subjectKeyIdentifier!;
  assert.equal(place(IdType.ID_KEY_ID, id), "subjectKeyIdentifier");
  assert.equal(place(IdType.ID_KEY_ID, id.subarray(1)), undefined);
  assert.deepEqual(identityOfCommonName(certificate), {
    type: IdType.ID_FQDN,
    data: text("gw.example"),
  });
});
