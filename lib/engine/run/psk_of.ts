/**
 * Pre-shared keys of a setup: the one of `psk`, and those of identities that `psks` and `pskfile` name.
 * @module
 */
import { SetupError, type SetupPosition, systemWords, WireError } from "@/base/errors.ts";
import { secretOctets } from "@/base/secret_text.ts";
import { type PskEntry, pskTable } from "@/ike/auth/psk_table.ts";
import type { PskAuth } from "@/ike/records/config.ts";
import { ownMethods, peerMethods } from "@/setup/auth_methods.ts";
import { isGiven } from "@/setup/check_identities.ts";
import { identityFault, parseIdentityText } from "@/setup/identity_text.ts";
import type { IkeConf, Setup } from "@/setup/setup.ts";

/** Octets and lines of a file of secrets. */
const FILE_OCTETS_MAX = 64 * 1_048_576;
const LINES_MAX = 1_000_000;

/** One identity and its secret, as they were written. */
interface Line {
  readonly id: string;
  readonly secret: string;
}

/** The lines of `pskfile`; none where the setup names no file, or neither end has a pre-shared key. */
export function readPskFile(
  { ikeconf }: Setup,
  positionOf?: (path: string) => SetupPosition,
): readonly Line[] {
  const { pskfile } = ikeconf;
  if (pskfile === "" || ![...ownMethods(ikeconf), ...peerMethods(ikeconf)].includes("psk")) {
    return [];
  }
  const fault = (words: string) =>
    new SetupError(`ikeconf.pskfile: ${words}`, positionOf?.("ikeconf.pskfile"));
  return linesOf(textOf(pskfile, fault)).map(([number, text]) => {
    const line = parseLine(text);
    const at = `${pskfile}:${number}`;
    if (!line) throw fault(`${at}: expected an identity, white space, and its secret`);
    const why = identityFault(line.id);
    if (why) throw fault(`${at}: the identity ${why}`);
    if (!secretOctets(sampled(line.secret), ikeconf.pskencoding)) {
      throw fault(`${at}: the secret is no ${ikeconf.pskencoding} (pskencoding)`);
    }
    return line;
  });
}

function textOf(path: string, fault: (words: string) => SetupError): string {
  try {
    const { size, isFile } = Deno.statSync(path);
    if (!isFile || size > FILE_OCTETS_MAX) {
      throw fault(`${path} is no file of at most ${FILE_OCTETS_MAX} octets`);
    }
    const text = Deno.readTextFileSync(path);
    if (text.split("\n", LINES_MAX + 1).length <= LINES_MAX) return text;
    throw fault(`${path} has more than ${LINES_MAX} lines`);
  } catch (e) {
    if (e instanceof SetupError) throw e;
    throw fault(`cannot read ${path}: ${systemWords(e)}`);
  }
}

/** Lines that say something, with their numbers from 1. */
function linesOf(text: string): [number: number, text: string][] {
  return text.split("\n").map((line, i): [number, string] => [i + 1, line.trim()])
    .filter(([, line]) => line !== "" && !line.startsWith("#"));
}

/** An identity, in quotes where it has white space, and what follows it. */
function parseLine(text: string): Line | undefined {
  const [, quoted, bare, secret] = /^(?:"([^"]+)"|(\S+))\s+(.+)$/.exec(text) ?? [];
  return secret === undefined ? undefined : { id: quoted ?? bare!, secret };
}

/** With a number where &d is. */
function sampled(secret: string): string {
  return secret.replaceAll("&d", "10");
}

/** Pre-shared keys of both ends. @throws {SetupError} where an identity is none. */
export function pskAuth({ ikeconf }: Setup, file: readonly Line[]): PskAuth {
  const { psk, pskencoding, psks } = ikeconf;
  const lines = [...psks.filter(isGiven), ...file];
  const secret = secretOctets(psk, pskencoding);
  const table = lines.length > 0 ? { table: tableOf(lines, pskencoding) } : {};
  return { kind: "psk", ...(secret ? { secret } : {}), ...table };
}

function tableOf(lines: readonly Line[], encoding: IkeConf["pskencoding"]) {
  const entries = lines.map(({ id, secret }): PskEntry => {
    const same = secret.includes("&d") ? undefined : secretOctets(secret, encoding)!;
    return {
      identity: parseIdentityText(id),
      secretOf: (number) => same ?? secretOctets(secret.replaceAll("&d", number), encoding)!,
    };
  });
  try {
    return pskTable(entries);
  } catch (e) {
    if (e instanceof WireError) throw new SetupError(`ikeconf.psks: ${e.message}`);
    throw e;
  }
}
