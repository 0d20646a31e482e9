/**
 * Tests rules of ESP in our process that only another end shows: which fields of the inner header are copied
 * to the outer one and back (RFC 4301 §5.1.2, RFC 6040 §4), TFC padding and dummy packets of a peer (RFC 4303
 * §2.6, §2.7), packets outside of the selectors (RFC 4301 §5.2), and a narrower link on the path (RFC 4301
 * §8.2). The other end's kernel has ESP of its own.
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createCipheriv } from "node:crypto";
import { delay, type Lab } from "../interop/harness.ts";
import type { Ours } from "../interop/ours.ts";
import { captured, tunDevice } from "./capture.ts";
import { putRouter, type Router } from "./router.ts";
import {
  INNER,
  kernelSays,
  type Kind,
  type Tunnel,
  type TunnelWish,
  withTunnel,
} from "./tunnel.ts";

const USERLAND = { dataPath: "userland" } as const;
const FORCED = {
  ikeconf: { enablenatt: true, tradtionalencapforceudp: true },
  extra: "mobike = no\n    encap = yes",
};
const KINDS: readonly Kind[] = ["ours → strongSwan", "strongSwan → ours"];

/** How tcpdump and nft describe the outer packets of a tunnel. */
const WAYS: Readonly<Record<string, { wish: TunnelWish; dump: string; nft: string }>> = {
  "ESP over IPv4": { wish: {}, dump: "esp", nft: "ip protocol esp ip ecn set ce" },
  "ESP over IPv6": {
    wish: { outer: 6, inner: 6 },
    dump: "ip6 proto 50",
    // Version, class and 4 bits of the flow label, as not every nft sets `ip6 ecn`.
    nft: "meta l4proto esp @nh,0,16 set 0x6230",
  },
  "ESP in UDP": { wish: FORCED, dump: "udp port 4500", nft: "udp dport 4500 ip ecn set ce" },
};

for (const [name, { wish, dump, nft }] of Object.entries(WAYS)) {
  Deno.test(`userland, ${name}: DSCP and ECN go with the packet, its hop limit stays`, () =>
    withTunnel("ours → strongSwan", { ...wish, ...USERLAND }, async (tunnel) => {
      await leaves(tunnel, dump);
      await comes(tunnel, nft);
    }));
}

/** Runs `ping` at a site from its end of the tunnel; returns how many came back. */
async function pingAt({ lab, ends }: Tunnel, who: "ours" | "theirs", words: readonly string[]) {
  const [from, to] = who === "ours" ? ends : ends.toReversed();
  const all = ["-q", "-n", "-c", "3", "-i", "0.1", "-W", "1", "-I", from!, ...words, to!];
  const { stdout, stderr } = await lab.exec(lab[who], "ping", all);
  const received = /(\d+) received/.exec(stdout)?.[1];
  assert.ok(received !== undefined, stdout + stderr);
  return Number(received);
}

/** Ends our test; returns its counters of dropped packets. */
async function dropped(ours: Ours): Promise<Readonly<Record<string, number>>> {
  const { packets } = await ours.stop();
  assert.ok(packets);
  // The device sends router solicitations by itself, for which there is no tunnel.
  const { noSa: _, ...drops } = packets.drops;
  return drops;
}

/** Traffic class and hop limit of packets in tcpdump's output; 0 if it shows no class. */
function headers(lines: readonly string[]): string[] {
  return lines.map((line) => {
    const [, tos] = /\b(?:tos|class) (0x[0-9a-f]+)/.exec(line) ?? [];
    const [, limit] = /\b(?:ttl|hlim) (\d+)/.exec(line) ?? [];
    return `${Number(tos ?? 0)} ${limit}`;
  });
}

