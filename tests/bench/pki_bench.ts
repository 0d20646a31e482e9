/**
 * Measures signatures, certificates and certification paths on each backend: signing and verifying with
 * keys that are imported already, parsing a certificate, and validating a chain of three certificates
 * that is new, and one that an earlier validation has left in the memory of paths.
 *
 * Run: deno bench -A tests/bench/pki_bench.ts
 * @module
 */
import type { KeyKind, SignatureScheme } from "@/crypto/signature.ts";
import { parseCertificate } from "@/pki/certificate.ts";
import { schemeOfIssuer } from "@/pki/issue.ts";
import { PathMemory, trustStoreOf } from "@/pki/trust.ts";
import { validatePath } from "@/pki/validate.ts";
import { BACKENDS } from "../unit/crypto/_backends.ts";
import { Maker, NOW_MS } from "../unit/pki/_maker.ts";

const KINDS: readonly KeyKind[] = ["p-256", "p-384", "rsa", "ed25519", "ed448", "ml-dsa-44"];
/** As long as the octets that are signed in IKE_AUTH. */
const data = new Uint8Array(400);

for (const backend of BACKENDS) {
  const { name, signatures } = backend;
  for (const kind of KINDS) {
    const { privateKey, publicKey } = await signatures.generate(kind, 2048);
    const scheme: SignatureScheme = schemeOfIssuer(kind);
    const signature = await signatures.sign(privateKey, scheme, data);
    Deno.bench({ name, group: `${kind}: sign` }, async () => {
      await signatures.sign(privateKey, scheme, data);
    });
    Deno.bench({ name, group: `${kind}: verify` }, async () => {
      await signatures.verify(publicKey, scheme, data, signature);
    });
  }
  const maker = new Maker(backend);
  const root = await maker.root();
  const intermediate = await maker.issue("Authority", root, { authority: true });
  const { certificate } = await maker.issue("gw.example", intermediate, {
    altNames: [{ form: "dns", text: "gw.example" }],
  });
  const store = trustStoreOf({ authorities: [root.certificate] });
  const request = {
    certificate,
    untrusted: [intermediate.certificate],
    store,
    nowMs: NOW_MS,
    revocation: "soft",
    purpose: "ike",
  } as const;
  if (name === "portable") {
    Deno.bench({ name: "either", group: "parse a certificate" }, () => {
      parseCertificate(certificate.der);
    });
  }
  Deno.bench({ name, group: "a chain of three, P-256: parsed and validated" }, async () => {
    const [end, issuer] = [certificate, intermediate.certificate].map(({ der }) =>
      parseCertificate(der)
    );
    await validatePath({ ...request, certificate: end!, untrusted: [issuer!] }, backend);
  });
  const memory = new PathMemory(backend);
  Deno.bench({ name, group: "a chain of three, P-256: remembered" }, async () => {
    const [end, issuer] = [certificate, intermediate.certificate].map(({ der }) =>
      memory.certificate(der)
    );
    await memory.validate({ ...request, certificate: end!, untrusted: [issuer!] });
  });
}
