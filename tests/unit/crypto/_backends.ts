/**
 * The crypto backends that can run here. Every vector runs on each of them.
 * @module
 */
import { must } from "@/base/errors.ts";
import { fromHex } from "@/base/bytes.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { nativeBackend } from "@/crypto/native_backend.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { libcryptoOf } from "@/native/libcrypto.ts";
import { loadShim } from "@/native/load.ts";

const { symbols } = loadShim();

/** The portable one, and the native one where the shim is built. */
export const BACKENDS: readonly CryptoBackend[] = [
  portableBackend(),
  ...symbols ? [nativeBackend(libcryptoOf(symbols))] : [],
];

/** The vectors of a file in `tests/vectors/`. */
export function vectorsOf<T>(file: string): readonly T[] {
  const url = new URL(`../../vectors/${file}`, import.meta.url);
  return (JSON.parse(Deno.readTextFileSync(url)) as { vectors: T[] }).vectors;
}

/** Octets of a hex text that is known to be one. */
export function hex(text: string): Uint8Array {
  const octets = fromHex(text);
  must(octets !== undefined, `hex: ${text}`);
  return octets;
}
