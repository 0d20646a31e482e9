/**
 * Loads the C shim without a file on the machine: its octets, embedded in the executable or read beside the
 * sources, are written to a memory file that the dynamic loader reads. This is the only `dlopen` of the
 * program.
 * @module
 */

/** The version that the shim must report; `MY_SHIM_ABI` of `ffi/shim.h`. */
const ABI = 12;
/** Path of the shim beside the sources, which is the same among the files embedded in the executable. */
const SHIM = new URL("../../ffi/build/myikev2_shim.so", import.meta.url);
/** Flag of `memfd_create(2)`: the file is closed in programs that are started. */
const MFD_CLOEXEC = 1;
/**
 * Flag of `memfd_create(2)`: the file cannot be executed as a program. Machines with `vm.memfd_noexec`
 * require it, kernels before 6.3 do not know it.
 */
const MFD_NOEXEC_SEAL = 8;

const LIBC = {
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
} as const;

/** The crypto functions, which `lib/crypto/native_backend.ts` describes. */
const CRYPTO = {
  my_crypto_has: { parameters: ["u32", "u32", "u32"], result: "i32" },
  my_prf: { parameters: ["u32", "buffer", "u32", "buffer", "u32", "buffer"], result: "i32" },
  my_prf_plus: {
    parameters: ["u32", "buffer", "u32", "buffer", "u32", "buffer", "u32"],
    result: "i32",
  },
  my_mac: { parameters: ["u32", "buffer", "u32", "buffer", "u32", "buffer"], result: "i32" },
  my_seal: {
    parameters: ["u32", "buffer", "u32", "buffer", "buffer", "u32", "buffer", "u32", "buffer"],
    result: "i32",
  },
  my_open: {
    parameters: ["u32", "buffer", "u32", "buffer", "buffer", "u32", "buffer", "u32", "buffer"],
    result: "i32",
  },
  my_ke_generate: { parameters: ["u32", "u32", "buffer", "u32", "buffer"], result: "i32" },
  my_ke_derive: {
    parameters: ["u32", "buffer", "u32", "buffer", "u32", "buffer"],
    result: "i32",
  },
  my_key_load: { parameters: ["u32", "u32", "buffer", "u32", "buffer"], result: "i32" },
  my_key_free: { parameters: ["buffer"], result: "i32" },
  my_sign: {
    parameters: ["buffer", "u32", "u32", "u32", "buffer", "u32", "buffer", "u32"],
    result: "i32",
  },
  my_verify: {
    parameters: ["buffer", "u32", "u32", "u32", "buffer", "u32", "buffer", "u32"],
    result: "i32",
  },
  my_key_generate: {
    parameters: ["u32", "u32", "buffer", "u32"],
    result: "i32",
    nonblocking: true,
  },
  my_key_public: { parameters: ["buffer", "buffer", "u32"], result: "i32" },
  my_sha1: { parameters: ["buffer", "u32", "buffer"], result: "i32" },
  my_sha256: { parameters: ["buffer", "u32", "buffer"], result: "i32" },
  my_random: { parameters: ["buffer", "u32"], result: "i32" },
} as const;

/** The socket functions, which are described in `ffi/udp_*.c`, `ffi/tcp.c` and `ffi/wait.c`. */
const SOCKETS = {
  my_udp_open: {
    parameters: ["buffer", "u32", "buffer", "u32", "u32", "u32", "u32", "buffer"],
    result: "i32",
  },
  my_udp_steer: { parameters: ["i32", "u32", "u32"], result: "i32" },
  my_raw_filter: { parameters: ["i32", "u32", "u32", "u32", "u32"], result: "i32" },
  my_udp_drops: { parameters: ["i32"], result: "i32" },
  my_udp_receive: { parameters: ["i32", "buffer", "u32", "u32"], result: "i32" },
  my_udp_send: { parameters: ["buffer", "u32", "buffer"], result: "i32" },
  my_path_mtu: { parameters: ["buffer", "u32"], result: "i32" },
  my_wait_open: { parameters: ["buffer"], result: "i32" },
  my_tcp_open: {
    parameters: ["buffer", "u32", "buffer", "u32", "u32", "buffer", "u32", "u32", "buffer"],
    result: "i32",
  },
  my_tcp_accept: { parameters: ["i32", "buffer"], result: "i32" },
  my_tcp_outcome: { parameters: ["i32"], result: "i32" },
  my_tcp_frames: { parameters: ["i32"], result: "i32" },
  my_tcp_receive: { parameters: ["i32", "buffer", "u32", "u32"], result: "i32" },
  my_tcp_send: { parameters: ["i32", "buffer", "u32", "u32"], result: "i32" },
  my_wait_change: { parameters: ["i32", "i32", "u32", "u32"], result: "i32" },
  my_wait_ready: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  my_wait_add: { parameters: ["i32", "i32", "u32"], result: "i32" },
  my_wait: { parameters: ["i32", "i32"], result: "i32", nonblocking: true },
  my_wait_wake: { parameters: ["i32"], result: "i32" },
  my_close: { parameters: ["i32"], result: "i32" },
} as const;