/** Sends packets with EF, ECT(0) and a hop limit; the outer packet has the hop limit of a new packet. */
async function leaves(tunnel: Tunnel, dump: string): Promise<void> {
  const { lab, ends } = tunnel;
  const { theirs } = lab;
  const device = theirs.interface;
  const inner = `host ${ends[1]} and src ${ends[0]}`;
  const source = tunnel.ends[0].includes(":") ? lab.ours.address6 : lab.ours.address4;
  const filter = `(${dump} and src ${source}) or (${inner})`;
  const lines = await captured(lab, { site: theirs, device, filter }, async () => {
    assert.equal(await pingAt(tunnel, "ours", ["-Q", "0xba", "-t", "33"]), 3);
  });
  const [opened, sealed] = [true, false].map((isInner) =>
    headers(lines.filter((line) => line.includes(`${ends[0]} > `) === isInner))
  );
  assert.deepEqual(sealed, ["186 64", "186 64", "186 64"], lines.join("\n"));
  assert.deepEqual(opened, ["186 33", "186 33", "186 33"], lines.join("\n"));
}

/**
 * Checks that congestion on the path is copied to the inner packet, or drops it if its ends do not support
 * ECN.
 */
async function comes(tunnel: Tunnel, nft: string): Promise<void> {
  const { lab, ours, ends } = tunnel;
  const site = lab.ours;
  const device = await tunDevice(site);
  const family = ends[0].includes(":") ? "ip6" : "ip";
  const chain = `chain in { type filter hook prerouting priority -300; ${nft}\n }`;
  await lab.exec(site, "nft", ["-f", "-"], `table ${family} congested { ${chain}\n }\n`)
    .then(({ code, stderr }) => assert.equal(code, 0, stderr));
  const filter = `src ${ends[1]} and dst ${ends[0]}`;
  const lines = await captured(lab, { site, device, filter }, async () => {
    await pingAt(tunnel, "theirs", ["-Q", "0x22", "-t", "33"]);
    assert.equal(await pingAt(tunnel, "theirs", ["-Q", "0x20", "-t", "33"]), 0);
  });
  assert.deepEqual(headers(lines), ["35 33", "35 33", "35 33"], lines.join("\n"));
  assert.deepEqual(await dropped(ours), { congestion: 3 });
}

for (const kind of KINDS) {
  Deno.test(`userland, ${kind}: a kernel's dummy packets of transport mode are counted`, async () => {
    await withTunnel(kind, { ...USERLAND, transport: true }, async (tunnel) => {
      const { lab, ours, ends, ping } = tunnel;
      const device = await tunDevice(lab.ours);
      const where = { site: lab.ours, device, filter: "ip proto 59" };
      const lines = await captured(lab, where, async () => {
        const { code, stderr } = await lab.exec(lab.theirs, "python3", ["-c", DUMMIES, ends[0]]);
        assert.equal(code, 0, stderr);
        assert.equal(await ping(), 5);
      });
      assert.deepEqual(lines, []);
      const states = await kernelSays(lab.theirs, "-s", "xfrm", "state");
      assert.match(states, /, 8\(packets\)/, "the dummy packets went by ESP");
      assert.deepEqual(await dropped(ours), { dummy: 3 });
    });
  });

  Deno.test(`userland, ${kind}: what a peer sends outside the selectors is dropped`, () =>
    withTunnel(kind, USERLAND, outside));
}

/** Sends three packets without a next header from a raw socket. */
const DUMMIES = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 59)
for n in range(3):
    s.sendto(b"x" * (10 + n), (sys.argv[1], 0))
