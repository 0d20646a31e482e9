/**
 * ESP in our process with ESP of a kernel: our program at both ends, and with strongSwan's kernel data path,
 * in both directions. The counters of the other end's kernel are compared.
 * @module
 */
import assert from "node:assert/strict";
import { mustRun } from "../interop/harness.ts";
import { transferBothWays } from "./iperf.ts";
import { kernelSays, type Kind, KINDS, type TunnelWish, withTunnel } from "./tunnel.ts";

const USERLAND = { dataPath: "userland" } as const;
const FORCED = {
  ikeconf: { enablenatt: true, tradtionalencapforceudp: true },
  extra: "mobike = no\n    encap = yes",
};

const ROWS: readonly (readonly [string, TunnelWish])[] = [
  ["AES-GCM-16", {}],
  ["AES-CBC with HMAC-SHA2-256-128", {
    child: { encalg: ["aes-cbc:128"], integrityalg: ["sha256"] },
    proposal: "aes128-sha256",
  }],
  ["NULL with HMAC-SHA1-96", {
    child: { encalg: ["null"], integrityalg: ["sha1-96"] },
    proposal: "null-sha1",
  }],
  ["ChaCha20-Poly1305", {
    child: { encalg: ["chacha20-poly1305"] },
    proposal: "chacha20poly1305",
  }],
  ["extended sequence numbers, AEAD", { child: { esn: true }, proposal: "aes128gcm16-esn" }],
  ["extended sequence numbers, not AEAD", {
    child: { esn: true, encalg: ["aes-cbc:256"], integrityalg: ["sha512"] },
    proposal: "aes256-sha512-esn",
  }],
  ["IPv4 in a tunnel over IPv6", { outer: 6, inner: 4 }],
  ["IPv6 in a tunnel over IPv4", { outer: 4, inner: 6 }],
  ["IPv6 in a tunnel over IPv6", { outer: 6, inner: 6 }],
  ["transport mode over IPv4", { transport: true }],
  ["transport mode over IPv6", { outer: 6, transport: true }],
  ["ESP in UDP", FORCED],
  ["ESP in UDP over IPv6", { ...FORCED, outer: 6, inner: 6 }],
  ["transport mode in UDP", { ...FORCED, transport: true }],
];

/** The device passes TCP in large segments in both directions; the peer's system checks what they became. */
const TCP_ROWS: readonly (readonly [string, TunnelWish])[] = [
  ["IPv4", {}],
  ["IPv6", { inner: 6 }],
  ["transport mode", { transport: true }],
  ["ESP in UDP", FORCED],
];
const TCP_OCTETS = 4 << 20;

for (const kind of KINDS) {
  for (const [name, wish] of ROWS) {
    Deno.test(`userland, ${kind}: ${name}`, async () => {
      await withTunnel(kind, { ...wish, ...USERLAND }, async ({ lab, ours, ping }) => {
        assert.equal(await ping(), 5);
        const states = await kernelSays(lab.theirs, "-s", "xfrm", "state");
        assert.equal(states.match(/\(bytes\), 5\(packets\)/g)?.length, 2, states);
        if (wish.child?.esn) assert.equal(states.match(/flag .*esn/g)?.length, 2, states);
        if (wish.transport) assert.match(states, /mode transport/);
        if (wish.ikeconf) assert.match(states, /encap type espinudp/);
        await ours.stop();
        assert.doesNotMatch(await kernelSays(lab.ours, "rule"), /330/);
        assert.doesNotMatch(await kernelSays(lab.ours, "link"), /myikev2t/);
        assert.equal(await ownRoutes(lab.ours), "");
      });
    });
  }

  for (const [name, wish] of TCP_ROWS) {
    Deno.test(`userland, ${kind}: TCP both ways, ${name}`, async () => {
      await withTunnel(kind, { ...wish, ...USERLAND }, async ({ lab, ends }) => {
        const { there, back, damaged } = await transferBothWays(lab, ends, TCP_OCTETS);
        assert.deepEqual([there, back, damaged], [TCP_OCTETS, TCP_OCTETS, 0]);
      });
    });
  }

  Deno.test(`userland, ${kind}: CHILD_SAs are rekeyed again and again, and no packet is lost`, () =>
    rekeyed(kind));

  Deno.test(`userland, ${kind}: a path that became narrower is told of, and gone in fragments`, () =>
    narrowed(kind));
}

async function ownRoutes(site: Parameters<typeof kernelSays>[0]): Promise<string> {
  return await kernelSays(site, "route", "show", "table", "all", "proto", "233");
}

async function rekeyed(kind: Kind): Promise<void> {
  const child = { lifetime: "4s", pfsenabled: false };
  const ikeconf = { margintime: "2s", jitter: false };
  const childExtra = "rekey_time = 3s\n life_time = 20s\n rand_time = 0s";
  await withTunnel(kind, { child, ikeconf, childExtra, ...USERLAND }, async ({ ours, ping }) => {
    assert.equal(await ping(400, 0.02), 400);
    const { rekeys } = await ours.stop();
    assert.ok(rekeys.child >= 2, `${rekeys.child} rekeys`);
  });
}

/**
 * Sends 1300 octets to the peer over a narrower path: packets that may be fragmented are, and the senders of
 * others get the path MTU.
 */
async function narrowed(kind: Kind): Promise<void> {
  await withTunnel(kind, USERLAND, async ({ lab }) => {
    const { ours, theirs } = lab;
    for (const { namespace, interface: device } of [ours, theirs]) {
      await mustRun("ip", ["-n", namespace, "link", "set", device, "mtu", "1300"]);
    }
    const ping = (...words: string[]) =>
      lab.exec(ours, "ping", ["-n", "-W", "1", "-I", "10.2.0.1", ...words, "10.1.0.1"]);
    const cut = await ping("-c", "3", "-i", "0.1", "-M", "dont", "-s", "3000");
    assert.match(cut.stdout, / 3 received/);
    const whole = await ping("-c", "3", "-i", "0.1", "-M", "do", "-s", "1300");
    assert.match(
      whole.stdout + whole.stderr,
      /(?:Frag needed.*mtu = |message too long, mtu=)12[0-9]{2}/,
    );
    const fits = await ping("-c", "3", "-i", "0.1", "-M", "do", "-s", "1190");
    assert.match(fits.stdout, / 3 received/);
  });
}
