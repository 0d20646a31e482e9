/**
 * Keys and certificates of the interop rows, made by strongSwan's `pki`: a root, two authorities below it,
 * a root that nobody trusts, and for each kind of key a certificate of either end. A row names the
 * directory as {@linkcode PKI}; it is made once in a run, when the first row asks for it.
 *
 * ```text
 * ca/root.cert          trusted by both ends      sub/root.cert, sub.cert.certp   the same, with the authority below it
 * other/other.cert      the other root            deep/                           and with one more below that
 * crl/root.pem          the root's list           ours/KIND/ee.cert, ee.key       our pair
 * ocsp-ours/, ocsp-good/, ocsp-revoked/           OCSP responses about ours, and about the peer's
 * ours/KIND/ee.pub, theirs/pubkey/KIND.pem        raw public keys of either end; theirs/pubkey/ours-KIND.pem
 * triplets              GSM triplets of the subscriber
 * theirs/owners-KIND    the peer's identity and its raw public key, theirs/owners-other a stranger's
 * theirs/x509/KIND.pem, theirs/private/KIND.pem, theirs/x509ca/, theirs/x509crl/  the peer's
 * ```
 * @module
 */
import { OUR_ID, THEIR_ID } from "./ends.ts";
import { type Lab, mustRun, run } from "./harness.ts";
import { TRIPLETS } from "./sim_cards.ts";

/** The placeholder for the directory in our setups. */
export const PKI = "@PKI@";

/** The names that a row may use: kinds of keys, and certificates that have to be refused, all of P-256. */
export const KINDS = [
  "rsa2048",
  "ec256",
  "ec384",
  "ec521",
  "ed25519",
  "ed448",
  "chain",
  "deep",
  "revoked",
  "expired",
  "early",
  "stranger",
  "named",
  "server",
] as const;

/** One of {@linkcode KINDS}. */
export type Kind = typeof KINDS[number];

/** Arguments of `pki --gen`. */
const GENERATED: Readonly<Record<string, readonly string[]>> = {
  rsa2048: ["--type", "rsa", "--size", "2048"],
  ec384: ["--type", "ecdsa", "--size", "384"],
  ec521: ["--type", "ecdsa", "--size", "521"],
  ed25519: ["--type", "ed25519"],
  ed448: ["--type", "ed448"],
};
/** Kinds of which either end also has the raw public key. */
const RAW_KINDS: readonly Kind[] = ["rsa2048", "ec256", "ed25519"];
const P256 = ["--type", "ecdsa", "--size", "256"];

/** The distinguished name of an end. */
export function subjectOf(id: string): string {
  return `C=CH, O=Interop, CN=${id}`;
}

const FOLDERS = [
  "keys",
  "ca",
  "sub",
  "deep",
  "other",
  "crl",
  "ocsp-ours",
  "ocsp-good",
  "ocsp-revoked",
  "theirs/x509",
  "theirs/private",
  "theirs/pubkey",
  "theirs/x509ca",
  "theirs/x509crl",
  ...KINDS.map((kind) => `ours/${kind}`),
];
/** The most `pki` processes at a time. */
const AT_ONCE = 4;

