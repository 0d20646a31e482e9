/**
 * Two sites in network namespaces of their own, joined by a link, each with the kernel data path: the basis
 * of the kernel tests. It needs root and a kernel with ESP.
 * @module
 */
import type { SaPair, SaSuite, Selector } from "@/datapath/data_path.ts";
import { KernelDataPath } from "@/datapath/kernel.ts";
import { must } from "@/base/errors.ts";
import { parseAddress, parsePrefix, showEndpoint } from "@/base/address.ts";
import { selectorOf } from "@/datapath/xfrm.ts";
import { loadShim, type ShimSymbols } from "@/native/load.ts";

/** One end of the link. */
export interface Site {
  readonly namespace: string;
  readonly shim: ShimSymbols;
  readonly path: KernelDataPath;
  /** Reports of the data path, one in each line. */
  readonly told: string[];
}

/** Outer addresses of both sites, by address family. */
export const OUTER = { 4: ["10.99.0.1", "10.99.0.2"], 6: ["fd99::1", "fd99::2"] } as const;
/** Inner addresses of both sites, by address family. */
export const INNER = { 4: ["10.98.1.1", "10.98.2.1"], 6: ["fd98:1::1", "fd98:2::1"] } as const;

/** Runs a command; returns its output. @throws {Error} if it fails. */
export async function sh(command: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("sh", { args: ["-c", command] })
    .output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  if (!success) throw new Error(`${command}: ${said}`);
  return said;
}

/** The types of XFRM messages that a kernel does not know. */
export type Unknown = Set<number>;

/** Makes both sites, calls `take`, and removes everything. The left kernel does not know `unknown` messages. */
export async function withSites(
  take: (left: Site, right: Site) => Promise<void>,
  unknown: Unknown = new Set(),
): Promise<void> {
  const names = ["left", "right"].map((side) => `kp${Deno.pid}${side}`);
  await sh(`ip netns add ${names[0]}; ip netns add ${names[1]}
    ip link add eth0 netns ${names[0]} type veth peer name eth0 netns ${names[1]}`);
  const sites: Site[] = [];
  try {
    for (const [i, namespace] of names.entries()) {
      await sh(
        `ip -n ${namespace} link set lo up; ip -n ${namespace} link set eth0 up` +
          `; ip -n ${namespace} addr add ${OUTER[4][i]}/24 dev eth0` +
          `; ip -n ${namespace} addr add ${OUTER[6][i]}/64 dev eth0 nodad` +
          `; ip -n ${namespace} addr add ${INNER[4][i]}/32 dev lo` +
          `; ip -n ${namespace} addr add ${INNER[6][i]}/128 dev lo nodad`,
      );
      sites.push(openSite(namespace, i === 0 ? unknown : new Set()));
    }
    await take(sites[0]!, sites[1]!);
  } finally {
    for (const site of sites) await site.path.close();
    for (const name of names) await sh(`ip netns del ${name}`);
  }
}

const TYPE_OCTETS_AT = 4;
/** A type of message that no kernel knows, and refuses with EINVAL. */
const NO_TYPE = 0x7f;

/** The shim, whose requests have {@linkcode NO_TYPE} in place of the types in `unknown`. */
function withoutTypes(symbols: ShimSymbols, unknown: Unknown): ShimSymbols {
  const send: ShimSymbols["my_netlink_send"] = (fd, octets, count) => {
    const whole = octets as Uint8Array<ArrayBuffer>;
    const view = new DataView(whole.buffer, whole.byteOffset);
    for (let at = 0; at < count; at += view.getUint32(at, true) + 3 & ~3) {
      if (!unknown.has(view.getUint16(at + TYPE_OCTETS_AT, true))) continue;
      view.setUint16(at + TYPE_OCTETS_AT, NO_TYPE, true);
    }
    return symbols.my_netlink_send(fd, octets, count);
  };
  return Object.assign({}, symbols, { my_netlink_send: send });
}

