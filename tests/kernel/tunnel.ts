/**
 * Tunnels whose packets the kernel carries: our client or gateway with `installfastpath`, and at the other
 * end ours or strongSwan with its kernel data path. The tests of complete tunnels use them.
 * @module
 */
import assert from "node:assert/strict";
import {
  atSite,
  connection,
  OUR_ID,
  ourClient,
  ourGateway,
  OURS,
  PSK,
  swanctl,
  THEIR_ID,
  THEIRS,
} from "../interop/ends.ts";
import { Lab, mustRun, type Site, until } from "../interop/harness.ts";
import { merge, Ours, type Setup } from "../interop/ours.ts";
import { Charon, DEBIAN, type StrongSwan } from "../interop/strongswan.ts";

/** The program at the other end, and the end that initiates. */
export type Kind = "ours → ours" | "ours → strongSwan" | "strongSwan → ours";
/** All of {@linkcode Kind}. */
export const KINDS: readonly Kind[] = ["ours → ours", "ours → strongSwan", "strongSwan → ours"];

/** Inner addresses of our side and of theirs. */
export const INNER = { 4: ["10.2.0.1", "10.1.0.1"], 6: ["fd02::1", "fd01::1"] } as const;

/** The properties of a tunnel; each has a default. */
export interface TunnelWish {
  readonly outer?: 4 | 6;
  readonly inner?: 4 | 6;
  readonly transport?: boolean;
  /** What carries the packets at our site; at theirs it is the kernel in any case. */
  readonly dataPath?: "kernel" | "userland";
  /** Options that replace those of the entry of `childlist`. */
  readonly child?: Setup;
  /** The port of our Test APIs; absent: a free one. */
  readonly apilistenport?: number;
  /** Options that replace those of our site's setup. */
  readonly setup?: Setup;
  /** Options that replace those of the other site's setup, if our program is there too. */
  readonly theirSetup?: Setup;
  /** Options that replace those of `ikeconf`. */
  readonly ikeconf?: Setup;
  /** Which strongSwan is at the other end; absent: Debian's. */
  readonly strongSwan?: StrongSwan;
  /** `esp_proposals` of strongSwan. */
  readonly proposal?: string;
  /** Our address as strongSwan sees it; absent: our real one. */
  readonly peerSeen?: string;
  /** Is called before either end begins. */
  readonly before?: (lab: Lab) => Promise<void>;
  /** Further lines of strongSwan's child, and of its connection. */
  readonly childExtra?: string;
  readonly extra?: string;
}

/** An established tunnel. */
export interface Tunnel {
  readonly lab: Lab;
  /** Our process at our site; in `ours → ours` there is one at the other site too. */
  readonly ours: Ours;
  readonly theirs: Ours | undefined;
  readonly charon: Charon | undefined;
  /** Sends pings from our site to theirs; returns how many of `count` came back. */
  ping(count?: number, intervalS?: number): Promise<number>;
  /** Our own and the peer's address inside the tunnel. */
  readonly ends: readonly [string, string];
}

/** Sets up a tunnel, calls the test with it, and removes all of it. */
export async function withTunnel(
  kind: Kind,
  wish: TunnelWish,
  take: (tunnel: Tunnel) => Promise<void>,
): Promise<void> {
  const lab = await Lab.open("k");
  try {
    await addInner(lab.ours, 0);
    await addInner(lab.theirs, 1);
    await wish.before?.(lab);
    const tunnel = kind === "ours → ours"
      ? await betweenOurs(lab, wish)
      : await withStrongSwan(lab, wish, kind === "ours → strongSwan");
    const ends = selectors(wish, 0);
    await take({
      ...tunnel,
      lab,
      ends,
      ping: (count, interval) => ping(lab, ends, count, interval),
    });
  } finally {
    await lab.close();
  }
}

/** The output of a listing of the kernel at a site. */
export function kernelSays(site: Site, ...words: string[]): Promise<string> {
  return mustRun("ip", ["-n", site.namespace, ...words]);
}

/** Checks that both kernels list two states, each with `packets` packets. */
export async function assertCounted({ ours, theirs }: Lab, packets: number): Promise<void> {
  for (const site of [ours, theirs]) {
    const states = await kernelSays(site, "-s", "xfrm", "state");
    const counted = [...states.matchAll(/\(bytes\), (\d+)\(packets\)/g)].map(([, n]) => Number(n));
    assert.deepEqual(counted, [packets, packets], states);
  }
}

