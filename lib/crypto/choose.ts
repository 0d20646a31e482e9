/**
 * Chooses the backend of a run, and finds the algorithms of a setup that the backend lacks.
 * @module
 */
import { SetupError } from "@/base/errors.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { nativeBackend, type NativeCrypto } from "@/crypto/native_backend.ts";
import { nameOfEncr } from "@/iana/encr.ts";
import { Integ, nameOfInteg } from "@/iana/integ.ts";
import { KeGroup, nameOfKeGroup } from "@/iana/ke_group.ts";
import { nameOfPrf } from "@/iana/prf.ts";

/** What a user may choose; `auto` is the native backend if it is available. */
export type WantedBackend = "auto" | "portable" | "native";

/**
 * The backend to use; `native` are the shim's bindings if they could be loaded. The portable one is
 * loaded where it is chosen alone: its libraries take 18 MB and 0.1 s of processor time.
 * @throws {SetupError} if the native backend is requested and not available.
 */
export async function chooseBackend(
  native: NativeCrypto | undefined,
  wanted: WantedBackend,
): Promise<CryptoBackend> {
  if (wanted === "native" && !native) {
    throw new SetupError("Cannot use the native crypto backend, this program carries no C shim");
  }
  if (native && wanted !== "portable") return nativeBackend(native);
  const { portableBackend } = await import("@/crypto/portable.ts");
  return portableBackend();
}

/** Algorithms by IANA transform number. */
export interface WantedAlgorithms {
  readonly encr?: readonly { readonly id: number; readonly keyBits: number }[];
  readonly prf?: readonly number[];
  readonly integ?: readonly number[];
  readonly groups?: readonly number[];
}

/** The names of algorithms that the backend lacks, each once. NONE is never lacking. */
export function missingFrom(backend: CryptoBackend, wanted: WantedAlgorithms): string[] {
  const missing = new Set<string>();
  for (const { id, keyBits } of wanted.encr ?? []) {
    const bits = keyBits ? ` with a ${keyBits}-bit key` : "";
    if (!backend.cipher(id, keyBits)) missing.add(nameOfEncr(id) + bits);
  }
  for (const id of wanted.prf ?? []) {
    if (!backend.prf(id)) missing.add(nameOfPrf(id));
  }
  for (const id of wanted.integ ?? []) {
    if (id !== Integ.NONE && !backend.integrity(id)) missing.add(nameOfInteg(id));
  }
  for (const id of wanted.groups ?? []) {
    if (id !== KeGroup.NONE && !backend.keyExchange(id)) missing.add(nameOfKeGroup(id));
  }
  return [...missing];
}
