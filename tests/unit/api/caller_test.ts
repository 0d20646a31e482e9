import assert from "node:assert/strict";
import { isLoopback, maySeeSecrets } from "@/api/caller.ts";

Deno.test("loopback is 127.0.0.0/8 and ::1, however written", () => {
  for (const peer of ["127.0.0.1:1", "127.255.0.9:65535", "::1:50000", "[::1]:50000"]) {
    assert.ok(isLoopback(peer), peer);
  }
  assert.ok(isLoopback("::ffff:127.0.0.2:4711"));
  for (const peer of ["126.0.0.1:1", "128.0.0.1:1", "10.127.0.1:9", "::2:1", "fe80::1:1"]) {
    assert.ok(!isLoopback(peer), peer);
  }
  for (const peer of ["::ffff:10.0.0.1:127", "1::1:1", "::1:0:1:5", "unknown", "", "127.0.0.1"]) {
    assert.ok(!isLoopback(peer), peer);
  }
});

Deno.test("secrets go to loopback and to certificates, unless the rule says otherwise", () => {
  const call = (peer: string, sslPeerCertificate?: object) => ({
    getPeer: () => peer,
    getAuthContext: () => ({ sslPeerCertificate }),
  });
  assert.equal(maySeeSecrets("auto", call("127.0.0.1:9")), true);
  assert.equal(maySeeSecrets("auto", call("192.0.2.1:9")), false);
  assert.equal(maySeeSecrets("auto", call("192.0.2.1:9", {})), true);
  assert.equal(maySeeSecrets("always", call("192.0.2.1:9")), true);
  assert.equal(maySeeSecrets("never", call("127.0.0.1:9", {})), false);
});
