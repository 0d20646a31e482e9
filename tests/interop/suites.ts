/**
 * The suites of the PSK matrix under the names of our setup file, and the same suites under strongSwan's
 * names.
 * @module
 */

/** Algorithms of one IKE SA and its CHILD_SA. */
export interface Suite {
  readonly encryption: string;
  /** Empty with an AEAD cipher. */
  readonly integrity: string;
  readonly prf: string;
  /** Transform Type 4 number. */
  readonly group: number;
  readonly espEncryption: string;
  /** Empty with an AEAD cipher. */
  readonly espIntegrity: string;
}

/** strongSwan's names of the key exchange groups. */
const GROUPS: Readonly<Record<number, string>> = {
  1: "modp768",
  2: "modp1024",
  5: "modp1536",
  14: "modp2048",
  15: "modp3072",
  16: "modp4096",
  17: "modp6144",
  18: "modp8192",
  19: "ecp256",
  20: "ecp384",
  21: "ecp521",
  27: "ecp224bp",
  28: "ecp256bp",
  29: "ecp384bp",
  30: "ecp512bp",
  31: "curve25519",
  32: "curve448",
  35: "mlkem512",
  36: "mlkem768",
  37: "mlkem1024",
};

/** A suite in each line: IKE encryption, integrity, PRF, group / ESP encryption, integrity. */
const TABLE = `
3des               sha1-96   sha1      2   3des               sha1-96
3des               md5-96    md5       1   3des               md5-96
aes-cbc:128        sha1-96   sha1      5   aes-cbc:128        sha1-96
aes-cbc:128        sha256    sha256    14  aes-cbc:128        sha256
aes-cbc:192        sha384    sha384    15  aes-cbc:192        sha384
aes-cbc:256        sha512    sha512    16  aes-cbc:256        sha512
aes-cbc:128        sha256    sha256    17  null               sha1-96
aes-cbc:128        sha256    sha256    18  null               md5-96
aes-cbc:256        sha512    md5       27  null               sha256
aes-cbc:192        sha1-96   sha512    30  null               sha512
aes-cbc:128        sha256    sha384    19  aes-gcm-16:256     -
aes-gcm-16:128     -         sha256    19  aes-gcm-16:128     -
aes-gcm-16:192     -         sha384    31  aes-gcm-16:192     -
aes-gcm-16:256     -         sha384    20  aes-gcm-16:256     -
aes-gcm-12:128     -         sha1      21  aes-gcm-12:128     -
aes-gcm-12:256     -         sha512    14  aes-gcm-12:256     -
aes-gcm-8:128      -         sha256    31  aes-gcm-8:128      -
aes-gcm-16:128     -         sha256    31  aes-cbc:256        sha256
chacha20-poly1305  -         sha256    31  chacha20-poly1305  -
chacha20-poly1305  -         sha512    32  chacha20-poly1305  -
aes-ctr:128        sha256    sha256    19  aes-ctr:128        sha256
aes-ctr:256        sha512    sha512    31  aes-ctr:256        sha384
aes-ccm-16:128     -         sha256    14  aes-ccm-16:128     -
aes-ccm-12:192     -         sha256    28  aes-ccm-12:192     -
aes-ccm-8:256      -         sha384    29  aes-ccm-8:256      -
aes-cbc:128        aes-xcbc  aes-xcbc  19  aes-cbc:128        aes-xcbc
aes-cbc:128        aes-cmac  aes-cmac  31  aes-cbc:128        aes-cmac
`;

/** Every suite of the matrix. */
export const SUITES: readonly Suite[] = TABLE.trim().split("\n").map((line) => {
  const columns = line.trim().split(/\s+/).map((column) => column === "-" ? "" : column);
  const [encryption, integrity, prf, group, espEncryption, espIntegrity] = columns as Six;
  return { encryption, integrity, prf, group: Number(group), espEncryption, espIntegrity };
});

type Six = [string, string, string, string, string, string];

/** The suite of rows that are about something else. */
export const PLAIN: Suite = SUITES[3]!;

/** A second common suite: AEAD ciphers in both places, and X25519. */
export const MODERN: Suite = {
  encryption: "aes-gcm-16:128",
  integrity: "",
  prf: "sha256",
  group: 31,
  espEncryption: "aes-gcm-16:128",
  espIntegrity: "",
};

/** One line that names a suite in the list of rows. */
export function showSuite(suite: Suite): string {
  const ike = [suite.encryption, suite.integrity, `prf-${suite.prf}`, groupName(suite.group)];
  const esp = [suite.espEncryption, suite.espIntegrity];
  return `${ike.filter((name) => name !== "").join(" ")} / ${esp.join(" ").trim()}`;
}

/** strongSwan's name of an IKE proposal. */
export function ikeProposal(suite: Suite): string {
  const { encryption, integrity, prf, group } = suite;
  const names = [cipherName(encryption), integrityName(integrity), `prf${macName(prf)}`];
  return [...names, groupName(group)].filter((name) => name !== "").join("-");
}

/** strongSwan's name of an ESP proposal. */
export function espProposal(suite: Suite): string {
  const { espEncryption, espIntegrity } = suite;
  const names = [cipherName(espEncryption), integrityName(espIntegrity)];
  return names.filter((name) => name !== "").join("-");
}

/** strongSwan's name of a key exchange group. */
export function groupName(group: number): string {
  return GROUPS[group]!;
}

function cipherName(name: string): string {
  const [algorithm, bits] = name.split(":") as [string, string | undefined];
  if (bits === undefined) return algorithm.replaceAll("-", "");
  const mode = algorithm.replace("aes-", "").replaceAll("-", "");
  return `aes${bits}${mode === "cbc" ? "" : mode}`;
}

function integrityName(name: string): string {
  return macName(name.replace(/-96$/, ""));
}

function macName(name: string): string {
  return name.replaceAll("-", "");
}