/** Makes everything in `directory`. @throws Error with the output of `pki` or `openssl`. */
async function make(directory: string): Promise<void> {
  const at = (path: string) => `${directory}/${path}`;
  for (const folder of FOLDERS) await Deno.mkdir(at(folder), { recursive: true });
  const [root, other] = await Promise.all([
    authority(directory, "root"),
    authority(directory, "other"),
  ]);
  const sub = await authority(directory, "sub", root);
  const deep = await authority(directory, "deep", sub);
  for (
    const [{ certificate }, paths] of [
      [root, ["ca/root.cert", "sub/root.cert", "deep/root.cert", "theirs/x509ca/root.pem"]],
      [other, ["other/other.cert"]],
      [sub, ["sub/sub.cert.certp", "deep/sub.cert.certp", "theirs/x509ca/sub.pem"]],
      [deep, ["deep/deep.cert.certp", "theirs/x509ca/deep.pem"]],
    ] as const
  ) {
    for (const path of paths) await Deno.copyFile(certificate, at(path));
  }
  const issuers: Partial<Record<Kind, MadeAuthority>> = { chain: sub, deep, stranger: other };
  const pair = async (end: "ours" | "theirs", kind: Kind) => {
    const key = at(end === "ours" ? `ours/${kind}/ee.key` : `theirs/private/${kind}.pem`);
    await write(key, ["--gen", ...GENERATED[kind] ?? P256, "--outform", "pem"]);
    const id = end === "ours" ? OUR_ID : THEIR_ID;
    const name = kind === "named" ? `other-${id}` : id;
    const certificate = await issue(key, issuers[kind] ?? root, [
      ...["--dn", subjectOf(name), "--san", name],
      ...validity(kind),
      ...(kind === "server" ? ["--flag", "ocspSigning"] : []),
    ]);
    await Deno.writeTextFile(certificateOf(directory, end, kind), certificate);
    if (RAW_KINDS.includes(kind)) await rawKey(directory, end, kind, key);
  };
  const waiting = KINDS.flatMap((kind) => [() => pair("ours", kind), () => pair("theirs", kind)]);
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await next();
  }));
  await Deno.writeTextFile(at("triplets"), TRIPLETS);
  await revoke(directory, root);
  await answerOcsp(directory, root);
}

/** Writes the public half of a key, without a certificate, where both ends look for it. */
async function rawKey(
  directory: string,
  end: "ours" | "theirs",
  kind: Kind,
  key: string,
): Promise<void> {
  const text = await pki(["--pub", "--type", "priv", "--in", key, "--outform", "pem"]);
  const theirs = `${directory}/theirs`;
  const prefix = end === "ours" ? "ours-" : "";
  await Deno.writeTextFile(`${theirs}/pubkey/${prefix}${kind}.pem`, text);
  if (end === "ours") return await Deno.writeTextFile(`${directory}/ours/${kind}/ee.pub`, text);
  const owned = (id: string) => `${id} pubkey/${kind}.pem\n`;
  await Deno.writeTextFile(`${theirs}/owners-${kind}`, owned(THEIR_ID));
  await Deno.writeTextFile(`${theirs}/owners-other-${kind}`, owned(`other-${THEIR_ID}`));
}

function certificateOf(directory: string, end: "ours" | "theirs", kind: Kind): string {
  return `${directory}/${end === "ours" ? `ours/${kind}/ee.cert` : `theirs/x509/${kind}.pem`}`;
}

/** Makes the list of the root, which revokes the certificates `revoked` of both ends. */
async function revoke(directory: string, { certificate, key }: MadeAuthority): Promise<void> {
  const revoked = (["ours", "theirs"] as const).flatMap((end) => [
    ...["--reason", "key-compromise", "--cert", certificateOf(directory, end, "revoked")],
  ]);
  const by = ["--cacert", certificate, "--cakey", key, "--outform", "pem"];
  await Deno.writeTextFile(
    `${directory}/crl/root.pem`,
    await pki(["--signcrl", ...by, ...revoked]),
  );
  await mustRun("openssl", [
    ...["crl", "-in", `${directory}/crl/root.pem`, "-outform", "der"],
    ...["-out", `${directory}/theirs/root.crl`],
  ]);
  await Deno.copyFile(`${directory}/crl/root.pem`, `${directory}/theirs/x509crl/root.pem`);
}

