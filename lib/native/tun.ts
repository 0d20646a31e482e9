/**
 * The shim's TUN devices: opening one, and packets in batches both ways.
 * @module
 */
import { SystemError } from "@/base/errors.ts";
import type { ShimSymbols } from "@/native/load.ts";
import { errnoName } from "@/native/udp.ts";

/** Octets of an interface's name, its NUL included (`IFNAMSIZ`). */
const NAME_OCTETS = 16;

/** An open device; closing its file descriptor takes it away. */
export interface Tun {
  readonly fd: number;
  readonly name: string;
}

/** Makes a device; `%d` in the name becomes a free number. @throws {SystemError} */
export function openTun(shim: ShimSymbols, name: string): Tun {
  const octets = new Uint8Array(NAME_OCTETS);
  octets.set(new TextEncoder().encode(name).subarray(0, NAME_OCTETS - 1));
  const fd = shim.my_tun_open(octets);
  if (fd < 0) {
    const errno = errnoName(-fd);
    throw new SystemError(`TUNSETIFF fails: ${errno}`, "TUNSETIFF", errno);
  }
  return { fd, name: new TextDecoder().decode(octets.subarray(0, octets.indexOf(0))) };
}

/** Takes waiting packets, one for each slot; `lengths` gets their octets. @throws {SystemError} */
export function readTun(
  shim: ShimSymbols,
  fd: number,
  into: {
    readonly arena: Uint8Array<ArrayBuffer>;
    readonly slotOctets: number;
    readonly lengths: Uint32Array<ArrayBuffer>;
  },
): number {
  const { arena, slotOctets, lengths } = into;
  const count = shim.my_tun_read(fd, arena, slotOctets, lengths.length, lengths);
  if (count >= 0) return count;
  const errno = errnoName(-count);
  throw new SystemError(`read of a TUN device fails: ${errno}`, "read", errno);
}

/** Writes packets of a buffer: `places` has offset and octets of each. @returns how many were taken. */
export function writeTun(
  shim: ShimSymbols,
  fd: number,
  buffer: Uint8Array,
  places: Uint32Array,
  count: number,
): number {
  return shim.my_tun_write(
    fd,
    buffer as Uint8Array<ArrayBuffer>,
    places as Uint32Array<ArrayBuffer>,
    count,
  );
}
