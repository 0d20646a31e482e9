/**
 * Files of which each line has an identity and what belongs to it: a pre-shared key (`pskfile`), or the
 * file of a raw public key (`peerrawkeyfile`). Empty lines and lines that begin with # are skipped.
 * @module
 */
import { SetupError, type SetupPosition, systemWords } from "@/base/errors.ts";
import { identityFault } from "@/setup/identity_text.ts";

/** Octets and lines of such a file. */
const FILE_OCTETS_MAX = 64 * 1_048_576;
const LINES_MAX = 1_000_000;

/** An identity, what belongs to it, and where both stand. */
export interface IdentityLine {
  readonly id: string;
  readonly value: string;
  /** `FILE:LINE` */
  readonly at: string;
}

/** The file that an option of `ikeconf` names. */
export interface LinesFile {
  readonly path: string;
  readonly option: string;
  /** What follows the identity, in words. */
  readonly what: string;
  readonly position: SetupPosition | undefined;
}

/** Reads such a file. @throws {SetupError} naming the option, the file and the line. */
export function readIdentityLines(file: LinesFile): IdentityLine[] {
  return linesOf(textOf(file)).map(([number, text]) => {
    const at = `${file.path}:${number}`;
    // An identity with white space is in quotes.
    const [, quoted, bare, value] = /^(?:"([^"]+)"|(\S+))\s+(.+)$/.exec(text) ?? [];
    if (value === undefined) {
      throw lineFault(file, `${at}: expected an identity, white space, and ${file.what}`);
    }
    const id = quoted ?? bare!;
    const why = identityFault(id);
    if (why) throw lineFault(file, `${at}: the identity ${why}`);
    return { id, value, at };
  });
}

/** An error about the option. */
export function lineFault({ option, position }: LinesFile, words: string): SetupError {
  return new SetupError(`ikeconf.${option}: ${words}`, position);
}

function textOf(file: LinesFile): string {
  const { path } = file;
  try {
    const { size, isFile } = Deno.statSync(path);
    if (!isFile || size > FILE_OCTETS_MAX) {
      throw lineFault(file, `${path} is no file of at most ${FILE_OCTETS_MAX} octets`);
    }
    const text = Deno.readTextFileSync(path);
    if (text.split("\n", LINES_MAX + 1).length <= LINES_MAX) return text;
    throw lineFault(file, `${path} has more than ${LINES_MAX} lines`);
  } catch (e) {
    if (e instanceof SetupError) throw e;
    throw lineFault(file, `cannot read ${path}: ${systemWords(e)}`);
  }
}

/** The lines that are neither empty nor comments, with their numbers from 1. */
function linesOf(text: string): [number: number, text: string][] {
  return text.split("\n").map((line, i): [number, string] => [i + 1, line.trim()])
    .filter(([, line]) => line !== "" && !line.startsWith("#"));
}