`;

/** Makes the peer's kernel send more by the SA than was negotiated: from and to another address. */
async function outside(tunnel: Tunnel): Promise<void> {
  const { lab, ours, ping } = tunnel;
  const { theirs } = lab;
  const [own, peer] = INNER[4];
  assert.equal(await ping(), 5);
  const states = await kernelSays(theirs, "xfrm", "state");
  const out = `src ${theirs.address4} dst ${lab.ours.address4}`;
  const reqid = new RegExp(`^${out}\\s+proto esp spi \\S+ reqid (\\d+)`, "m").exec(states)?.[1];
  assert.ok(reqid, states);
  const other = { own: "10.2.0.9", peer: "10.1.0.9" };
  await kernelSays(theirs, "addr", "add", `${other.peer}/32`, "dev", "lo");
  await kernelSays(theirs, "route", "add", `${other.own}/32`, "dev", theirs.interface);
  await kernelSays(lab.ours, "addr", "add", `${other.own}/32`, "dev", "lo");
  const pairs = [[other.peer, own], [peer, other.own]] as const;
  for (const [from, to] of pairs) {
    const policy = `src ${from}/32 dst ${to}/32 dir out tmpl ${out} proto esp reqid ${reqid}`;
    await kernelSays(theirs, "xfrm", "policy", "add", ...policy.split(" "), "mode", "tunnel");
  }
  const where = { site: lab.ours, device: await tunDevice(lab.ours), filter: "icmp" };
  const lines = await captured(lab, where, async () => {
    for (const [from, to] of pairs) {
      const words = ["-q", "-n", "-c", "3", "-i", "0.1", "-W", "1", "-I", from, to];
      assert.match((await lab.exec(theirs, "ping", words)).stdout, / 0 received/);
    }
  });
  assert.deepEqual(lines, []);
  assert.equal(await ping(), 5);
  assert.deepEqual(await dropped(ours), { wrongSelectors: 6 });
}

/** An MTU in octets that our device has itself, and no tunnel then has. */
const NARROW = 1400;

/** Tunnels with ESP in the process, and how they are encapsulated. */
const ROUTED: readonly (readonly [string, Kind, TunnelWish])[] = [
  ["ours → strongSwan, ESP", "ours → strongSwan", {}],
  ["strongSwan → ours, ESP", "strongSwan → ours", {}],
  ["ours → strongSwan, ESP over IPv6", "ours → strongSwan", { outer: 6, inner: 6 }],
  ["ours → strongSwan, ESP in UDP", "ours → strongSwan", FORCED],
];

for (const [name, kind, wish] of ROUTED) {
  Deno.test(`userland, ${name}: a router says that its next link is narrower`, async () => {
    let router: Router | undefined;
    const before = async (lab: Lab) => void (router = await putRouter(lab));
    try {
      await withTunnel(
        kind,
        { ...wish, ...USERLAND, before },
        (tunnel) => narrower(tunnel, router!),
      );
    } finally {
      await router?.close();
    }
  });
}

/** Our own device is as wide as before, so that only ICMP tells, and the sender inside is informed. */
async function narrower(tunnel: Tunnel, router: Router): Promise<void> {
  const { lab, ends } = tunnel;
  const isV6 = ends[0].includes(":");
  const header = isV6 ? 48 : 28;
  const ping = async (count: number, octets: number, ...words: string[]) => {
    const all = ["-n", "-c", `${count}`, "-i", "0.3", "-W", "1", "-s", `${octets - header}`];
    const { stdout, stderr } = await lab.exec(lab.ours, "ping", [...all, ...words, ends[1]]);
    return stdout + stderr;
  };
  const from = ["-I", ends[0]];
  const whole = [...from, "-M", "do"];
  assert.match(await ping(2, NARROW, ...whole), / 2 received/, "while the way is wide");
  await router.narrow(NARROW);
  const told = await ping(8, NARROW, ...whole);
  const [, mtu] = /(?:Frag needed.*mtu = |Packet too big: mtu=|message too long, mtu[=:] ?)(\d+)/
    .exec(told) ?? [];
  assert.ok(mtu, told);
  assert.ok(Number(mtu) < NARROW - 20 && 1280 < Number(mtu), told);
  assert.match(await ping(3, Number(mtu), ...whole), / 3 received/);
  assert.match(await ping(3, 3_000, ...from, "-M", "dont"), / 3 received/);
}

for (const kind of KINDS) {
  Deno.test(`userland, ${kind}: TFC padding is taken off, and dummy packets go no further`, () =>
    withTunnel(kind, USERLAND, padded));
}

/** Sends packets in hex as ESP; each is an argument after the address. */
const SEALED = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 50)
for packet in sys.argv[2:]:
    s.sendto(bytes.fromhex(packet), (sys.argv[1], 0))
`;

