// Runs of both roles from setups whose keys are shown and trusted without certificates (RFC 7670).
import assert from "node:assert/strict";
import { parsePrefix } from "@/base/address.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { readCertificateFiles } from "@/engine/run/certificate_files.ts";
import { ikeConfigOf, ownAddressesOf } from "@/engine/run/config_of.ts";
import { openAuth } from "@/engine/run/prepare.ts";
import { RunResult } from "@/engine/show/view.ts";
import { encodePem } from "@/pki/pem.ts";
import { pairOf, readPublicKeys } from "@/pki/raw_key.ts";
import { readPrivateKey } from "@/pki/private_key.ts";
import type { IkeConf, Setup } from "@/setup/setup.ts";
import { openPortableUdp } from "@/transport/udp_portable.ts";
import { fakeEnv } from "./rig.ts";
import { setup } from "./setups.ts";
import { startRun } from "./two_runs.ts";

const LOOPBACK = parsePrefix("127.0.0.1/8")!;
const TUNNELS = 3;
const crypto = portableBackend();
const KINDS = ["rsa", "p-224", "p-256", "p-521", "ed25519", "ed448", "ml-dsa-44"] as const;

async function open(top: Partial<Setup>, ike: Partial<IkeConf>) {
  const whole = setup({ ownport: 0, setupinterval: 0, numberoftunnels: TUNNELS, ...top }, {
    dhgrpid: [31],
    authownmethod: "digital-signature",
    authpeermethod: "digital-signature",
    ...ike,
  });
  const certificates = await readCertificateFiles(whole, crypto);
  const ownAddresses = ownAddressesOf(whole, () => []);
  const transport = openPortableUdp({ ownAddresses, ikePort: whole.ownport });
  const { run } = startRun(whole, transport, { certificates });
  return { run, port: transport.ikePort };
}

async function writePair(privateFile: string, publicFile: string, kind: typeof KINDS[number]) {
  const { privateKey, publicKey } = await crypto.signatures.generate(kind);
  Deno.writeTextFileSync(
    privateFile,
    encodePem({ label: "PRIVATE KEY", der: privateKey.pkcs8 }),
  );
  Deno.writeTextFileSync(publicFile, encodePem({ label: "PUBLIC KEY", der: publicKey.spki }));
}

