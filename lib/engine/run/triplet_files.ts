/**
 * The files of GSM triplets that `eapusers` names. A file that several users name is read once.
 * @module
 */
import { SetupError, systemWords, WireError } from "@/base/errors.ts";
import { parseTriplets, type SimTriplets } from "@/eap/sim/triplets.ts";
import type { IkeConf } from "@/setup/setup.ts";

const FILE_OCTETS_MAX = 64 * 1_048_576;

/**
 * The triplets of each user, undefined for one who has none.
 * @throws {SetupError} naming the user and the file.
 */
export function readTriplets(users: IkeConf["eapusers"]): readonly (SimTriplets | undefined)[] {
  const texts = new Map<string, string>();
  return users.map(({ identity, simtriplets: path }, i) => {
    if (path === "") return undefined;
    const fault = (words: string) =>
      new SetupError(`ikeconf.eapusers[${i}].simtriplets: ${path}: ${words}`);
    const text = texts.get(path) ?? textOf(path, fault);
    texts.set(path, text);
    try {
      return parseTriplets(text, identity);
    } catch (e) {
      if (e instanceof WireError) throw fault(e.message);
      throw e;
    }
  });
}

function textOf(path: string, fault: (words: string) => SetupError): string {
  try {
    const { size, isFile } = Deno.statSync(path);
    if (isFile && size <= FILE_OCTETS_MAX) return Deno.readTextFileSync(path);
  } catch (e) {
    throw fault(systemWords(e));
  }
  throw fault(`it is no file of at most ${FILE_OCTETS_MAX} octets`);
}
