/**
 * A directory, or a file, that an option of a setup names: what is wrong with its contents is reported
 * with the option and the name of the file.
 * @module
 */
import { SetupError, type SetupPosition, systemWords, WireError } from "@/base/errors.ts";

/** Octets of a file that is read: revocation lists are large, and larger as PEM. */
const FILE_OCTETS_MAX = 24 * 1_048_576;
/** Compares names with their numbers as numbers, so that ee-2 comes before ee-10. */
const BY_NAME = new Intl.Collator("en", { numeric: true });

/** The name of an option of `ikeconf`, and its position in the file. */
export interface OptionPlace {
  readonly option: string;
  readonly position: SetupPosition | undefined;
}

/** A directory that an option names. */
export class Directory {
  constructor(
    readonly path: string,
    readonly place: OptionPlace,
  ) {}

  /** The names of its files, in order. @throws {SetupError} if it cannot be read. */
  names(): string[] {
    try {
      const files = [...Deno.readDirSync(this.path)].filter(({ isDirectory }) => !isDirectory);
      return files.map(({ name }) => name).sort(BY_NAME.compare);
    } catch (e) {
      throw this.fault(`cannot read the directory ${this.path}: ${systemWords(e)}`);
    }
  }

  /** Reads a file by `read`. @throws {SetupError} naming it. */
  read<T>(name: string, read: (octets: Uint8Array) => T): T {
    const path = `${this.path}/${name}`;
    try {
      const { size, isFile } = Deno.statSync(path);
      // Reading a pipe would wait for whoever writes it.
      if (!isFile) throw this.fault(`${path} is no file`);
      if (size > FILE_OCTETS_MAX) {
        throw this.fault(`${path} has ${size} octets: expected at most ${FILE_OCTETS_MAX}`);
      }
      return read(Deno.readFileSync(path));
    } catch (e) {
      if (e instanceof SetupError) throw e;
      if (e instanceof WireError) throw this.fault(`${path}: ${e.message}`);
      throw this.fault(`cannot read ${path}: ${systemWords(e)}`);
    }
  }

  /** An error about the option. */
  fault(words: string): SetupError {
    const { option, position } = this.place;
    return new SetupError(`ikeconf.${option}: ${words}`, position);
  }
}

/** What an option names that is a file, or a directory of files. */
export interface FileOrDirectory {
  readonly directory: Directory;
  /** The file; undefined: all files of the directory. */
  readonly file: string | undefined;
}

/** The file or the directory at a path; whether it can be read is found out by reading it. */
export function placeOf(path: string, place: OptionPlace): FileOrDirectory {
  let isDirectory = false;
  try {
    isDirectory = Deno.statSync(path).isDirectory;
  } catch {
    // The error is reported when it is read.
  }
  if (isDirectory) return { directory: new Directory(path, place), file: undefined };
  const [, parent = "", file] = /^(.*\/)?([^/]*)$/.exec(path) ?? [];
  const directory = parent === "" ? "." : parent.replace(/(?<=.)\/$/, "");
  return { directory: new Directory(directory, place), file: file! };
}

/** All records of one kind in the files of a directory. @throws {SetupError} if there is none. */
export function readAll<T>(
  directory: Directory,
  read: (file: Uint8Array) => T[],
  what: string,
): T[] {
  const found = namesOfData(directory).flatMap((file) => directory.read(file, read));
  if (found.length > 0) return found;
  throw directory.fault(`${directory.path} has no ${what}`);
}

/** Names of all files except hidden ones and those that hold keys. */
export function namesOfData(directory: Directory): string[] {
  return directory.names().filter((name) => !/^\.|\.key$/.test(name));
}