/** The TLS functions. `ffi/tls.c` describes each, and who frees what. */
const TLS = {
  my_tls_context: {
    parameters: [
      "u32",
      "u32",
      "buffer",
      "u32",
      "buffer",
      "u32",
      "buffer",
      "u32",
      "buffer",
      "buffer",
    ],
    result: "pointer",
  },
  my_tls_context_free: { parameters: ["pointer"], result: "void" },
  my_tls_open: { parameters: ["pointer", "u32", "buffer", "u32"], result: "pointer" },
  my_tls_free: { parameters: ["pointer"], result: "void" },
  my_tls_step: {
    parameters: [
      "pointer",
      "buffer",
      "u32",
      "buffer",
      "u32",
      "buffer",
      "u32",
      "buffer",
      "u32",
      "buffer",
    ],
    result: "i32",
  },
  my_tls_write: { parameters: ["pointer", "buffer", "u32"], result: "i32" },
  my_tls_export: {
    parameters: ["pointer", "buffer", "u32", "buffer", "u32", "u32", "buffer", "u32"],
    result: "i32",
  },
  my_tls_version: { parameters: ["pointer"], result: "i32" },
  my_tls_peer: { parameters: ["pointer", "buffer", "u32"], result: "i32" },
} as const;

/** The functions of TUN devices, which `ffi/tun.c` describes. */
const TUN = {
  my_tun_open: { parameters: ["buffer"], result: "i32" },
  my_tun_read: {
    parameters: ["i32", "buffer", "buffer", "u32", "u32", "buffer"],
    result: "i32",
  },
  my_tun_write: { parameters: ["i32", "buffer", "buffer", "u32"], result: "i32" },
} as const;

/** The functions for ESP packets, which `ffi/crypto_packet.c` describes. */
const PACKETS = {
  my_packet_key: {
    parameters: ["u32", "buffer", "u32", "u32", "buffer", "u32", "u32"],
    result: "i32",
  },
  my_packet_seal: { parameters: ["i32", "buffer", "u32", "u32", "u32", "u32"], result: "i32" },
  my_packet_open: { parameters: ["i32", "buffer", "u32", "u32", "u32", "u32"], result: "i32" },
  my_packet_forget: { parameters: ["i32"], result: "i32" },
} as const;

/** The netlink functions, which `ffi/netlink.c` describes. */
const NETLINK = {
  my_netlink_open: { parameters: ["buffer", "u32", "u32", "u32", "u32"], result: "i32" },
  my_netlink_send: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  my_netlink_receive: { parameters: ["i32", "buffer", "u32"], result: "i32" },
} as const;

/** The packet sockets for neighbour solicitations, which `ffi/neighbour.c` describes. */
const NEIGHBOURS = {
  my_neighbour_open: { parameters: ["buffer", "buffer"], result: "i32" },
  my_neighbour_receive: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  my_neighbour_send: { parameters: ["i32", "buffer", "u32"], result: "i32" },
} as const;

const SHIM_SYMBOLS = {
  my_shim_abi: { parameters: [], result: "i32" },
  ...CRYPTO,
  ...SOCKETS,
  ...TLS,
  ...TUN,
  ...PACKETS,
  ...NETLINK,
  ...NEIGHBOURS,
} as const;

/** The functions of the shim. */
export type ShimSymbols = Deno.DynamicLibrary<typeof SHIM_SYMBOLS>["symbols"];

/** The shim, or the reason why it cannot be used. */
export type Shim =
  | { readonly symbols: ShimSymbols }
  | { readonly symbols?: undefined; readonly reason: string };

let loaded: Shim | undefined;

/** The shim. It is loaded at the first call; a failure is remembered too. */
export function loadShim(): Shim {
  return loaded ??= load();
}

function load(): Shim {
  if (Deno.build.os !== "linux") return { reason: "the C shim is for Linux alone" };
  let octets: Uint8Array;
  try {
    octets = Deno.readFileSync(SHIM);
  } catch {
    return { reason: "this program carries no C shim (build it by `deno task shim`)" };
  }
  try {
    return { symbols: loadFromMemory(octets) };
  } catch (e) {
    return { reason: `the C shim cannot be loaded: ${e instanceof Error ? e.message : e}` };
  }
}

/** Loads the shim from a memory file. @throws {Error} if the system or the shim refuses. */
function loadFromMemory(octets: Uint8Array): ShimSymbols {
  const libc = Deno.dlopen("libc.so.6", LIBC);
  try {
    const create = (flags: number) =>
      libc.symbols.memfd_create(new TextEncoder().encode("myikev2_shim\0"), flags);
    let fd = create(MFD_CLOEXEC | MFD_NOEXEC_SEAL);
    if (fd < 0) fd = create(MFD_CLOEXEC);
    if (fd < 0) throw new Error("no memory file can be made");
    try {
      for (let at = 0; at < octets.length;) {
        const rest = octets.subarray(at) as Uint8Array<ArrayBuffer>;
        const written = Number(libc.symbols.write(fd, rest, BigInt(rest.length)));
        if (written <= 0) throw new Error("its memory file cannot be written");
        at += written;
      }
      return open(`/proc/self/fd/${fd}`);
    } finally {
      libc.symbols.close(fd);
    }
  } finally {
    libc.close();
  }
}

/**
 * Opens the shim and checks its version first, as another version may lack symbols or define them
 * differently. A shim of another version stays open, as libcrypto has registered hooks for the end of
 * threads.
 */
function open(path: string): ShimSymbols {
  const asked = Deno.dlopen(path, { my_shim_abi: SHIM_SYMBOLS.my_shim_abi });
  const abi = asked.symbols.my_shim_abi();
  if (abi !== ABI) {
    throw new Error(`it has interface ${abi}, not ${ABI}; build it again by \`deno task shim\``);
  }
  return Deno.dlopen(path, SHIM_SYMBOLS).symbols;
}
