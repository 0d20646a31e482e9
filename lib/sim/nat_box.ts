/**
 * A NAT in front of one host of a simulated world: it maps source addresses and ports independently of the
 * destination. Mappings expire unless something is sent, and can be changed (RFC 4787 §4.1, §4.3).
 * @module
 */
import type { IpAddress, Path } from "@/base/address.ts";

/** The first port of mappings. */
const FIRST_PORT = 20_000;

/** The options of a NAT. */
export interface NatBoxOptions {
  /** The external address. */
  readonly outside: IpAddress;
  /** Lifetime of a mapping after the last datagram that was sent by it; Infinity: unlimited. */
  readonly lifetimeMs: number;
  /** Ports that are forwarded to the host unchanged, so that a host behind the NAT can be a responder. */
  readonly forwards: readonly number[];
}

interface Mapping {
  readonly address: IpAddress;
  readonly insidePort: number;
  readonly port: number;
  usedMs: number;
}

/** A NAT in front of one host. */
export class NatBox {
  readonly outside: IpAddress;
  readonly #options: NatBoxOptions;
  /** Mappings by internal port, as there is one host. */
  readonly #byInside = new Map<number, Mapping>();
  readonly #byPort = new Map<number, Mapping>();
  #nextPort = FIRST_PORT;

  constructor(options: NatBoxOptions) {
    this.#options = options;
    this.outside = options.outside;
  }

  /** The path of a datagram of the host after the NAT; a mapping is made if there is none. */
  outward(path: Path, nowMs: number): Path {
    const { ownAddress, ownPort } = path;
    let mapping = this.#alive(this.#byInside.get(ownPort), nowMs);
    if (!mapping) {
      const port = this.#options.forwards.includes(ownPort) ? ownPort : this.#nextPort++;
      mapping = { address: ownAddress, insidePort: ownPort, port, usedMs: nowMs };
      this.#byInside.set(ownPort, mapping);
      this.#byPort.set(port, mapping);
    }
    mapping.usedMs = nowMs;
    return { ...path, ownAddress: this.outside, ownPort: mapping.port };
  }

  /**
   * The path of a datagram to `host` as the host sees it; undefined: there is no mapping, so that it is
   * dropped.
   */
  inward(path: Path, host: IpAddress, nowMs: number): Path | undefined {
    if (this.#options.forwards.includes(path.ownPort)) return { ...path, ownAddress: host };
    const mapping = this.#alive(this.#byPort.get(path.ownPort), nowMs);
    return mapping && { ...path, ownAddress: mapping.address, ownPort: mapping.insidePort };
  }

  /** The external port of the host's `insidePort`; undefined: it has no mapping. */
  portOf(insidePort: number): number | undefined {
    return this.#byInside.get(insidePort)?.port;
  }

  /** Drops all mappings like a device that was restarted, so that the next ones differ. */
  forget(): void {
    this.#byInside.clear();
    this.#byPort.clear();
  }

  #alive(mapping: Mapping | undefined, nowMs: number): Mapping | undefined {
    return mapping && nowMs - mapping.usedMs < this.#options.lifetimeMs ? mapping : undefined;
  }
}
