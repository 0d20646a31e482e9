/**
 * tshark decrypts IKE_AUTH with our keys, and reads from the CERT and CERTREQ payloads of the encodings 12
 * and 13 (hash and URL, RFC 7296 §3.6) and 15 (raw public key, RFC 7670 §3) what we have put into them.
 */
import assert from "node:assert/strict";
import { toHex } from "@/base/bytes.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { dumpOf } from "@/engine/show/sa_view.ts";
import { AuthMethod } from "@/iana/auth_method.ts";
import { HashAlgorithm } from "@/iana/hash_algorithm.ts";
import { IdType } from "@/iana/id_type.ts";
import { rawKeyTable } from "@/ike/auth/raw_key_table.ts";
import type { IkeConfig, SigningAuth, VerifyingAuth } from "@/ike/records/config.ts";
import { encodeBundle } from "@/pki/received.ts";
import { KeylogDirectory } from "@/report/keylog.ts";
import { CaptureFile } from "@/report/capture_file.ts";
import { HAS_TSHARK } from "../../esp/_tshark.ts";
import { Maker } from "../../pki/_maker.ts";
import { fqdn, signs, verifies } from "./_signing.ts";
import { setUp } from "./two_ends.ts";

const crypto = portableBackend();
const METHOD = AuthMethod.DIGITAL_SIGNATURE;
const PATH = {
  ownAddress: Uint8Array.of(10, 0, 0, 1),
  ownPort: 500,
  peerAddress: Uint8Array.of(10, 0, 0, 2),
  peerPort: 500,
};

/** What tshark shows of all messages: the encodings of CERT and CERTREQ, hashes, URLs, and all octets. */
interface Shown {
  readonly encodings: readonly string[];
  readonly requested: readonly string[];
  readonly hashes: readonly string[];
  readonly urls: readonly string[];
  /** The whole dissection, as text with the octets of the decrypted data in hex. */
  readonly octets: string;
}

/** Sets up an IKE SA, and lets tshark dissect its decrypted messages. */
async function shown(
  initiator: Partial<IkeConfig>,
  responder: Partial<IkeConfig>,
): Promise<Shown> {
  const directory = await Deno.makeTempDir();
  try {
    const pcap = new CaptureFile(`${directory}/cap.pcap`);
    const sent = (octets: Uint8Array, own: boolean) =>
      pcap.add({ sent: own, octets, path: PATH, epochMs: 0, tunnel: undefined });
    const ends = await setUp(crypto, { initiator, responder, sent });
    assert.deepEqual([...ends.initiator.failures, ...ends.responder.failures], []);
    pcap.close();
    const keylog = new KeylogDirectory(`${directory}/keys`);
    keylog.addIke(dumpOf(ends.initiator.sa, (ms) => ms));
    keylog.close();
    const keys = (await Deno.readTextFile(`${directory}/keys/ikev2_decryption_table`)).trim();
    const dissect = async (...args: string[]) => {
      const { code, stdout, stderr } = await new Deno.Command("tshark", {
        args: [
          ...["-r", `${directory}/cap.pcap`, "-o", `uat:ikev2_decryption_table:${keys}`],
          ...args,
        ],
      }).output();
      assert.equal(code, 0, new TextDecoder().decode(stderr));
      return new TextDecoder().decode(stdout);
    };
    const names = ["cert.encoding", "certreq.type", "cert.x509.hash", "cert.x509.url"];
    const fields = names.flatMap((name) => ["-e", `isakmp.${name}`]);
    const lines = (await dissect("-T", "fields", ...fields)).split("\n").map((l) => l.split("\t"));
    const column = (at: number) =>
      lines.flatMap((line) => (line[at] ?? "").split(",")).filter((one) => one !== "");
    return {
      encodings: column(0),
      requested: column(1),
      hashes: column(2).map((one) => one.replaceAll(":", "")),
      urls: column(3),
      octets: (await dissect("-x")).replaceAll(/^[0-9a-f]{4,} {2}([0-9a-f ]{1,48}).*\n?/gm, "$1")
        .replaceAll(/\s/g, ""),
    };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** The configuration of an end with this name and these methods of authentication. */
function end(name: string, own: SigningAuth, peer: VerifyingAuth): Partial<IkeConfig> {
  return { ownId: fqdn(name), auth: { own, peer }, signatureHashes: [HashAlgorithm.SHA2_256] };
}

for (const [encoding, isBundle] of [["12", false], ["13", true]] as const) {
  Deno.test({
    name: `tshark reads the hash and the URL of the encoding ${encoding}`,
    ignore: !HAS_TSHARK,
    async fn() {
      const maker = new Maker(crypto);
      const root = await maker.root();
      const sub = await maker.issue("Sub", root, { authority: true });
      const a = await maker.issue("a.test", sub, { altNames: [{ form: "dns", text: "a.test" }] });
      const b = await maker.issue("b.test", root, { altNames: [{ form: "dns", text: "b.test" }] });
      const octets = isBundle ? encodeBundle([a.certificate, sub.certificate]) : a.certificate.der;
      const address = { url: "http://pki.test/ee-&d", isBundle };
      const own = signs(a, METHOD, { authorities: [sub.certificate], address });
      const lookup = { find: () => octets };
      const found = await shown(
        end("a.test", own, verifies(root, METHOD)),
        end("b.test", signs(b, METHOD), verifies(root, METHOD, { lookup })),
      );
      // There is also the certificate of the responder, and that of the authority above ours unless
      // the bundle has it.
      const whole = isBundle ? ["4"] : ["4", "4"];
      assert.deepEqual([...found.encodings].sort(), [encoding, ...whole].sort());
      const url = "http://pki.test/ee-0";
      const hash = toHex(crypto.sha1(octets));
      assert.ok(found.octets.includes(hash + toHex(new TextEncoder().encode(url))));
      // Wireshark 4.0 separates the hash from the URL in the encoding 12 only.
      if (isBundle) return;
      assert.deepEqual(found.urls, [url]);
      assert.deepEqual(found.hashes, [hash]);
    },
  });
}

Deno.test({
  name: "tshark reads raw public keys and the requests for them by the encoding 15",
  ignore: !HAS_TSHARK,
  async fn() {
    const maker = new Maker(crypto);
    const root = await maker.root();
    const [a, b] = [await maker.issue("a.test", root), await maker.issue("b.test", root)];
    const trusts = (text: string, key: typeof a.keys.publicKey) => {
      const identity = { idType: IdType.ID_FQDN, form: "text", text } as const;
      const rawKeys = rawKeyTable({ named: [{ identity, key }] });
      return { ...verifies(root, METHOD, { rawKeys }), requested: undefined };
    };
    const shows = (party: typeof a) => signs(party, METHOD, { rawKeys: [party.keys] });
    const found = await shown(
      end("a.test", shows(a), trusts("b.test", b.keys.publicKey)),
      end("b.test", shows(b), trusts("a.test", a.keys.publicKey)),
    );
    assert.deepEqual(found.encodings, ["15", "15"]);
    assert.deepEqual(found.requested, ["15", "15"]);
    for (const { publicKey } of [a.keys, b.keys]) {
      assert.ok(found.octets.includes(toHex(publicKey.spki)), "the key is in no decrypted message");
    }
  },
});
