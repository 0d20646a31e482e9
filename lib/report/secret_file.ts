/**
 * Files only their owner may read: logs, captures and key files tell too much for others.
 * @module
 */
import { SetupError } from "@/base/errors.ts";

/** Only the owner reads and writes. */
const OWNER_ONLY = 0o600;

/**
 * Opens a file for writing from its start, or at its end, with mode 0600 even if it was there.
 * @throws {SetupError} where that cannot be, naming the path and `option`.
 */
export function openSecretFile(path: string, option: string, append = false): Deno.FsFile {
  try {
    const file = Deno.openSync(path, {
      write: true,
      create: true,
      append,
      truncate: !append,
      mode: OWNER_ONLY,
    });
    Deno.chmodSync(path, OWNER_ONLY);
    return file;
  } catch (e) {
    const why = e instanceof Error ? e.message : String(e);
    throw new SetupError(`Cannot write ${path} (${option}): ${why}`);
  }
}

/** Writes all octets. */
export function writeAll(file: Deno.FsFile, octets: Uint8Array): void {
  for (let at = 0; at < octets.length;) at += file.writeSync(octets.subarray(at));
}
