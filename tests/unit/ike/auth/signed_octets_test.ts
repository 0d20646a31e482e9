// The octets that AUTH covers (RFC 7296 §2.15), with and without IKE_INTERMEDIATE (RFC 9242 §3.3.2).
import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { Prf } from "@/iana/prf.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { signedOctets } from "@/ike/auth/signed_octets.ts";

const prf = portableBackend().prf(Prf.PRF_HMAC_SHA2_256)!;
const octets = (text: string) => new TextEncoder().encode(text);
const parts = {
  message: octets("RealMessage1"),
  nonce: octets("NonceRData"),
  skP: octets("SK_pi"),
  idBody: octets("RestOfInitIDPayload"),
};
const maced = createHmac("sha256", "SK_pi").update("RestOfInitIDPayload").digest();

Deno.test("the signed octets are the message, the other nonce and the MACed ID (§2.15)", () => {
  const expected = Buffer.concat([octets("RealMessage1NonceRData"), maced]);
  assert.deepEqual(Buffer.from(signedOctets(prf, parts)), expected);
});

Deno.test("the value over IKE_INTERMEDIATE is the last of these octets (RFC 9242 §3.3.2)", () => {
  const expected = Buffer.concat([octets("RealMessage1NonceRData"), maced, octets("IntAuth")]);
  const signed = signedOctets(prf, { ...parts, intAuth: octets("IntAuth") });
  assert.deepEqual(Buffer.from(signed), expected);
});

Deno.test("against downgrades, eight zeros and the other end's message come first", () => {
  const signed = signedOctets(prf, {
    ...parts,
    otherMessage: octets("RealMessage2"),
    intAuth: octets("IntAuth"),
  });
  const head = octets("RealMessage2RealMessage1NonceRData");
  const expected = Buffer.concat([new Uint8Array(8), head, maced, octets("IntAuth")]);
  assert.deepEqual(Buffer.from(signed), expected);
});
