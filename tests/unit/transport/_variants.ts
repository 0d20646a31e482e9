/**
 * The transports that can run here, and what their tests share. Every test runs on each of them.
 * @module
 */
import { parseAddress, type Path } from "@/base/address.ts";
import { must } from "@/base/errors.ts";
import { loadShim } from "@/native/load.ts";
import { openUdp } from "@/transport/open.ts";
import type { Datagram, Transport, UdpOptions } from "@/transport/transport.ts";

/** A way to open a transport. */
export interface Variant {
  readonly name: "portable" | "native";
  open(options: UdpOptions): Transport;
}

/** The portable one and, if the shim is built, the native one. */
export const VARIANTS: readonly Variant[] = (["portable", "native"] as const)
  .filter((name) => name === "portable" || loadShim().symbols !== undefined)
  .map((name) => ({ name, open: (options) => openUdp(options, name) }));

/** A datagram that may be kept. */
export type Kept = Datagram;

/** The messages that have arrived at a transport, and a function to wait for more. */
export interface Inbox {
  readonly all: Kept[];
  readonly failures: unknown[];
  /** Resolves when `count` have arrived in all; rejects when the time is over. */
  reach(count: number, patienceMs?: number): Promise<Kept[]>;
}

/** Listens; `each` is called with every datagram while it is valid. */
export function inboxOf(
  transport: Transport,
  each: (datagram: Datagram) => void = () => {},
): Inbox {
  const all: Kept[] = [];
  const failures: unknown[] = [];
  let check = () => {};
  transport.listen({
    datagrams(batch) {
      for (const datagram of batch) {
        each(datagram);
        all.push({ ...datagram, octets: datagram.octets.slice() });
      }
      check();
    },
    failed: (error) => failures.push(error),
  });
  const reach = (count: number, patienceMs = 5000) =>
    new Promise<Kept[]>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${all.length} of ${count} datagrams arrived`)),
        patienceMs,
      );
      check = () => {
        if (all.length < count) return;
        clearTimeout(timer);
        resolve(all);
      };
      check();
    });
  return { all, failures, reach };
}

/** The path from one transport's IKE port to another's. */
export function way(from: Transport, own: Uint8Array, to: Transport, peer: Uint8Array): Path {
  return { ownAddress: own, ownPort: from.ikePort, peerAddress: peer, peerPort: to.ikePort };
}

/** An address that is known to be one. */
export function at(text: string): Uint8Array {
  const address = parseAddress(text);
  must(address !== undefined, `address: ${text}`);
  return address;
}

/** `count` addresses 127.0.NET.1 and on. */
export function loopbacks(net: number, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => at(`127.0.${net}.${i + 1}`));
}

/** Lets the event loop work for some milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
