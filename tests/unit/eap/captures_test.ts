/**
 * EAP packets that two strongSwan 6.0.6 exchanged inside IKE_AUTH: they are decoded, and the proofs in
 * them are computed again from the password.
 */
import assert from "node:assert/strict";
import { concat, sameOctets, toHex } from "@/base/bytes.ts";
import { md5 } from "@/crypto/legacy.ts";
import { portableBackend } from "@/crypto/portable.ts";
import {
  authenticatorResponse,
  mschapv2Msk,
  ntPasswordHash,
  ntResponse,
} from "@/eap/mschap/rfc2759.ts";
import { decodeEap, type EapMethodPacket, encodeEap } from "@/eap/packet.ts";
import { newFragments, takePacket } from "@/eap/tls/fragments.ts";
import { EapCode, EapType } from "@/iana/eap_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { captureNames, openCapture, readCapture } from "../../captures.ts";

const PASSWORD = "wonderland";

/** All EAP packets of a capture, in order. */
function eapOf(name: string): Uint8Array[] {
  const opened = openCapture(readCapture(name, portableBackend()));
  return opened.flatMap(({ sealed }) =>
    (sealed?.payloads ?? []).flatMap((p) =>
      p.type === PayloadType.EAP && "data" in p ? [p.data as Uint8Array] : []
    )
  );
}

function methodPackets(name: string, type: number): EapMethodPacket[] {
  return eapOf(name).map(decodeEap).filter((p): p is EapMethodPacket =>
    "type" in p && p.type === type
  );
}

Deno.test("the EAP packets of all captures are encoded to the octets they were decoded from", () => {
  let count = 0;
  for (const name of captureNames()) {
    for (const octets of eapOf(name)) {
      assert.deepEqual(encodeEap(decodeEap(octets)), octets);
      count++;
    }
  }
  assert.ok(count >= 30, `${count} packets`);
});

for (const name of ["eap_md5", "radius_md5"]) {
  Deno.test(`${name}: strongSwan's response is the hash over its password`, () => {
    const [request, response] = methodPackets(name, EapType.MD5_CHALLENGE);
    const challenge = request!.data.subarray(1, 17);
    const value = response!.data.subarray(1, 17);
    const secret = new TextEncoder().encode(PASSWORD);
    const wanted = md5(concat(Uint8Array.of(response!.identifier), secret, challenge));
    assert.ok(sameOctets(value, wanted));
  });
}

for (const name of ["eap_mschapv2", "radius_mschapv2"]) {
  Deno.test(`${name}: the proofs of both ends follow from the password`, () => {
    const [challenge, response, success] = methodPackets(name, EapType.MSCHAPV2);
    const peer = response!.data.subarray(5, 21);
    const proof = response!.data.subarray(29, 53);
    const userName = new TextDecoder().decode(response!.data.subarray(54));
    const authenticator = challenge!.data.subarray(5, 21);
    const hash = ntPasswordHash(PASSWORD);
    const challenges = { authenticator, peer, userName };
    assert.equal(userName, "alice");
    assert.deepEqual(ntResponse(challenges, hash), proof.slice());
    const text = new TextDecoder().decode(success!.data.subarray(4));
    const wanted = toHex(authenticatorResponse(challenges, hash, proof)).toUpperCase();
    assert.ok(text.startsWith(`S=${wanted}`), text);
    assert.equal(mschapv2Msk(hash, proof).length, 64);
  });
}

for (const [name, type] of [["eap_tls", EapType.TLS], ["eap_ttls", EapType.TTLS]] as const) {
  Deno.test(`${name}: the fragments of both ends are reassembled`, () => {
    const ends = { [EapCode.REQUEST]: newFragments(), [EapCode.RESPONSE]: newFragments() };
    const kinds = methodPackets(name, type).map(({ code, data }) =>
      takePacket(ends[code], data).kind
    );
    assert.equal(kinds[0], "start");
    assert.ok(kinds.includes("message"));
  });
}
