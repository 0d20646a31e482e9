/**
 * Offers the shim's libcrypto under the names that the native backend of `crypto/` calls. `crypto/` may not
 * open libraries, and this room may not import `crypto/`: the shape of the functions is the contract.
 * @module
 */
import { loadShim, type ShimSymbols } from "@/native/load.ts";

/** The functions of the shim if it can be loaded; {@linkcode loadShim} says why it cannot. */
export function loadLibcrypto(): ReturnType<typeof libcryptoOf> | undefined {
  const { symbols } = loadShim();
  return symbols && libcryptoOf(symbols);
}

/** The functions of the shim, for `nativeBackend` of `lib/crypto/native_backend.ts`. */
export function libcryptoOf(symbols: ShimSymbols) {
  return {
    has: symbols.my_crypto_has,
    prf: symbols.my_prf as OverAnyBuffer<typeof symbols.my_prf>,
    prfPlus: symbols.my_prf_plus as OverAnyBuffer<typeof symbols.my_prf_plus>,
    mac: symbols.my_mac as OverAnyBuffer<typeof symbols.my_mac>,
    seal: symbols.my_seal as OverAnyBuffer<typeof symbols.my_seal>,
    open: symbols.my_open as OverAnyBuffer<typeof symbols.my_open>,
    keGenerate: symbols.my_ke_generate as OverAnyBuffer<typeof symbols.my_ke_generate>,
    keDerive: symbols.my_ke_derive as OverAnyBuffer<typeof symbols.my_ke_derive>,
    keyLoad: symbols.my_key_load as OverAnyBuffer<typeof symbols.my_key_load>,
    keyFree: symbols.my_key_free as OverAnyBuffer<typeof symbols.my_key_free>,
    sign: symbols.my_sign as OverAnyBuffer<typeof symbols.my_sign>,
    verify: symbols.my_verify as OverAnyBuffer<typeof symbols.my_verify>,
    keyGenerate: symbols.my_key_generate as OverAnyBuffer<typeof symbols.my_key_generate>,
    keyPublic: symbols.my_key_public as OverAnyBuffer<typeof symbols.my_key_public>,
    sha1: symbols.my_sha1 as OverAnyBuffer<typeof symbols.my_sha1>,
    sha256: symbols.my_sha256 as OverAnyBuffer<typeof symbols.my_sha256>,
    random: symbols.my_random as OverAnyBuffer<typeof symbols.my_random>,
  };
}

/**
 * The type of a function that takes plain `Uint8Array` for its buffers. Deno's types exclude shared memory,
 * of which this program makes no arrays, and calls with null.
 */
type OverAnyBuffer<F> = F extends (...args: infer A) => infer R
  ? (...args: { [I in keyof A]: A[I] extends number ? number : Uint8Array }) => R
  : never;
