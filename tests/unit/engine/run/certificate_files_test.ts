// The files of a setup's directories, made and checked by OpenSSL: certificates, revocation lists, OCSP
// responses.
import assert from "node:assert/strict";
import { SetupError } from "@/base/errors.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { type CertificateFiles, readCertificateFiles } from "@/engine/run/certificate_files.ts";
import { authOf } from "@/engine/run/auth_of.ts";
import { validatePath } from "@/pki/validate.ts";
import type { PathVerdict } from "@/pki/verdict.ts";
import type { IkeConf } from "@/setup/setup.ts";
import { setup } from "../setups.ts";

const crypto = portableBackend();

/** An authority of OpenSSL with the certificates 01 `good` and 02 `bad`, of which the latter is revoked. */
class OpensslAuthority {
  readonly dir = Deno.makeTempDirSync();

  constructor() {
    const { dir } = this;
    for (const name of ["ca", "ee", "crl", "ocsp", "new"]) Deno.mkdirSync(`${dir}/${name}`);
    Deno.writeTextFileSync(`${dir}/index.txt`, "");
    Deno.writeTextFileSync(`${dir}/serial`, "01\n");
    const policy = "[any]\ncommonName = supplied\n";
    const ca = `[ca]\ndefault_ca = it\n[it]\ndir = ${dir}\ndatabase = ${dir}/index.txt\n` +
      `serial = ${dir}/serial\nnew_certs_dir = ${dir}/new\ncertificate = ${dir}/ca/root.cert\n` +
      `private_key = ${dir}/root.key\ndefault_md = sha256\npolicy = any\ndefault_crl_days = 3\n` +
      `email_in_dn = no\nunique_subject = no\ncopy_extensions = copy\n${policy}`;
    const request = "[req]\ndistinguished_name = dn\n[dn]\n";
    Deno.writeTextFileSync(`${dir}/conf`, ca + request);
    this.run("req", ...NEW_KEY, "-x509", "-days", "30", "-subj", "/CN=Lab Root", ...this.#conf, [
      "-keyout",
      "root.key",
    ], ["-out", "ca/root.cert"]);
    for (const name of ["good", "bad"]) {
      this.run(
        "req",
        ...NEW_KEY,
        "-subj",
        `/CN=${name}.test`,
        "-addext",
        `subjectAltName=DNS:${name}.test`,
        ...this.#conf,
        ["-keyout", `ee/${name}.key`],
        ["-out", `${name}.csr`],
      );
      this.run("ca", ...this.#conf, "-batch", "-notext", "-days", "20", ["-in", `${name}.csr`], [
        "-out",
        `ee/${name}.cert`,
      ]);
    }
    this.run("ca", ...this.#conf, "-revoke", `${dir}/ee/bad.cert`, "-crl_reason", "keyCompromise");
  }

  get #conf(): string[] {
    return ["-config", `${this.dir}/conf`];
  }

  /** Texts are arguments, pairs an option and a file of the directory. */
  run(...args: readonly (string | readonly [string, string])[]): void {
    const flat = args.flatMap((a) => typeof a === "string" ? [a] : [a[0], `${this.dir}/${a[1]}`]);
    const { code, stderr } = new Deno.Command("openssl", { args: flat, stdin: "null" })
      .outputSync();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
  }

  list(days: readonly string[]): void {
    this.run("ca", ...this.#conf, "-gencrl", ...days, ["-out", "crl/root.pem"]);
  }

  /** A response of the root itself, from the same database. */
  respond(name: string): void {
    this.run(
      "ocsp",
      "-issuer",
      `${this.dir}/ca/root.cert`,
      "-cert",
      `${this.dir}/ee/${name}.cert`,
      "-no_nonce",
      "-reqout",
      `${this.dir}/${name}.req`,
    );
    this.run(
      "ocsp",
      "-index",
      `${this.dir}/index.txt`,
      "-CA",
      `${this.dir}/ca/root.cert`,
      "-ndays",
      "2",
      "-rsigner",
      `${this.dir}/ca/root.cert`,
      "-rkey",
      `${this.dir}/root.key`,
      ["-reqin", `${name}.req`],
      ["-respout", `ocsp/${name}.der`],
    );
  }

  read(change: Partial<IkeConf> = {}): Promise<CertificateFiles> {
    return readCertificateFiles(this.#setup(change), crypto);
  }

  /** What a run with this setup authenticates by. */
  async auth(change: Partial<IkeConf>) {
    const certificates = await this.read(change);
    return authOf(this.#setup(change), { certificates }, { kind: "own-address" });
  }

  /** The verdict of a run with this setup on one of the certificates. */
  async verdict(name: "good" | "bad", change: Partial<IkeConf>): Promise<PathVerdict> {
    const certificates = await this.read(change);
    const anybody = { kind: "own-address" } as const;
    const { peer } = authOf(this.#setup(change), { certificates }, anybody);
    assert.equal(peer.kind, "signature");
    const { trust: store, revocation, purpose } = peer as Extract<typeof peer, { trust: unknown }>;
    const { certificate } = certificates.credentials[name === "bad" ? 0 : 1]!;
    const nowMs = Date.now();
    return await validatePath(
      { certificate, untrusted: [], store, nowMs, revocation, purpose },
      crypto,
    );
  }

  #setup(change: Partial<IkeConf>) {
    const { dir } = this;
    const method = "ecdsa-sha256-p256";
    const directories = { cadir: `${dir}/ca`, eedir: `${dir}/ee` };
    return setup({ numberoftunnels: 2 }, {
      authownmethod: method,
      authpeermethod: method,
      ...directories,
      ...change,
    });
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.dir, { recursive: true });
  }
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

Deno.test("openssl's revocation list: its revoked certificate is refused, the other is good", async () => {
  using lab = new OpensslAuthority();
  lab.list([]);
  const change = { crldir: `${lab.dir}/crl`, revocation: "strict" } as const;
  const bad = await lab.verdict("bad", change);
  assert.ok(!bad.accepted);
  assert.match(bad.why, /CN=bad\.test: it has been revoked at .* \(keyCompromise\)/);
  assert.ok((await lab.verdict("good", change)).accepted);
  assert.ok((await lab.verdict("bad", { ...change, revocation: "off" })).accepted);
});

Deno.test("openssl's OCSP responses: revoked and good, about the certificates they name", async () => {
  using lab = new OpensslAuthority();
  for (const name of ["good", "bad"]) lab.respond(name);
  const change = { ocspdir: `${lab.dir}/ocsp`, revocation: "strict" } as const;
  const bad = await lab.verdict("bad", change);
  assert.ok(!bad.accepted && bad.rule === "revoked", JSON.stringify(bad.accepted));
  assert.ok((await lab.verdict("good", change)).accepted);
  // Soft without any word is a note.
  const unsaid = await lab.verdict("bad", { revocation: "soft" });
  assert.ok(unsaid.accepted);
  assert.match(
    unsaid.notes.map(({ text }) => text).join(),
    /Cannot tell whether CN=bad\.test has been revoked/,
  );
});

Deno.test("a file that is no list, and an empty directory, are refused with option and file", async () => {
  using lab = new OpensslAuthority();
  const { dir } = lab;
  const refuses = (change: Partial<IkeConf>, words: RegExp) =>
    assert.rejects(lab.read(change), (e) => e instanceof SetupError && words.test(e.message));
  await refuses({ crldir: `${dir}/crl` }, /ikeconf\.crldir: .*\/crl has no revocation list/);
  await refuses({ ocspdir: `${dir}/ocsp` }, /ikeconf\.ocspdir: .*\/ocsp has no OCSP response/);
  await refuses({ crldir: `${dir}/nowhere` }, /ikeconf\.crldir: cannot read the directory/);
  Deno.writeFileSync(`${dir}/crl/odd.crl`, Uint8Array.of(0x30, 3, 2, 1, 0));
  await refuses({ crldir: `${dir}/crl` }, /ikeconf\.crldir: .*\/crl\/odd\.crl: Cannot read/);
  // The file is not needed, so that it is not read.
  const { crls } = await lab.read({ crldir: `${dir}/crl`, revocation: "off" });
  assert.deepEqual(crls, []);
});

Deno.test("an end that signs sends its marked authorities, although its peer does not sign", async () => {
  using lab = new OpensslAuthority();
  Deno.copyFileSync(`${lab.dir}/ca/root.cert`, `${lab.dir}/ca/sub.cert.certp`);
  const { own } = await lab.auth({ authpeermethod: "psk", psk: "s", sendingmarkedca: true });
  assert.ok(own.kind === "signature");
  assert.equal(own.authorities.length, 1);
  const plain = await lab.auth({ authpeermethod: "psk", psk: "s", cadir: `${lab.dir}/nowhere` });
  assert.ok(plain.own.kind === "signature");
  assert.deepEqual(plain.own.authorities, []);
});

Deno.test("further certificates in the file of a pair are told, as they are not sent", async () => {
  using lab = new OpensslAuthority();
  assert.deepEqual((await lab.read()).notes, []);
  const root = Deno.readTextFileSync(`${lab.dir}/ca/root.cert`);
  Deno.writeTextFileSync(`${lab.dir}/ee/good.cert`, root, { append: true });
  const { notes } = await lab.read();
  assert.equal(notes.length, 1);
  assert.match(
    notes[0]!,
    /good\.cert has 2 certificates, and the first is used: .*sendingmarkedca/,
  );
});
