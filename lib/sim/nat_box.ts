/**
 * A NAT in front of one host of a simulated world: mappings by source address and port, whatever the
 * destination; they expire unless something goes out, and change when told to (RFC 4787 §4.1, §4.3).
 * @module
 */
import type { IpAddress, Path } from "@/base/address.ts";

/** The first port that mappings get. */
const FIRST_PORT = 20_000;

/** What a box is. */
export interface NatBoxOptions {
  /** The one address it shows to the world. */
  readonly outside: IpAddress;
  /** How long a mapping lasts after the last datagram that went out by it; Infinity: for ever. */
  readonly lifetimeMs: number;
  /** Ports that are forwarded to the host as they are: how a host behind a NAT can answer. */
  readonly forwards: readonly number[];
}

interface Mapping {
  readonly address: IpAddress;
  readonly insidePort: number;
  readonly port: number;
  usedMs: number;
}

/** See the file. */
export class NatBox {
  readonly outside: IpAddress;
  readonly #options: NatBoxOptions;
  /** By inside port: there is one host. */
  readonly #byInside = new Map<number, Mapping>();
  readonly #byPort = new Map<number, Mapping>();
  #nextPort = FIRST_PORT;

  constructor(options: NatBoxOptions) {
    this.#options = options;
    this.outside = options.outside;
  }

  /** The path of a datagram of the host as it goes on from here; what has no mapping gets one. */
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

  /** The path of a datagram to `host` as it sees it; undefined: no mapping, it ends here. */
  inward(path: Path, host: IpAddress, nowMs: number): Path | undefined {
    if (this.#options.forwards.includes(path.ownPort)) return { ...path, ownAddress: host };
    const mapping = this.#alive(this.#byPort.get(path.ownPort), nowMs);
    return mapping && { ...path, ownAddress: mapping.address, ownPort: mapping.insidePort };
  }

  /** The port that the world sees the host's `insidePort` at; undefined where it has no mapping. */
  portOf(insidePort: number): number | undefined {
    return this.#byInside.get(insidePort)?.port;
  }

  /** Forgets all mappings, as a box does that was switched off and on: the next are others. */
  forget(): void {
    this.#byInside.clear();
    this.#byPort.clear();
  }

  #alive(mapping: Mapping | undefined, nowMs: number): Mapping | undefined {
    return mapping && nowMs - mapping.usedMs < this.#options.lifetimeMs ? mapping : undefined;
  }
}