/** Packets and octets that the kernel of one end has received and sent. */
interface Carried {
  readonly into: readonly [number, number];
  readonly out: readonly [number, number];
}

/**
 * Checks that both kernels list two states, and policies for all directions, and that each has received what
 * the other one has sent. Returns octets and packets from us to them.
 */
export async function assertAgreed(lab: Lab): Promise<{ octets: number; packets: number }> {
  const [ours, theirs] = [await carriedBy(lab, lab.ours), await carriedBy(lab, lab.theirs)];
  assert.deepEqual([ours.out, ours.into], [theirs.into, theirs.out]);
  for (const site of [lab.ours, lab.theirs]) {
    const policies = await kernelSays(site, "xfrm", "policy");
    // Packets in transport mode are never forwarded.
    const directions = policies.includes("mode transport") ? ["in", "out"] : ["in", "out", "fwd"];
    for (const direction of directions) {
      assert.match(policies, new RegExp(`^\\s+dir ${direction} `, "m"));
    }
  }
  return { octets: ours.out[0], packets: ours.out[1] };
}

async function carriedBy({ ours, theirs }: Lab, site: Site): Promise<Carried> {
  const own = site === ours ? ours : theirs;
  const states = await kernelSays(site, "-s", "xfrm", "state");
  const listed = [...states.matchAll(/^src (\S+) dst[^]*?\s(\d+)\(bytes\), (\d+)\(packets\)/gm)];
  assert.equal(listed.length, 2, states);
  const of = (isOwn: boolean): [number, number] => {
    const found = listed.filter(([, src]) =>
      (src === own.address4 || src === own.address6) === isOwn
    );
    assert.equal(found.length, 1, states);
    return [Number(found[0]![2]), Number(found[0]![3])];
  };
  return { into: of(false), out: of(true) };
}

/** The packets that the kernels of both sites dropped, by cause. */
export async function kernelDrops(lab: Lab): Promise<string> {
  const said = await Promise.all([lab.ours, lab.theirs].map(async (site) => {
    const { stdout } = await lab.exec(site, "cat", ["/proc/net/xfrm_stat", "/proc/net/snmp"]);
    return stdout.split("\n").filter((line) => /^Xfrm\S+\s+[1-9]|^(Ip|Icmp|Udp):/.test(line)).join(
      "\n",
    );
  }));
  return `ours:\n${said[0]}\ntheirs:\n${said[1]}`;
}

/** Adds the inner addresses of a site to lo. */
export async function addInner(site: Site, side: 0 | 1): Promise<void> {
  await mustRun("ip", ["-n", site.namespace, "addr", "add", `${INNER[4][side]}/32`, "dev", "lo"]);
  const six = [`${INNER[6][side]}/128`, "dev", "lo", "nodad"];
  await mustRun("ip", ["-n", site.namespace, "-6", "addr", "add", ...six]);
}

type Ends = Omit<Tunnel, "lab" | "ping" | "ends">;

async function betweenOurs(lab: Lab, wish: TunnelWish): Promise<Ends> {
  const { outer = 4 } = wish;
  const mirrored = { myid: THEIR_ID };
  const gateway = merge(ourGateway(), {
    bindifaddr: outer === 4 ? `${THEIRS.address4}/16` : `${THEIRS.address6}/64`,
    apilistenport: wish.apilistenport ?? 0,
    ikeconf: { ...ikeconf(wish, 1), ...mirrored },
  });
  const whole = merge(gateway, wish.theirSetup ?? {});
  const theirs = await Ours.start(lab, lab.theirs, atSite(whole, lab.theirs));
  const ours = await Ours.start(lab, lab.ours, atSite(clientOf(wish), lab.ours));
  await untilInstalled(lab, ours, wish);
  return { ours, theirs, charon: undefined };
}

async function withStrongSwan(lab: Lab, wish: TunnelWish, weBegin: boolean): Promise<Ends> {
  const charon = await Charon.start(lab, lab.theirs, "  install_routes = yes", {
    kernelHasEsp: true,
    installed: wish.strongSwan ?? DEBIAN,
  });
  const setup = weBegin ? clientOf(wish) : gatewayOf(wish);
  await charon.load(swanctl(connectionOf(wish), PSK));
  const ours = await Ours.start(lab, lab.ours, atSite(setup, lab.ours));
  if (!weBegin) await charon.initiate("net");
  await untilInstalled(lab, ours, wish);
  return { ours, theirs: undefined, charon };
}

