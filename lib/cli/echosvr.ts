/**
 * Runs `myikev2 echosvr`: returns UDP datagrams to their sender, at any number of addresses by one
 * socket.
 * @module
 */
import { tellLine } from "@/files/terminal.ts";
import { type IpAddress, parseAddress, showEndpoint } from "@/base/address.ts";
import { SetupError, type SystemError } from "@/base/errors.ts";
import { EXIT_FAILED, EXIT_PASSED } from "@/cli/exit_status.ts";
import { onSignals } from "@/cli/signals.ts";
import { addToLoopback } from "@/datapath/loopback_addresses.ts";
import { loadShim } from "@/native/load.ts";
import { type ArrivedPacket, PacketSockets } from "@/native/packet_sockets.ts";
import { markAsReply } from "@/ping/echo.ts";
import {
  type EchoAddresses,
  type EchoDecision,
  EchoRule,
  expandAddresses,
} from "@/ping/echo_rule.ts";

/** Options of `echosvr` as commander gives them. */
export interface EchosvrOptions {
  readonly startip: string;
  readonly count: number;
  readonly step: number;
  readonly port: number;
}

const RECEIVE_BUFFER_OCTETS = 16 << 20;

/**
 * Echoes datagrams until a signal ends it; returns the exit status. @throws {SetupError} if it
 * cannot start.
 */
export async function runEchosvr(options: EchosvrOptions): Promise<number> {
  const first = parseAddress(options.startip);
  if (!first) {
    throw new SetupError(`--startip: expected an IPv4 or IPv6 address, found ${options.startip}`);
  }
  const own = expandAddresses({ ...options, first });
  if (!own) {
    throw new SetupError(`--count: fewer than ${options.count} addresses follow --startip`);
  }
  let forget = () => {};
  const stopped = new Promise<undefined>((resolve) => {
    forget = onSignals(() => resolve(undefined));
  });
  try {
    return await echo({ ...options, first }, own, stopped);
  } finally {
    forget();
  }
}

async function echo(
  { first, port }: EchoAddresses,
  own: readonly IpAddress[],
  stopped: Promise<undefined>,
): Promise<number> {
  const addresses = await addToLoopback(own);
  try {
    const server = new EchoServer(own, port);
    try {
      const more = own.length > 1 ? ` and ${own.length - 1} more addresses` : "";
      tellLine(
        `echoing UDP at ${
          showEndpoint(first, port)
        }${more}, ${addresses.added} of them added to lo`,
      );
      const error = await Promise.race([stopped, server.failed]);
      if (error !== undefined) tellLine(`myikev2: the socket can no longer be used: ${error}`);
      tellLine(server.account());
      return error === undefined ? EXIT_PASSED : EXIT_FAILED;
    } finally {
      await server.close();
    }
  } finally {
    await addresses.undo();
  }
}

class EchoServer {
  /** Number of datagrams by what was done with them. */
  readonly #counts = new Map<EchoDecision, number>();
  readonly #rule: EchoRule;
  readonly #sockets: PacketSockets;
  #fail: (error: unknown) => void = () => {};
  /** Resolves with the error that made the socket unusable. */
  readonly failed = new Promise<unknown>((resolve) => this.#fail = resolve);

  constructor(own: readonly IpAddress[], port: number) {
    const { symbols: shim, ...lack } = loadShim();
    if (!shim) throw new SetupError(`Cannot echo: ${"reason" in lack ? lack.reason : "no C shim"}`);
    const family = own[0]!.length === 4 ? 4 : 16;
    this.#rule = new EchoRule(own, port);
    this.#sockets = new PacketSockets({
      shim,
      socketOptions: () => ({
        address: new Uint8Array(family),
        port,
        underPolicy: true,
        receiveBufferOctets: RECEIVE_BUFFER_OCTETS,
      }),
      arrived: (packet) => this.#arrived(packet),
      batchEnds: () => this.#sockets.flush(),
      failed: (error) => this.#fail(error),
    });
    const refused = this.#sockets.open(family);
    if (refused) throw new SetupError(refusalOf(refused, port));
  }

  close(): Promise<void> {
    return this.#sockets.close();
  }

  /** Describes in sentences what was done with the datagrams. */
  account(): string {
    const count = (decision: EchoDecision) => this.#counts.get(decision) ?? 0;
    const causes = (["misaddressed", "reply of a server", "possible loop"] as const)
      .filter((cause) => count(cause) > 0);
    const ignored = causes.reduce((sum, cause) => sum + count(cause), 0);
    const why = causes.map((cause) => `${count(cause)} ${cause}`).join(", ");
    return `${count("reply") + count("unchanged")} datagrams sent back, ${ignored} ignored` +
      (why && ` (${why})`);
  }

  #arrived(packet: ArrivedPacket): void {
    const { own, peer, peerPort, scope, buffer, at, octets } = packet;
    const decision = this.#rule.decide(packet, performance.now());
    this.#counts.set(decision, (this.#counts.get(decision) ?? 0) + 1);
    if (decision === "reply") markAsReply(buffer, at);
    else if (decision !== "unchanged") return;
    this.#sockets.send(buffer.subarray(at, at + octets), { own, peer, peerPort, scope });
  }
}

function refusalOf({ errno, message }: SystemError, port: number): string {
  if (errno === "EADDRINUSE") {
    return `Cannot echo: UDP port ${port} is in use; choose another --port`;
  }
  return `Cannot echo at UDP port ${port}: ${message}`;
}
