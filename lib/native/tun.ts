/**
 * The shim's TUN devices: opens one, and reads and writes packets in batches.
 * @module
 */
import { SystemError } from "@/base/errors.ts";
import type { ShimSymbols } from "@/native/load.ts";
import { errnoName } from "@/native/udp.ts";

/** Octets of an interface name including its NUL (`IFNAMSIZ`). */
const NAME_OCTETS = 16;
/** Octets of `tun_held` in `ffi/tun_offload.h`: a large segment that is being cut into packets. */
const HELD_OCTETS = 65_568;

/** An open device; closing its file descriptor removes it. */
export interface Tun {
  readonly fd: number;
  readonly name: string;
  /** Where the shim keeps the rest of a large segment for which there were no slots. */
  readonly held: Uint8Array<ArrayBuffer>;
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
  const held = new Uint8Array(HELD_OCTETS);
  return { fd, name: new TextDecoder().decode(octets.subarray(0, octets.indexOf(0))), held };
}

/**
 * Reads packets that wait, one into each slot, and their octets into `lengths`. A large TCP segment of the
 * system is split into the packets that it stands for, with their checksums.
 * @throws {SystemError}
 */
export function readTun(
  shim: ShimSymbols,
  { fd, held }: Tun,
  into: {
    readonly arena: Uint8Array<ArrayBuffer>;
    readonly slotOctets: number;
    readonly lengths: Uint32Array<ArrayBuffer>;
  },
): number {
  const { arena, slotOctets, lengths } = into;
  const count = shim.my_tun_read(fd, held, arena, slotOctets, lengths.length, lengths);
  if (count >= 0) return count;
  const errno = errnoName(-count);
  throw new SystemError(`read of a TUN device fails: ${errno}`, "read", errno);
}

/**
 * Writes packets of a buffer; `places` has the offset and length of each. Successive packets of a TCP
 * connection are handed over as one large segment.
 * @returns how many the device took.
 */
export function writeTun(
  shim: ShimSymbols,
  { fd }: Tun,
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
