// Every method of one end with every method of the other, as far as RFC 7296 §2.15 and §2.16, RFC 5998 and
// RFC 7619 allow them together; and every method where another one is asked for, which establishes nothing.
import assert from "node:assert/strict";
import { SeededRandom } from "@/base/random.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import type { KeyKind } from "@/crypto/signature.ts";
import { openEapPeer } from "@/eap/peer.ts";
import { openEapServer } from "@/eap/server.ts";
import { EapUsers } from "@/eap/users.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import { EapType } from "@/iana/eap_type.ts";
import { HashAlgorithm } from "@/iana/hash_algorithm.ts";
import { IdType } from "@/iana/id_type.ts";
import type {
  IdentityRule,
  IkeConfig,
  OwnAuthConfig,
  PeerAuthConfig,
} from "@/ike/records/config.ts";
import { BACKENDS } from "../../crypto/_backends.ts";
import { Maker } from "../../pki/_maker.ts";
import { fqdn, signs, verifies } from "./_signing.ts";
import { setUp } from "./two_ends.ts";

/** How an end proves who it is, and how the other end verifies it. */
interface Method {
  readonly name: string;
  /** IANA Authentication Method, or the private number that stands for EAP. */
  readonly number: number;
  readonly id: IdentityRule;
  readonly own: OwnAuthConfig;
  readonly peer: PeerAuthConfig;
}

const { MSCHAPV2 } = EapType;
const ANNOUNCED = [HashAlgorithm.SHA2_256, HashAlgorithm.IDENTITY];
const SIGNATURES: readonly (readonly [name: string, number: number, kind: KeyKind])[] = [
  ["rsa", AuthMethod.RSA_DIGITAL_SIGNATURE, "rsa"],
  ["ecdsa-sha256-p256", AuthMethod.ECDSA_SHA256_P256, "p-256"],
  ["ecdsa-sha384-p384", AuthMethod.ECDSA_SHA384_P384, "p-384"],
  ["ecdsa-sha512-p521", AuthMethod.ECDSA_SHA512_P521, "p-521"],
  ["digital-signature", AuthMethod.DIGITAL_SIGNATURE, "ed25519"],
];
const ID_NULL: IdentityRule = {
  kind: "fixed",
  identity: { idType: IdType.ID_NULL, data: new Uint8Array(0) },
};

/** The methods of the end with this name. */
async function methodsOf(backend: CryptoBackend, name: string): Promise<readonly Method[]> {
  const maker = new Maker(backend);
  const root = await maker.root();
  const id = fqdn(name);
  const byKey = await Promise.all(SIGNATURES.map(async ([method, number, kind]) => {
    const party = await maker.issue(name, root, { kind, altNames: [{ form: "dns", text: name }] });
    return { name: method, number, id, own: signs(party, number), peer: verifies(root, number) };
  }));
  const psk = { kind: "psk", secret: new TextEncoder().encode(`secret of both ends`) } as const;
  const none = { kind: "null_auth" } as const;
  return [
    ...byKey,
    { name: "psk", number: AuthMethod.SHARED_KEY_MIC, id, own: psk, peer: psk },
    {
      name: "null-auth",
      number: AuthMethod.NULL_AUTHENTICATION,
      id: ID_NULL,
      own: none,
      peer: none,
    },
  ];
}

/** EAP-MSCHAPv2 of the initiator, and EAP-only of its responder. */
function eapMethods(initiator: string, responder: string): readonly [eap: Method, only: Method] {
  const random = new SeededRandom(7296);
  const env = { random: (count: number) => random.octets(count), tls: undefined };
  const users = new EapUsers([{ identity: initiator, password: "wonderland" }]);
  const credentials = { identity: initiator, methods: [MSCHAPV2], password: "wonderland" };
  return [
    {
      name: "eap",
      number: AuthMethod.PRIVATE_EAP,
      id: fqdn(initiator),
      own: { kind: "eap", open: () => openEapPeer(credentials, env) },
      peer: {
        kind: "eap",
        open: () => openEapServer({ methods: [MSCHAPV2], users }, env),
        asksIdentity: false,
      },
    },
    {
      name: "eap-only",
      number: AuthMethod.PRIVATE_EAP_ONLY,
      id: fqdn(responder),
      own: { kind: "eap_only" },
      peer: { kind: "eap_only", verifying: undefined },
    },
  ];
}

/** An end that has one method, and asks the other one for another. */
function end(own: Method, asked: Method): Partial<IkeConfig> {
  return {
    ownId: own.id,
    auth: { own: own.own, peer: asked.peer },
    // An end that announces hashes takes digital signatures in place of any other kind of signature.
    signatureHashes: [own, asked].some(({ name }) => name === "digital-signature") ? ANNOUNCED : [],
  };
}

function isAllowed(initiator: Method, responder: Method): boolean {
  if (initiator.name === "eap") return responder.name !== "null-auth";
  return responder.name !== "eap-only";
}

for (const backend of BACKENDS) {
  const [initiators, responders] = [
    await methodsOf(backend, "a.test"),
    await methodsOf(backend, "b.test"),
  ];
  const [eap, only] = eapMethods("a.test", "b.test");

  for (const initiator of [...initiators, eap]) {
    Deno.test(`${backend.name}: an initiator by ${initiator.name} with every method of its responder`, async () => {
      for (const responder of [...responders, only]) {
        if (!isAllowed(initiator, responder)) continue;
        const both = await setUp(backend, {
          initiator: end(initiator, responder),
          responder: end(responder, initiator),
        });
        const name = `${initiator.name} with ${responder.name}`;
        assert.deepEqual([...both.initiator.failures, ...both.responder.failures], [], name);
        const methods = [initiator.number, responder.number];
        const { initiator: { sa: i }, responder: { sa: r } } = both;
        assert.deepEqual([i.phase, r.phase], ["established", "established"], name);
        assert.deepEqual([i.peer.ownAuth, i.peer.auth], methods, name);
        assert.deepEqual([r.peer.auth, r.peer.ownAuth], methods, name);
      }
    });
  }

  for (const asked of responders) {
    Deno.test(`${backend.name}: an end that asks for ${asked.name} takes no other method`, async () => {
      const psk = initiators.find(({ name }) => name === "psk")!;
      for (const shown of responders) {
        if (shown === asked) continue;
        const name = `${shown.name} where ${asked.name} is asked for`;
        // The responder has the wrong method, then the initiator.
        for (const wrong of ["responder", "initiator"] as const) {
          const [i, r] = wrong === "responder"
            ? [end(psk, asked), end(shown, psk)]
            : [end(shown, psk), end(psk, asked)];
          const both = await setUp(backend, { initiator: i, responder: r });
          assert.notEqual(both.initiator.sa.phase, "established", name);
          const failed = wrong === "responder" ? both.initiator : both.responder;
          assert.notEqual(failed.sa.phase, "established", name);
          const said = [...both.initiator.failures, ...both.responder.failures].join();
          assert.match(said, /authpeermethod asks for|authownmethod|announced no hash/, name);
        }
      }
    });
  }
}
