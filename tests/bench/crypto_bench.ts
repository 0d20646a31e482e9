/**
 * Measures the cryptography of one end of one tunnel, on each backend: the key exchange, the key
 * derivation, the AUTH values of both ends, the SK payloads of IKE_AUTH in both directions, and the keys
 * of the first CHILD_SA.
 *
 * Run: deno bench --allow-read --allow-ffi tests/bench/crypto_bench.ts
 * @module
 */
import type { CryptoBackend } from "@/crypto/backend.ts";
import { Encr } from "@/iana/encr.ts";
import { Integ } from "@/iana/integ.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { Prf } from "@/iana/prf.ts";
import { BACKENDS } from "../unit/crypto/_backends.ts";

interface Suite {
  readonly name: string;
  readonly encr: number;
  readonly keyBits: number;
  /** The integrity algorithm; NONE (0) if the cipher is AEAD. */
  readonly integ: number;
  readonly prf: number;
  readonly group: number;
}

const SUITES: readonly Suite[] = [
  {
    name: "X25519, AES-GCM-16-128, PRF SHA-256",
    encr: Encr.ENCR_AES_GCM_16,
    keyBits: 128,
    integ: Integ.NONE,
    prf: Prf.PRF_HMAC_SHA2_256,
    group: KeGroup.CURVE25519,
  },
  {
    name: "MODP-2048, AES-CBC-128, SHA-256",
    encr: Encr.ENCR_AES_CBC,
    keyBits: 128,
    integ: Integ.AUTH_HMAC_SHA2_256_128,
    prf: Prf.PRF_HMAC_SHA2_256,
    group: KeGroup.MODP_2048,
  },
];

/** As long as a message of IKE_AUTH. */
const message = new Uint8Array(288);
/** As long as an ID payload. */
const idPayload = new Uint8Array(24);
/** Both nonces, of 32 octets each. */
const nonces = new Uint8Array(64);

for (const suite of SUITES) {
  for (const backend of BACKENDS) {
    const exchange = backend.keyExchange(suite.group)!;
    const peer = await exchange.generate();
    Deno.bench({ name: backend.name, group: suite.name }, async () => {
      const pair = await exchange.generate();
      symmetricPart(backend, suite, await exchange.derive(pair, peer.publicValue));
    });
    const shared = await exchange.derive(peer, peer.publicValue);
    Deno.bench({ name: backend.name, group: `${suite.name}: symmetric part` }, () => {
      symmetricPart(backend, suite, shared);
    });
  }
}

/** The work after the shared secret is known; also the four hashes of NAT detection. */
function symmetricPart(backend: CryptoBackend, suite: Suite, shared: Uint8Array): void {
  const prf = backend.prf(suite.prf)!;
  const cipher = backend.cipher(suite.encr, suite.keyBits)!;
  const integrity = backend.integrity(suite.integ);
  const keys = prf.plus(prf.compute(nonces, shared), nonces, 300);
  const key = keys.subarray(0, cipher.keyOctets);
  const skP = keys.subarray(-prf.keyOctets);
  for (let i = 0; i < 4; i++) backend.sha1(nonces.subarray(0, 22));
  for (let i = 0; i < 2; i++) {
    prf.compute(prf.compute(idPayload, idPayload), prf.compute(skP, idPayload));
  }
  const iv = backend.randomOctets(cipher.ivOctets);
  const aad = message.subarray(0, 32);
  const sealed = cipher.seal(key, iv, aad, message);
  cipher.open(key, iv, aad, sealed);
  integrity?.mac(keys.subarray(0, integrity.keyOctets), message);
  integrity?.mac(keys.subarray(0, integrity.keyOctets), message);
  prf.plus(skP, nonces, 72);
}
