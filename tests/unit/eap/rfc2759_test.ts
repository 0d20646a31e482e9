/** The published figures of RFC 2759 §9.2 and RFC 3079 §3.5.3. */
import assert from "node:assert/strict";
import { fromHex, toHex } from "@/base/bytes.ts";
import { md4 } from "@/crypto/legacy.ts";
import {
  authenticatorResponse,
  challengeHash,
  masterKey,
  mschapv2Msk,
  ntPasswordHash,
  ntResponse,
  startKey,
} from "@/eap/mschap/rfc2759.ts";

const hex = (text: string) => fromHex(text.replaceAll(" ", ""))!;
const CHALLENGES = {
  authenticator: hex("5B 5D 7C 7D 7B 3F 2F 3E 3C 2C 60 21 32 26 26 28"),
  peer: hex("21 40 23 24 25 5E 26 2A 28 29 5F 2B 3A 33 7C 7E"),
  userName: "User",
};
const RESPONSE = hex("82 30 9E CD 8D 70 8B 5E A0 8F AA 39 81 CD 83 54 42 33 11 4A 3D 85 D6 DF");

Deno.test("RFC 2759 §9.2: hashes and responses are those of the example", () => {
  assert.deepEqual(challengeHash(CHALLENGES), hex("D0 2E 43 86 BC E9 12 26"));
  const hash = ntPasswordHash("clientPass");
  assert.deepEqual(hash, hex("44 EB BA 8D 53 12 B8 D6 11 47 44 11 F5 69 89 AE"));
  assert.deepEqual(md4(hash), hex("41 C0 0C 58 4B D2 D9 1C 40 17 A2 A1 2F A5 9F 3F"));
  assert.deepEqual(ntResponse(CHALLENGES, hash), RESPONSE);
  assert.equal(
    toHex(authenticatorResponse(CHALLENGES, hash, RESPONSE)).toUpperCase(),
    "407A5589115FD0D6209F510FE9C04566932CDA56",
  );
});

Deno.test("a domain before the user name does not change the response", () => {
  const hash = ntPasswordHash("clientPass");
  assert.deepEqual(ntResponse({ ...CHALLENGES, userName: "BIGCO\\User" }, hash), RESPONSE);
});

Deno.test("RFC 3079 §3.5.3: the 128-bit keys are those of the example", () => {
  const hash = ntPasswordHash("clientPass");
  const master = masterKey(hash, RESPONSE);
  assert.deepEqual(master, hex("FD EC E3 71 7A 8C 83 8C B3 88 E5 27 AE 3C DD 31"));
  const serverSends = startKey(master, "server sends");
  assert.deepEqual(serverSends, hex("8B 7C DC 14 9B 99 3A 1B A1 18 CB 15 3F 56 DC CB"));
  const msk = mschapv2Msk(hash, RESPONSE);
  assert.equal(msk.length, 64);
  assert.deepEqual(msk.slice(0, 16), startKey(master, "peer sends"));
  assert.deepEqual(msk.slice(16, 32), serverSends);
  assert.deepEqual(msk.slice(32), new Uint8Array(32));
});
