// The hash and the URL of a certificate in its place (RFC 7296 §3.6), and the choice of a certificate by the
// authorities that the peer's CERTREQ names (§3.7), between our two roles.
import assert from "node:assert/strict";
import { toHex } from "@/base/bytes.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import { CertEncoding } from "@/iana/cert_encoding.ts";
import { HashAlgorithm } from "@/iana/hash_algorithm.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { findNotify } from "@/ike/records/notify.ts";
import type { CertificateAddress, VerifyingAuth } from "@/ike/records/config.ts";
import { encodeBundle, type HashAndUrl } from "@/pki/received.ts";
import { showCertificate } from "@/pki/certificate.ts";
import type { CertPayload } from "@/wire/payloads/certificate.ts";
import { Maker, type Party } from "../../pki/_maker.ts";
import { fqdn, signs, verifies } from "./_signing.ts";
import { type End, setUp } from "./two_ends.ts";

const crypto = portableBackend();
const maker = new Maker(crypto);
const METHOD = AuthMethod.DIGITAL_SIGNATURE;
const root = await maker.root();
const sub = await maker.issue("Sub", root, { authority: true });
const party = (name: string, issuer: Party) =>
  maker.issue(name, issuer, { altNames: [{ form: "dns", text: name }] });
const a = await party("a.test", sub);
const b = await party("b.test", sub);

/** Both ends: the initiator may have an address of its certificate, the responder may look it up. */
function ends(
  address: CertificateAddress | undefined,
  lookup: VerifyingAuth["lookup"] | undefined,
) {
  const end = (own: Party, name: string, more: object, trust: object) => ({
    ownId: fqdn(name),
    auth: {
      own: signs(own, METHOD, { authorities: [sub.certificate], ...more }),
      peer: verifies(root, METHOD, trust),
    },
    signatureHashes: [HashAlgorithm.SHA2_256],
  });
  return {
    index: 7,
    initiator: end(a, "a.test", address ? { address } : {}, {}),
    responder: end(b, "b.test", {}, lookup ? { lookup } : {}),
  };
}

function encodings({ said }: End): number[] {
  return said.flat().filter(({ type }) => type === PayloadType.CERT)
    .map((one) => (one as CertPayload).encoding);
}

/** A lookup that finds these octets under their hash, and the URLs that it was asked for. */
function store(octets: Uint8Array) {
  const asked: string[] = [];
  const find = ({ hash, url }: HashAndUrl) => {
    asked.push(url);
    assert.equal(toHex(hash), toHex(crypto.sha1(octets)));
    return octets;
  };
  return { asked, lookup: { find } };
}

Deno.test("a peer that looks up addresses gets that of the tunnel's certificate", async () => {
  const { asked, lookup } = store(a.certificate.der);
  const address = { url: "http://pki.test/ee-&d.cer", isBundle: false };
  const { initiator, responder } = await setUp(crypto, ends(address, lookup));
  assert.deepEqual([...initiator.failures, ...responder.failures], []);
  assert.equal(responder.sa.peer.auth, METHOD);
  assert.deepEqual(asked, ["http://pki.test/ee-7.cer"]);
  assert.deepEqual(encodings(initiator), [12, CertEncoding.X509_SIGNATURE]);
  // A responder announces the lookup where its CERTREQ is, in the IKE_SA_INIT response. An end that
  // looks nothing up does not announce it.
  assert.ok(findNotify(responder.said[0]!, NotifyType.HTTP_CERT_LOOKUP_SUPPORTED));
  const ofInitiator = initiator.said.flat();
  assert.equal(findNotify(ofInitiator, NotifyType.HTTP_CERT_LOOKUP_SUPPORTED), undefined);
});

Deno.test("the address of a bundle stands for a certificate and its authority", async () => {
  const { lookup } = store(encodeBundle([a.certificate, sub.certificate]));
  const address = { url: "http://pki.test/ee.bundle", isBundle: true };
  const { initiator, responder } = await setUp(crypto, ends(address, lookup));
  assert.deepEqual([...initiator.failures, ...responder.failures], []);
  assert.deepEqual(encodings(initiator), [13]);
});

Deno.test("a peer that does not look up addresses gets the certificate itself", async () => {
  const address = { url: "http://pki.test/ee.cer", isBundle: false };
  const { initiator, responder } = await setUp(crypto, ends(address, undefined));
  assert.equal(responder.sa.peer.auth, METHOD);
  assert.deepEqual(encodings(initiator), [4, 4]);
});

Deno.test("a certificate of another hash, or that cannot be fetched, is refused", async () => {
  const address = { url: "http://pki.test/ee.cer", isBundle: false };
  const wrong = await setUp(crypto, ends(address, { find: () => b.certificate.der }));
  const words = /Cannot use what http:\/\/pki\.test\/ee\.cer gives: its SHA-1 is not the one/;
  assert.match(wrong.responder.failures[0]!, words);
  const missing = { find: () => Promise.reject(new Error("Cannot fetch it: no answer")) };
  const silent = await setUp(crypto, ends(address, missing));
  assert.match(silent.responder.failures[0]!, /Cannot fetch it: no answer/);
  const lists = store(encodeBundle([]));
  const empty = await setUp(crypto, {
    ...ends({ url: "http://pki.test/x", isBundle: true }, { find: () => encodeBundle([]) }),
  });
  assert.match(empty.responder.failures[0]!, /its SHA-1 is not/);
  assert.equal(lists.asked.length, 0);
});

Deno.test("a gateway chooses its certificate by CERTREQ, and notes if none fits", async () => {
  const other = await maker.root("Other Root");
  const ofOther = await party("b.test", other);
  const nobody = await maker.root("Nobody's Root");
  const gateway = {
    ...ends(undefined, undefined).responder,
    auth: {
      own: {
        ...signs(b, METHOD, { authorities: [sub.certificate] }),
        credentials: [b, ofOther].map(({ certificate, keys }) => ({
          certificate,
          privateKey: keys.privateKey,
        })),
        known: [sub, root, other].map(({ certificate }) => certificate),
      },
      peer: verifies(root, METHOD),
    },
  };
  const asks = async (named: Party) => {
    const { initiator } = ends(undefined, undefined);
    const peer = {
      ...verifies(named === nobody ? root : named, METHOD),
      requested: [named.certificate],
    };
    const auth = { ...initiator.auth, peer };
    return await setUp(crypto, {
      initiator: { ...initiator, auth },
      responder: gateway,
    });
  };
  const sent = ({ said }: End) => {
    const one = said.flat().find(({ type }) => type === PayloadType.CERT) as CertPayload;
    return [b, ofOther].find(({ certificate }) => toHex(certificate.der) === toHex(one.data));
  };
  for (const [named, own] of [[root, b], [other, ofOther]] as const) {
    const { initiator, responder } = await asks(named);
    assert.deepEqual(initiator.failures, []);
    assert.equal(sent(responder), own, showCertificate(own.certificate));
    assert.deepEqual(responder.notes, []);
  }
  const { initiator, responder } = await asks(nobody);
  assert.equal(initiator.sa.phase, "established", "the authorities of CERTREQ are only a hint");
  assert.equal(sent(responder), b);
  const words = responder.notes.find((note) => note.includes("CERTREQ"));
  assert.match(
    words!,
    /asks for certificates of other authorities than that of ours, .*CN=b\.test/,
  );
  assert.ok(words!.includes(toHex(crypto.sha1(nobody.certificate.spki))));
});