/** Our setup as client. */
export function clientOf(wish: TunnelWish): Setup {
  const { outer = 4 } = wish;
  const client = merge(ourClient(), {
    startclntaddr: outer === 4 ? `${OURS.address4}/16` : `${OURS.address6}/64`,
    peeraddr: outer === 4 ? THEIRS.address4 : THEIRS.address6,
    apilistenport: wish.apilistenport ?? 0,
    ikeconf: ikeconf(wish, 0),
  });
  return merge(client, wish.setup ?? {});
}

/** Our setup as gateway. */
export function gatewayOf(wish: TunnelWish): Setup {
  const { outer = 4 } = wish;
  const gateway = merge(ourGateway(), {
    bindifaddr: outer === 4 ? `${OURS.address4}/16` : `${OURS.address6}/64`,
    apilistenport: wish.apilistenport ?? 0,
    ikeconf: ikeconf(wish, 0),
  });
  return merge(gateway, wish.setup ?? {});
}

/** The section `ikeconf` for a site; 0 is our site. */
function ikeconf(wish: TunnelWish, side: 0 | 1): Setup {
  const [own, peer] = selectors(wish, side);
  const child = {
    encalg: ["aes-gcm-16:128"],
    ownts: [{ startaddr: own, endaddr: own }],
    peerts: [{ startaddr: peer, endaddr: peer }],
    tunnelmode: !wish.transport,
    ...wish.child,
  };
  const ids = side === 0 ? { myid: OUR_ID } : {};
  const datapath = side === 0 ? wish.dataPath ?? "kernel" : "kernel";
  return { installfastpath: true, datapath, ...ids, ...wish.ikeconf, childlist: [child] };
}

/** The own and the peer's address inside the tunnel as a site sees them; 0 is our site. */
export function selectors(
  { outer = 4, inner = 4, transport }: TunnelWish,
  side: 0 | 1,
): Tunnel["ends"] {
  const [ours, theirs] = transport
    ? (outer === 4 ? [OURS.address4, THEIRS.address4] : [OURS.address6, THEIRS.address6])
    : INNER[inner];
  return side === 0 ? [ours, theirs] : [theirs, ours];
}

function connectionOf(wish: TunnelWish): string {
  const { outer = 4, transport, proposal = "aes128gcm16", childExtra = "", extra } = wish;
  const [local, remote] = selectors(wish, 1);
  const bits = local.includes(":") ? 128 : 32;
  return connection({
    localAddress: outer === 4 ? THEIRS.address4 : THEIRS.address6,
    remoteAddress: wish.peerSeen ?? (outer === 4 ? OURS.address4 : OURS.address6),
    localTs: `${local}/${bits}`,
    remoteTs: `${remote}/${bits}`,
    espProposals: proposal,
    childExtra: `${transport ? "mode = transport" : ""}\n${childExtra}`,
    ...(extra === undefined ? {} : { extra }),
  });
}

/** Waits until the data paths of both sites have the CHILD_SA. */
export async function untilInstalled(
  lab: Lab,
  ours: Ours,
  { dataPath }: TunnelWish,
): Promise<void> {
  await until("both ends' states", 20_000, async () => {
    ours.mustRun();
    if (dataPath === "userland") {
      const routes = await kernelSays(lab.ours, "route", "show", "table", "all", "proto", "233") +
        await kernelSays(lab.ours, "-6", "route", "show", "table", "all", "proto", "233");
      if (!routes.includes("dev myikev2t")) return false;
    }
    for (const site of dataPath === "userland" ? [lab.theirs] : [lab.ours, lab.theirs]) {
      const states = await kernelSays(site, "xfrm", "state");
      if ((states.match(/^\s+proto (esp|ah) spi/gm)?.length ?? 0) < 2) return false;
    }
    return true;
  });
}

/** Implements {@linkcode Tunnel.ping}. */
export async function ping(
  lab: Lab,
  [from, to]: Tunnel["ends"],
  count = 5,
  intervalS = 0.05,
): Promise<number> {
  const words = ["-q", "-n", "-c", `${count}`, "-i", `${intervalS}`, "-W", "5", "-I", from, to];
  const { stdout } = await lab.exec(lab.ours, "ping", words);
  const received = /(\d+) received/.exec(stdout)?.[1];
  assert.ok(received !== undefined, stdout);
  return Number(received);
}