function openSite(namespace: string, unknown: Unknown): Site {
  const { symbols } = loadShim();
  must(symbols !== undefined, "the shim (deno task shim)");
  const told: string[] = [];
  const path = new KernelDataPath({
    shim: withoutTypes(symbols, unknown),
    namespacePath: `/run/netns/${namespace}`,
    scope: { reqidBase: 1 << 24, ifId: 0 },
    innerDevice: 1,
    xfrmDevice: undefined,
    listener: {
      acquired: (line) => told.push(`acquired ${line}`),
      expired: (spi, hard) => told.push(`expired ${spi} ${hard}`),
      peerMoved: (spi, address, port) => told.push(`moved ${spi} ${showEndpoint(address, port)}`),
      refused: (spi, why) => told.push(`refused ${spi}: ${why}`),
      note: (level, text) => told.push(`note ${level}: ${text}`),
    },
  });
  return { namespace, shim: symbols, path, told };
}

/** The properties of a pair; by default AES-GCM in an IPv4 tunnel over IPv4. */
export interface PairWish {
  readonly suite?: Partial<SaSuite>;
  readonly keyOctets?: number;
  readonly integrityOctets?: number;
  readonly outer?: 4 | 6;
  readonly inner?: 4 | 6;
  readonly tunnelMode?: boolean;
  readonly encapsulation?: "none" | "udp";
  /** Distinguishes pairs; SPIs are derived from it. */
  readonly number?: number;
  readonly rekeyChain?: number;
}

/** Both ends of one CHILD_SA. */
export function pairOf(wish: PairWish = {}): readonly [SaPair, SaPair] {
  const { suite, keyOctets = 20, integrityOctets = 0, outer = 4, inner = 4 } = wish;
  const { tunnelMode = true, encapsulation = "none", number = 1, rekeyChain = 1 } = wish;
  const key = (seed: number) => ({
    encryption: new Uint8Array(keyOctets).fill(seed).map((octet, i) => octet + 3 * i),
    integrity: new Uint8Array(integrityOctets).fill(seed + 1),
  });
  const spis = [0x1000 + number, 0x2000 + number];
  const selectors = [0, 1].map((i) =>
    tunnelMode ? hostSelector(INNER[inner][i]!) : hostSelector(OUTER[outer][i]!)
  );
  const end = (own: 0 | 1): SaPair => ({
    spiIn: spis[own]!,
    spiOut: spis[1 - own]!,
    rekeyChain,
    suite: { protocol: 3, encryption: 20, keyBits: 128, integrity: 0, esn: false, ...suite },
    keysIn: key(16 * (1 - own) + number),
    keysOut: key(16 * own + number),
    tunnelMode,
    encapsulation,
    path: {
      ownAddress: parseAddress(OUTER[outer][own])!,
      ownPort: 4500,
      peerAddress: parseAddress(OUTER[outer][1 - own]!)!,
      peerPort: 4500,
    },
    ownSelectors: [selectors[own]!],
    peerSelectors: [selectors[1 - own]!],
    replayWindow: 256,
    noTfcPadding: false,
  });
  return [end(0), end(1)];
}

function hostSelector(address: string): Selector {
  return selectorOf(parsePrefix(address)!);
}

/** Installs a pair at both ends. */
export function install(left: Site, right: Site, [a, b]: readonly [SaPair, SaPair]): void {
  for (const [site, pair] of [[left, a], [right, b]] as const) {
    site.path.installIn(pair);
    site.path.installOut(pair);
    site.path.flush();
  }
}

/** Sends pings from left to right; returns how many of `count` came back. */
export async function ping(
  left: Site,
  from: string,
  to: string,
  count = 3,
): Promise<number> {
  const said = await sh(
    `ip netns exec ${left.namespace} ping -q -n -c ${count} -i 0.05 -W 1 -I ${from} ${to} || true`,
  );
  return Number(/(\d+) received/.exec(said)?.[1] ?? -1);
}
