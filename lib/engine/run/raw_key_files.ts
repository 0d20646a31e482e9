/**
 * Reads the raw keys of a setup (RFC 7670): private keys by which this end signs without certificates
 * (`rawkey`), public keys that are trusted without certificates (`peerrawkey`), and public keys together with
 * the identities that may use them (`peerrawkeyfile`).
 * @module
 */
import { WireError } from "@/base/errors.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import {
  type PublicKey,
  showKind,
  SignatureError,
  type SigningKeyPair,
} from "@/crypto/signature.ts";
import { lineFault, type LinesFile, readIdentityLines } from "@/engine/run/identity_lines.ts";
import {
  type FileOrDirectory,
  type OptionPlace,
  placeOf,
  readAll,
} from "@/engine/run/option_directory.ts";
import { type NamedKey, rawKeyTable } from "@/ike/auth/raw_key_table.ts";
import { readPrivateKey } from "@/pki/private_key.ts";
import { pairOf, readPublicKeys } from "@/pki/raw_key.ts";
import { parseIdentityText } from "@/setup/identity_text.ts";
import type { Setup } from "@/setup/setup.ts";

/** The public keys of peers as read from files: keys with an identity, and keys without one. */
export interface PeerRawKeys {
  readonly named: readonly NamedKey[];
  readonly unnamed: readonly PublicKey[];
}

/**
 * Reads the key pairs by which this end signs without a certificate: one pair or, if `rawkey` of a client is a
 * directory, one for each tunnel. @throws {SetupError} naming the file.
 */
export async function readRawKeys(
  { role, numberoftunnels, ikeconf: { rawkey } }: Setup,
  place: OptionPlace,
  crypto: CryptoBackend,
): Promise<SigningKeyPair[]> {
  const { directory, file } = placeOf(rawkey, place);
  const names = file === undefined
    ? directory.names().filter((name) => name.endsWith(".key"))
    : [file];
  const wanted = role === "client" && file === undefined ? numberoftunnels : 1;
  if (names.length < wanted) {
    const found = `${directory.path} has ${names.length} keys NAME.key`;
    throw directory.fault(`${found}: expected ${wanted}, one for each tunnel`);
  }
  const pairs: SigningKeyPair[] = [];
  for (const name of names.slice(0, wanted)) {
    const privateKey = directory.read(name, readPrivateKey);
    const path = `${directory.path}/${name}`;
    if (!crypto.signatures.has(privateKey.kind)) {
      const kind = showKind(privateKey.kind);
      throw directory.fault(`${path} is ${kind}, which the ${crypto.name} crypto backend lacks`);
    }
    try {
      pairs.push(await pairOf(privateKey));
    } catch (e) {
      if (!(e instanceof SignatureError)) throw e;
      throw directory.fault(`${path} cannot be used: ${e.message}`);
    }
  }
  return pairs;
}

/** Reads the public keys of `peerrawkey` and `peerrawkeyfile`. @throws {SetupError} naming the file. */
export function readPeerRawKeys(
  { ikeconf: { peerrawkey, peerrawkeyfile } }: Setup,
  place: (option: string) => OptionPlace,
): PeerRawKeys {
  return {
    unnamed: peerrawkey === "" ? [] : unnamedKeys(placeOf(peerrawkey, place("peerrawkey"))),
    named: peerrawkeyfile === "" ? [] : namedKeys(peerrawkeyfile, place("peerrawkeyfile")),
  };
}

function unnamedKeys({ directory, file }: FileOrDirectory): PublicKey[] {
  return file === undefined
    ? readAll(directory, readPublicKeys, "public key")
    : directory.read(file, readPublicKeys);
}

/**
 * Reads `peerrawkeyfile`. Each line has an identity and the path of the file of its key, which is relative to
 * the directory of `peerrawkeyfile`.
 */
function namedKeys(path: string, place: OptionPlace): NamedKey[] {
  const file: LinesFile = { ...place, path, what: "the file of its public key" };
  const lines = readIdentityLines(file);
  if (lines.length === 0) throw lineFault(file, `${path} names no key`);
  const parent = path.includes("/") ? path.slice(0, path.lastIndexOf("/") + 1) : "";
  const named = lines.flatMap(({ id, value, at }) => {
    const isAbsolute = value.startsWith("/");
    const target = isAbsolute ? value : `${parent}${value}`;
    return keysAt(target, place).map(({ key, number }) => ({
      identity: parseIdentityText(number === undefined ? id : id.replaceAll("&d", number)),
      key,
      at,
    }));
  });
  for (const one of named) {
    try {
      rawKeyTable({ named: [one] });
    } catch (e) {
      if (e instanceof WireError) throw lineFault(file, `${one.at}: ${e.message}`);
      throw e;
    }
  }
  return named;
}

/** A key, and the number that stands for `&d` in its path; undefined: the path has no `&d`. */
interface NumberedKey {
  readonly key: PublicKey;
  readonly number: string | undefined;
}

/** Reads the keys of a file or, if its name has `&d`, of all files that have a number in that place. */
function keysAt(path: string, place: OptionPlace): NumberedKey[] {
  const { directory, file } = placeOf(path, place);
  if (file === undefined) throw directory.fault(`${path} is a directory: expected a file`);
  if (!file.includes("&d")) {
    return directory.read(file, readPublicKeys).map((key) => ({ key, number: undefined }));
  }
  const [before = "", after = ""] = file.split("&d");
  const found = directory.names().flatMap((name) => {
    const number = name.slice(before.length, name.length - after.length);
    const isOne = /^(0|[1-9]\d{0,9})$/.test(number) && file.replaceAll("&d", number) === name;
    return isOne ? directory.read(name, readPublicKeys).map((key) => ({ key, number })) : [];
  });
  if (found.length > 0) return found;
  throw directory.fault(`${directory.path} has no file ${file}, whatever number stands for &d`);
}
