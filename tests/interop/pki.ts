/**
 * Keys and certificates of the interop rows, made by strongSwan's `pki`: a root, an authority below it,
 * a root that nobody trusts, and for each kind of key a certificate of either end. A row names the
 * directory as {@linkcode PKI}; it is made once in a run, when the first row asks for it.
 *
 * ```text
 * ca/root.cert                  trusted by both ends        sub/root.cert, sub/sub.cert.certp   the same, with the authority below it
 * other/other.cert              the other root              ours/KIND/ee.cert, ee.key           our pair
 * theirs/x509/KIND.pem, theirs/private/KIND.pem, theirs/x509ca/root.pem                         strongSwan's
 * ```
 * @module
 */
import { OUR_ID, THEIR_ID } from "./ends.ts";
import { type Lab, run } from "./harness.ts";

/** Stands for the directory in our setups and in swanctl.conf. */
export const PKI = "@PKI@";

/** What a row may name: kinds of keys, and certificates that are to be refused, all of P-256. */
export const KINDS = [
  "rsa2048",
  "ec256",
  "ec384",
  "ec521",
  "ed25519",
  "ed448",
  "chain",
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
const P256 = ["--type", "ecdsa", "--size", "256"];

/** The distinguished name of an end. */
export function subjectOf(id: string): string {
  return `C=CH, O=Interop, CN=${id}`;
}

/** Makes everything in `directory`. @throws Error with what `pki` says. */
async function make(directory: string): Promise<void> {
  const at = (path: string) => `${directory}/${path}`;
  const folders = [
    "keys",
    "ca",
    "sub",
    "other",
    "theirs/x509",
    "theirs/private",
    "theirs/x509ca",
    "theirs/x509crl",
  ];
  for (const folder of [...folders, ...KINDS.map((kind) => `ours/${kind}`)]) {
    await Deno.mkdir(at(folder), { recursive: true });
  }
  const root = await authority(directory, "root");
  const other = await authority(directory, "other");
  await Deno.copyFile(root.certificate, at("ca/root.cert"));
  await Deno.copyFile(root.certificate, at("sub/root.cert"));
  await Deno.copyFile(root.certificate, at("theirs/x509ca/root.pem"));
  await Deno.copyFile(other.certificate, at("other/other.cert"));
  const sub = await authority(directory, "sub", root);
  await Deno.copyFile(sub.certificate, at("sub/sub.cert.certp"));
  await Deno.copyFile(sub.certificate, at("theirs/x509ca/sub.pem"));
  for (const kind of KINDS) {
    const issuer = kind === "chain" ? sub : kind === "stranger" ? other : root;
    for (const [end, id] of [["ours", OUR_ID], ["theirs", THEIR_ID]] as const) {
      const key = at(`keys/${end}-${kind}.pem`);
      await write(key, ["--gen", ...GENERATED[kind] ?? P256, "--outform", "pem"]);
      const name = kind === "named" ? `other-${id}` : id;
      const certificate = await issue(key, issuer, [
        ...["--dn", subjectOf(name), "--san", name],
        ...validity(kind),
        ...(kind === "server" ? ["--flag", "ocspSigning"] : []),
      ]);
      if (end === "ours") {
        await Deno.writeTextFile(at(`ours/${kind}/ee.cert`), certificate);
        await Deno.copyFile(key, at(`ours/${kind}/ee.key`));
      } else {
        await Deno.writeTextFile(at(`theirs/x509/${kind}.pem`), certificate);
        await Deno.copyFile(key, at(`theirs/private/${kind}.pem`));
      }
    }
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

/** The directory of the certificates, which all labs of a run share; it is made in the first that asks. */
export function pkiOf(lab: Lab): Promise<string> {
  const directory = `${lab.directory}/pki`;
  return made ??= make(directory).then(() => directory);
}
