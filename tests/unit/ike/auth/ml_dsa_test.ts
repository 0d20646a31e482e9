// ML-DSA (FIPS 204, experimental): certificates and signatures of thousands of octets, by the method Digital
// Signature (RFC 7427 §3), in IKE_AUTH messages of many fragments (RFC 7383).
import assert from "node:assert/strict";
import { AuthMethod } from "@/iana/auth_method.ts";
import { HashAlgorithm } from "@/iana/hash_algorithm.ts";
import { BACKENDS } from "../../crypto/_backends.ts";
import { Maker } from "../../pki/_maker.ts";
import { fqdn, signs, verifies } from "./_signing.ts";
import { setUp } from "./two_ends.ts";

const METHOD = AuthMethod.DIGITAL_SIGNATURE;

for (const backend of BACKENDS) {
  for (const kind of ["ml-dsa-44", "ml-dsa-65", "ml-dsa-87"] as const) {
    Deno.test(`${backend.name}: both ends sign with keys and certificates of ${kind}`, async () => {
      const maker = new Maker(backend);
      const root = await maker.root("Root", { kind });
      const end = async (name: string) => {
        const altNames = [{ form: "dns", text: name }] as const;
        const party = await maker.issue(name, root, { kind, altNames });
        return {
          ownId: fqdn(name),
          auth: { own: signs(party, METHOD), peer: verifies(root, METHOD) },
          signatureHashes: [HashAlgorithm.IDENTITY],
          fragmentOctets: 1100,
        };
      };
      const { initiator, responder } = await setUp(backend, {
        initiator: await end("a.test"),
        responder: await end("b.test"),
      });
      assert.deepEqual([...initiator.failures, ...responder.failures], []);
      assert.equal(responder.sa.phase, "established");
      assert.deepEqual(responder.sa.peer.ownScheme, { algorithm: kind });
    });
  }
}
