/**
 * Answers the neighbour solicitations of one interface for addresses that are local by a route. It ends with
 * its process, and leaves nothing behind.
 * @module
 */
import type { IpPrefix } from "@/base/address.ts";
import { SetupError, SystemError } from "@/base/errors.ts";
import { AddressSet, answerTo } from "@/datapath/neighbour_answer.ts";
import { loadShim } from "@/native/load.ts";
import { NeighbourSocket } from "@/native/neighbour_socket.ts";

/** What answers. */
export interface NeighbourResponder {
  /** Stops. Idempotent. */
  close(): Promise<void>;
}

/**
 * Begins to answer at an interface; undefined: nothing has to be answered, as there is no such address, or the
 * interface has no neighbours. `say` is told when no solicitation is heard any more.
 * @throws {SetupError} if the system refuses.
 */
export function answerNeighbours(
  device: string,
  prefixes: readonly IpPrefix[],
  say: (line: string) => void,
): NeighbourResponder | undefined {
  const addresses = new AddressSet(prefixes);
  const { symbols: shim } = loadShim();
  if (addresses.isEmpty || !shim) return undefined;
  const socket = open(device);
  socket?.listen((frame) => {
    const answer = answerTo(frame, addresses, socket.mac);
    if (answer) socket.send(answer);
  }, (e) => say(`neighbours of ${device} are not answered any more: ${e}`));
  return socket;

  function open(name: string): NeighbourSocket | undefined {
    try {
      return new NeighbourSocket(shim!, name);
    } catch (e) {
      if (!(e instanceof SystemError)) throw e;
      // The loopback interface, tunnels and others without Ethernet resolve no addresses.
      if (e.errno === "EOPNOTSUPP") return undefined;
      throw new SetupError(
        `Cannot answer neighbour solicitations at ${name}: ${e.message}. It needs CAP_NET_RAW`,
      );
    }
  }
}