/** Makes OCSP responses, signed by the responder whose certificate is of the kind `server`. */
async function answerOcsp(directory: string, root: MadeAuthority): Promise<void> {
  const responder = `${directory}/ours/server`;
  const index = `${directory}/keys/index`;
  for (
    const [end, kind, folder] of [
      ["ours", "ec256", "ocsp-ours"],
      ["theirs", "ec256", "ocsp-good"],
      ["theirs", "revoked", "ocsp-revoked"],
    ] as const
  ) {
    const certificate = certificateOf(directory, end, kind);
    const said = await run("openssl", ["x509", "-in", certificate, "-noout", "-serial"]);
    const serial = said.stdout.trim().split("=")[1];
    const status = kind === "revoked" ? "R\t401231235959Z\t250101000000Z" : "V\t401231235959Z\t";
    await Deno.writeTextFile(index, `${status}\t${serial}\tunknown\t/CN=${kind}\n`);
    const request = ["-issuer", root.certificate, "-cert", certificate];
    const by = ["-index", index, "-CA", root.certificate, "-rsigner", `${responder}/ee.cert`];
    const to = ["-rkey", `${responder}/ee.key`, "-ndays", "1", "-no_nonce", "-respout"];
    const done = await run("openssl", [
      ...["ocsp", ...request, ...by, ...to],
      `${directory}/${folder}/${kind}.der`,
    ]);
    if (done.code !== 0) throw new Error(`openssl ocsp says: ${done.stderr}`);
  }
}

function validity(kind: Kind): string[] {
  const dates = (from: string, to: string) => ["--not-before", from, "--not-after", to];
  if (kind === "expired") return dates("01.01.20 00:00:00", "01.01.21 00:00:00");
  if (kind === "early") return dates("01.01.40 00:00:00", "01.01.41 00:00:00");
  return [];
}

interface MadeAuthority {
  readonly certificate: string;
  readonly key: string;
}

async function authority(
  directory: string,
  name: string,
  above?: MadeAuthority,
): Promise<MadeAuthority> {
  const key = `${directory}/keys/${name}.pem`;
  const certificate = `${directory}/keys/${name}.cert`;
  await write(key, ["--gen", ...P256, "--outform", "pem"]);
  const dn = ["--dn", `C=CH, O=Interop, CN=Interop ${name}`, "--ca"];
  if (above) await Deno.writeTextFile(certificate, await issue(key, above, dn));
  else await write(certificate, ["--self", "--in", key, ...P256.slice(0, 2), ...dn, "-f", "pem"]);
  return { certificate, key };
}

async function issue(key: string, issuer: MadeAuthority, args: readonly string[]): Promise<string> {
  const by = ["--cacert", issuer.certificate, "--cakey", issuer.key, "--outform", "pem"];
  return await pki(["--issue", "--type", "priv", "--in", key, ...by, ...args]);
}

async function write(path: string, args: readonly string[]): Promise<void> {
  await Deno.writeTextFile(path, await pki(args), { mode: 0o600 });
}

async function pki(args: readonly string[]): Promise<string> {
  const done = await run("pki", [...args]);
  if (done.code === 0 && done.stdout !== "") return done.stdout;
  throw new Error(`pki ${args.join(" ")} says: ${done.stderr}${done.stdout}`);
}

let made: Promise<string> | undefined;

/** Stands in an ipsec.conf for the octets of our raw public key of a kind, in base64. */
export function rawKeyWord(kind: Kind): string {
  return `@RAWKEY:${kind}@`;
}

/** Puts raw public keys into an ipsec.conf, as libreswan reads them from no file. */
export async function withRawKeys(conf: string, directory: string): Promise<string> {
  let text = conf;
  for (const kind of RAW_KINDS) {
    if (!conf.includes(rawKeyWord(kind))) continue;
    const pem = await Deno.readTextFile(`${directory}/ours/${kind}/ee.pub`);
    text = text.replaceAll(rawKeyWord(kind), pem.replaceAll(/-----.*-----|\s/g, ""));
  }
  return text;
}

/**
 * The directory of the certificates, which all labs of a run share; it is made for the first that needs it.
 */
export function pkiOf(lab: Lab): Promise<string> {
  const directory = `${lab.directory}/pki`;
  return made ??= make(directory).then(() => directory);
}