/**
 * As the peer's kernel makes neither, its keys and SPI are used to make such packets, each with its number.
 */
async function padded(tunnel: Tunnel): Promise<void> {
  const { lab, ours, ping } = tunnel;
  const { theirs } = lab;
  assert.equal(await ping(), 5);
  const seal = await sealer(tunnel);
  const echo = echoRequest();
  const padding = new Uint8Array(900);
  const packets = [
    seal(1000, Buffer.concat([echo, padding]), 4),
    seal(1001, padding, 59),
    seal(1002, echo, 4),
    seal(1003, new Uint8Array(0), 59),
  ].map((packet) => packet.toString("hex"));
  const where = { site: lab.ours, device: await tunDevice(lab.ours), filter: "icmp" };
  const lines = await captured(lab, where, async () => {
    const words = ["-c", SEALED, lab.ours.address4, ...packets];
    const { code, stderr } = await lab.exec(theirs, "python3", words);
    assert.equal(code, 0, stderr);
    await delay(500);
  });
  const told = lines.map((line) =>
    /length (\d+)\) .*ICMP echo (\w+)/.exec(line)?.slice(1).join(" ")
  );
  assert.deepEqual(told.sort(), ["28 reply", "28 reply", "28 request", "28 request"]);
  const states = await kernelSays(theirs, "-s", "xfrm", "state");
  assert.match(states, /, 7\(packets\)/, "both replies went back by ESP");
  assert.deepEqual(await dropped(ours), { dummy: 2 });
}

/** Seals plaintexts like their kernel (RFC 4303 §2, RFC 4106), with the least padding except for TFC. */
async function sealer({ lab }: Tunnel) {
  const states = await kernelSays(lab.theirs, "xfrm", "state");
  const pattern = /^src 10\.77\.0\.1 dst[^]*?proto esp spi 0x(\w{8})[^]*?aead \S+ 0x(\w{40}) 128/m;
  const [, spi, keys] = pattern.exec(states) ?? [];
  assert.ok(spi && keys, states);
  return (sequence: number, clear: Uint8Array, nextHeader: number) => {
    const header = Buffer.from(spi + sequence.toString(16).padStart(8, "0"), "hex");
    const iv = Buffer.from(sequence.toString(16).padStart(16, "f"), "hex");
    const pad = (4 - (clear.length + 2) % 4) % 4;
    const trailer = [...[1, 2, 3].slice(0, pad), pad, nextHeader];
    const [key, salt] = [Buffer.from(keys.slice(0, 32), "hex"), Buffer.from(keys.slice(32), "hex")];
    const cipher = createCipheriv("aes-128-gcm", key, Buffer.concat([salt, iv])).setAAD(header);
    const sealed = [cipher.update(clear), cipher.update(Uint8Array.from(trailer)), cipher.final()];
    return Buffer.concat([header, iv, ...sealed, cipher.getAuthTag()]);
  };
}

/** An echo request of 28 octets from their end of the tunnel to ours, with valid checksums. */
function echoRequest(): Uint8Array {
  const icmp = [8, 0, 0xf7, 0xfe, 0, 1, 0, 0];
  const ip = [0x45, 0, 0, 28, 0, 1, 0, 0, 64, 1, 0, 0, 10, 1, 0, 1, 10, 2, 0, 1];
  let sum = 0;
  for (let i = 0; i < ip.length; i += 2) sum += ip[i]! << 8 | ip[i + 1]!;
  sum = ~(sum % 0xffff) & 0xffff;
  return Uint8Array.from([...ip.with(10, sum >> 8).with(11, sum & 255), ...icmp]);
}
