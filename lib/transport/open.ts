/**
 * Opens the transport that the setup asks for; by default the native one if that is possible.
 * @module
 */
import { SetupError } from "@/base/errors.ts";
import { loadShim } from "@/native/load.ts";
import { openNativeTcp, type TcpTransport } from "@/transport/tcp_native.ts";
import type { TcpOptions, Transport, UdpOptions } from "@/transport/transport.ts";
import { openNativeUdp } from "@/transport/udp_native.ts";
import { openPortableUdp } from "@/transport/udp_portable.ts";

/**
 * The name of a transport; `auto` is the native one if the shim can be loaded, otherwise the portable one.
 */
export type TransportChoice = "auto" | "portable" | "native";

/**
 * Opens the sockets.
 * @throws {SetupError} if the setup can be changed to avoid it, or `native` is wanted and not available.
 * @throws {SystemError} otherwise.
 */
export function openUdp(options: UdpOptions, wanted: TransportChoice): Transport {
  if (wanted === "portable") return openPortableUdp(options);
  const shimIsThere = loadShim().symbols !== undefined;
  return wanted === "native" || shimIsThere ? openNativeUdp(options) : openPortableUdp(options);
}

/**
 * Opens the transport in TCP, which listens for connections or only makes them.
 * @throws {SetupError} if the setup can be changed to avoid it, or there is no native transport.
 * @throws {SystemError} otherwise.
 */
export function openTcp(options: TcpOptions, wanted: TransportChoice): TcpTransport {
  if (wanted === "portable") {
    // The runtime offers no way to connect from an address and port of our choice.
    throw new SetupError(
      "Cannot use tcpencap by the portable transport: only the native one has it",
    );
  }
  return openNativeTcp(options);
}