Deno.test("a gateway with a key of a file, and clients with one of their own each, from directories", async () => {
  const dir = Deno.makeTempDirSync();
  try {
    for (const name of ["clients", "trusted"]) Deno.mkdirSync(`${dir}/${name}`);
    for (let i = 0; i < TUNNELS; i++) {
      await writePair(`${dir}/clients/c-${i}.key`, `${dir}/trusted/c-${i}.pub`, "p-256");
    }
    // The keys of all clients by one line, of which the identity and the file have a number.
    Deno.writeTextFileSync(`${dir}/trusted/owners`, "# whose keys\n\nc-&d.test  c-&d.pub\n");
    await writePair(`${dir}/gateway.key`, `${dir}/gateway.pub`, "ed25519");
    const gateway = await open({ role: "gateway", bindifaddr: LOOPBACK }, {
      rawkey: `${dir}/gateway.key`,
      peerrawkeyfile: `${dir}/trusted/owners`,
      myid: "gateway.test",
    });
    const { run } = await open({
      role: "client",
      startclntaddr: parsePrefix("127.0.3.1/8")!,
      peeraddr: LOOPBACK.address,
      peerport: gateway.port,
    }, {
      rawkey: `${dir}/clients`,
      peerrawkey: `${dir}/gateway.pub`,
      peerid: "gateway.test",
      myid: "c-&d.test",
    });
    while (run.figures().established + run.figures().failed < TUNNELS) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    run.stop(true);
    const { result, figures } = await run.finalResult;
    assert.deepEqual([result, figures.failures], [RunResult.PASSED, []]);
    gateway.run.stop(true);
    await gateway.run.finalResult;
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("certlookup reaches the configuration: who finds what a peer only tells the address of", async () => {
  const dir = Deno.makeTempDirSync();
  try {
    await writePair(`${dir}/one.key`, `${dir}/one.pub`, "ed25519");
    Deno.mkdirSync(`${dir}/lookup`);
    const content = Uint8Array.of(0x30, 1, 5);
    Deno.writeFileSync(`${dir}/lookup/ee.cer`, content);
    const lookupOf = async (certlookup: "off" | "file" | "http") => {
      const whole = setup({}, {
        authpeermethod: "digital-signature",
        peerrawkey: `${dir}/one.pub`,
        certlookup,
        certlookupdir: `${dir}/lookup`,
      });
      const auth = await openAuth(whole, fakeEnv(1), { note: () => {} });
      const { peer } = ikeConfigOf(whole, undefined, auth).auth;
      auth.close();
      return peer.kind === "signature" ? peer.lookup : undefined;
    };
    assert.equal(await lookupOf("off"), undefined);
    const address = { isBundle: false, hash: crypto.sha1(content), url: "http://pki.test/ee.cer" };
    for (const how of ["file", "http"] as const) {
      assert.deepEqual(await (await lookupOf(how))!.find(address), content);
    }
    const other = { ...address, hash: crypto.sha1(Uint8Array.of(1)) };
    const files = (await lookupOf("file"))!;
    assert.throws(() => void files.find(other), { message: /no file of certlookupdir/ });
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

for (const kind of KINDS) {
  Deno.test(`the public half of a private key is found: ${kind}`, async () => {
    const { privateKey, publicKey } = await crypto.signatures.generate(kind);
    const file = new TextEncoder().encode(
      encodePem({ label: "PRIVATE KEY", der: privateKey.pkcs8 }),
    );
    const pair = await pairOf(readPrivateKey(file));
    assert.deepEqual(pair.publicKey, publicKey);
    assert.deepEqual(readPublicKeys(publicKey.spki), [publicKey]);
  });
}

Deno.test("files of raw keys that are missing, or hold something else, are told by option and name", async () => {
  const dir = Deno.makeTempDirSync();
  try {
    await writePair(`${dir}/one.key`, `${dir}/one.pub`, "p-256");
    const client = { role: "client", numberoftunnels: 2 } as const;
    const cases = [
      [{ rawkey: `${dir}/none.key` }, /^ikeconf\.rawkey: cannot read .*none\.key/],
      [{ rawkey: `${dir}/one.pub` }, /^ikeconf\.rawkey: .*one\.pub: Cannot find a private key/],
      [{ rawkey: dir }, /^ikeconf\.rawkey: .* has 1 keys NAME\.key: expected 2/],
      [
        { rawkey: `${dir}/one.key`, peerrawkey: `${dir}/one.key` },
        /peerrawkey: .*Cannot find a pub/,
      ],
      [{ rawkey: `${dir}/one.key`, peerrawkey: `${dir}/none` }, /peerrawkey: cannot read .*none/],
    ] as const;
    for (const [ike, words] of cases) {
      const whole = setup(client, {
        authownmethod: "digital-signature",
        authpeermethod: "digital-signature",
        peerrawkey: `${dir}/one.pub`,
        ...ike,
      });
      await assert.rejects(readCertificateFiles(whole, crypto), { message: words });
    }
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("a file that says whose raw keys are trusted: what is wrong in it is told by its line", async () => {
  const dir = Deno.makeTempDirSync();
  try {
    await writePair(`${dir}/one.key`, `${dir}/one.pub`, "p-256");
    const read = (text: string) => {
      Deno.writeTextFileSync(`${dir}/owners`, text);
      const peerrawkeyfile = `${dir}/owners`;
      const whole = setup({}, { authpeermethod: "digital-signature", peerrawkeyfile });
      return readCertificateFiles(whole, crypto);
    };
    const cases = [
      ["", /peerrawkeyfile: .*owners names no key/],
      [
        "# nobody\na.test\n",
        /owners:2: expected an identity, white space, and the file of its pub/,
      ],
      ["keyid-hex:1 one.pub", /owners:1: the identity does not consist of pairs of hex digits/],
      ["a.test two.pub", /cannot read .*two\.pub/],
      ["a.test one.key", /one\.key: Cannot find a public key/],
      ["a.test .", /is a directory: expected a file/],
      ["a-&d.test a-&d.pub", /has no file a-&d\.pub, whatever number stands for &d/],
    ] as const;
    for (const [text, message] of cases) await assert.rejects(read(text), { message }, text);
    const { peerRawKeys } = await read(`"dn:CN=A B" one.pub\na-&d.test ${dir}/one.pub\n`);
    assert.deepEqual(peerRawKeys.named.map(({ identity }) => identity.text), [
      "CN=A B",
      "a-&d.test",
    ]);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
