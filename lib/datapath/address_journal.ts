/**
 * The addresses and routes that tests have on the interfaces of a network namespace. Each test writes them
 * into a file of its own before it adds anything, so that a test leaves alone what others use, and removes
 * what killed tests left.
 * @module
 */
import { SystemError } from "@/base/errors.ts";
import {
  isLiving,
  namespaceNumber,
  ownProcess,
  type ProcessName,
} from "@/datapath/living_process.ts";
import { makeDirectory } from "@/files/directory.ts";
import { createPrivate, readPrivate, removePrivate, writeAll } from "@/files/private_file.ts";

/** The directory of the files, which a reboot empties as it does the kernel's tables. */
const DIRECTORY = "/run/myikev2";
/** The longest file that is read: an IPv6 test without local routes lists each address of its tunnels. */
const OCTETS_MAX = 64 << 20;

/** The addresses and routes of a test on an interface, written as `address/bits`. */
export interface AddressRecord extends ProcessName {
  readonly device: string;
  /** The link layer address of the interface: a later interface of this name has another one. */
  readonly linkAddress: string;
  readonly addresses: readonly string[];
  readonly localRoutes: readonly string[];
}

/** The files of a namespace. */
export interface AddressReading {
  /** The records of other tests that still run. */
  readonly living: readonly AddressRecord[];
  /** The records of tests that were killed. */
  readonly dead: readonly AddressRecord[];
  /** Removes the files of killed tests, after everything that they name was removed. */
  forgetDead(): void;
}

let made = 0;

/** The file of one test. */
export class AddressJournal {
  readonly #path: string;
  readonly #prefix: string;
  #file: Deno.FsFile | undefined;

  /** If the file cannot be written, as /run belongs to another user, other tests do not know of this one. */
  constructor(content: Omit<AddressRecord, keyof ProcessName>) {
    const own = ownProcess();
    this.#prefix = `addresses-${namespaceNumber()}-`;
    this.#path = `${DIRECTORY}/${this.#prefix}${own.pid}-${made++}`;
    try {
      makeDirectory(DIRECTORY, "service", 0o755);
      this.#file = createPrivate(this.#path, { trust: "service" }).file;
      const record: AddressRecord = { ...own, ...content };
      writeAll(this.#file, new TextEncoder().encode(JSON.stringify(record)));
    } catch (e) {
      if (!(e instanceof SystemError)) throw e;
    }
  }

  /** Reads the files of the other tests of this namespace. */
  others(): AddressReading {
    const living: AddressRecord[] = [];
    const dead: AddressRecord[] = [];
    const deadPaths: string[] = [];
    for (const path of this.#paths()) {
      const record = readRecord(path);
      if (!record) continue;
      if (isLiving(record)) living.push(record);
      else {
        dead.push(record);
        deadPaths.push(path);
      }
    }
    return { living, dead, forgetDead: () => deadPaths.forEach(removePrivate) };
  }

  /** Removes the file, as nothing of this test is left. Idempotent. */
  close(): void {
    this.#file?.close();
    if (this.#file) removePrivate(this.#path);
    this.#file = undefined;
  }

  #paths(): string[] {
    try {
      return [...Deno.readDirSync(DIRECTORY)].map(({ name }) => name)
        .filter((name) => name.startsWith(this.#prefix))
        .map((name) => `${DIRECTORY}/${name}`).filter((path) => path !== this.#path);
    } catch {
      return [];
    }
  }
}

/** The record of a file; undefined: the file belongs to another user, or is incomplete. */
function readRecord(path: string): AddressRecord | undefined {
  try {
    return JSON.parse(readPrivate(path, OCTETS_MAX));
  } catch {
    return undefined;
  }
}
