/**
 * Opens the UDP transport that was asked for, or the best that is there.
 * @module
 */
import { loadShim } from "@/native/load.ts";
import type { Transport, UdpOptions } from "@/transport/transport.ts";
import { openNativeUdp } from "@/transport/udp_native.ts";
import { openPortableUdp } from "@/transport/udp_portable.ts";

/** A transport by name; `auto`: the native one where the shim loads, else the portable one. */
export type TransportChoice = "auto" | "portable" | "native";

/**
 * Opens the sockets.
 * @throws {SetupError} where the setup can mend it; also where `native` is wanted and there is none.
 * @throws {SystemError} otherwise.
 */
export function openUdp(options: UdpOptions, wanted: TransportChoice): Transport {
  if (wanted === "portable") return openPortableUdp(options);
  const shimIsThere = loadShim().symbols !== undefined;
  return wanted === "native" || shimIsThere ? openNativeUdp(options) : openPortableUdp(options);
}
