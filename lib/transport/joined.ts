/**
 * A gateway that is reached in UDP and in TCP (RFC 9329 §5): each message goes by the transport that its
 * path names.
 * @module
 */
import type { Path } from "@/base/address.ts";
import type { EspCarrier, EspReceiver } from "@/esp/carrier.ts";
import { JoinedSendErrors, SendErrorCounts, type SendErrors } from "@/transport/send_errors.ts";
import type {
  Connections,
  Transport,
  TransportCounters,
  TransportListener,
} from "@/transport/transport.ts";

/** Both transports as one, whose ports are those of UDP. */
export class JoinedTransport implements Transport {
  readonly name: Transport["name"];
  readonly ikePort: number;
  readonly nattPort: number | undefined;
  readonly halfOpenMax: number;
  readonly notes: readonly string[];
  readonly counters: TransportCounters;
  readonly esp: EspCarrier;
  readonly sendErrors: SendErrors;
  readonly connections: Connections | undefined;
  readonly #udp: Transport;
  readonly #tcp: Transport;

  constructor(udp: Transport, tcp: Transport) {
    this.#udp = udp;
    this.#tcp = tcp;
    this.name = udp.name;
    this.ikePort = udp.ikePort;
    this.nattPort = udp.nattPort;
    this.halfOpenMax = udp.halfOpenMax;
    this.notes = [...udp.notes ?? [], ...tcp.notes ?? []];
    this.counters = sumOf(udp.counters, tcp.counters);
    this.esp = new JoinedEsp(udp.esp, tcp.esp);
    this.connections = tcp.connections;
    const none = new SendErrorCounts();
    this.sendErrors = new JoinedSendErrors(udp.sendErrors ?? none, tcp.sendErrors ?? none);
  }

  listen(listener: TransportListener): void {
    this.#udp.listen(listener);
    this.#tcp.listen(listener);
  }

  send(octets: Uint8Array, path: Path): void {
    this.#of(path).send(octets, path);
  }

  keepalive(path: Path): void {
    this.#of(path).keepalive(path);
  }

  flush(): void {
    this.#udp.flush();
    this.#tcp.flush();
  }

  async close(): Promise<void> {
    await Promise.all([this.#udp.close(), this.#tcp.close()]);
  }

  #of(path: Path): Transport {
    return path.tcp ? this.#tcp : this.#udp;
  }
}

class JoinedEsp implements EspCarrier {
  readonly #udp: EspCarrier | undefined;
  readonly #tcp: EspCarrier | undefined;

  constructor(udp: EspCarrier | undefined, tcp: EspCarrier | undefined) {
    this.#udp = udp;
    this.#tcp = tcp;
  }

  get receiver(): EspReceiver | undefined {
    return this.#tcp?.receiver;
  }

  set receiver(receiver: EspReceiver | undefined) {
    if (this.#udp) this.#udp.receiver = receiver;
    if (this.#tcp) this.#tcp.receiver = receiver;
  }

  send(packet: Uint8Array, path: Path, trafficClass: number): void {
    (path.tcp ? this.#tcp : this.#udp)?.send(packet, path, trafficClass);
  }

  flush(): void {
    this.#udp?.flush();
    this.#tcp?.flush();
  }
}

/** Counters that are at any time the sum of those of both transports. */
function sumOf(udp: TransportCounters, tcp: TransportCounters): TransportCounters {
  const sum = {} as TransportCounters;
  for (const name of new Set([...Object.keys(udp), ...Object.keys(tcp)])) {
    const key = name as keyof TransportCounters;
    Object.defineProperty(sum, key, {
      enumerable: true,
      get: () => (udp[key] ?? 0) + (tcp[key] ?? 0),
    });
  }
  return sum;
}
