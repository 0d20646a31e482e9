/**
 * Tests the kernel data path with the kernel: what it adds carries packets, equals the kernel's own listing,
 * and is removed afterwards.
 * @module
 */
import assert from "node:assert/strict";
import { parseAddress } from "@/base/address.ts";
import type { SaPair } from "@/datapath/data_path.ts";
import { XfrmMessage } from "@/datapath/xfrm.ts";
import { NetlinkFamily, NetlinkSocket } from "@/native/netlink.ts";
import {
  INNER,
  install,
  OUTER,
  pairOf,
  type PairWish,
  ping,
  sh,
  type Site,
  withSites,
} from "./site.ts";

const HMAC = { encryption: 12, keyBits: 128, integrity: 12 };
const SUITES: readonly (readonly [string, PairWish])[] = [
  ["AES-GCM-16", {}],
  ["AES-GCM-8, 256 bits", { suite: { encryption: 18, keyBits: 256 }, keyOctets: 36 }],
  ["AES-CBC, HMAC-SHA2-256-128", { suite: HMAC, keyOctets: 16, integrityOctets: 32 }],
  ["3DES, HMAC-SHA1-96", {
    suite: { encryption: 3, keyBits: 0, integrity: 2 },
    keyOctets: 24,
    integrityOctets: 20,
  }],
  ["ChaCha20-Poly1305", { suite: { encryption: 28, keyBits: 0 }, keyOctets: 36 }],
  ["AES-CTR, HMAC-SHA2-512-256", {
    suite: { encryption: 13, integrity: 14 },
    keyOctets: 20,
    integrityOctets: 64,
  }],
  ["AES-CCM-16", { suite: { encryption: 16 }, keyOctets: 19 }],
  ["NULL, HMAC-SHA2-384-192", {
    suite: { encryption: 11, keyBits: 0, integrity: 13 },
    keyOctets: 0,
    integrityOctets: 48,
  }],
  ["AES-GCM-16 with extended sequence numbers", { suite: { esn: true } }],
  ["AH, HMAC-SHA2-256-128", {
    suite: { protocol: 2, encryption: 0, keyBits: 0, integrity: 12 },
    keyOctets: 0,
    integrityOctets: 32,
  }],
];

for (const [name, wish] of SUITES) {
  Deno.test(`packets pass by ${name}, and both ends count them`, async () => {
    await withSites(async (left, right) => {
      const pair = pairOf(wish);
      install(left, right, pair);
      assert.deepEqual([left.told, right.told], [[], []]);
      for (const [site, { spiIn }] of [[left, pair[0]], [right, pair[1]]] as const) {
        assert.equal(site.path.silenceMs(spiIn), undefined, "nothing has come yet");
      }
      assert.equal(await ping(left, INNER[4][0], INNER[4][1]), 3);
      assert.equal(left.path.counters(pair[0].spiIn)!.packetsOut, 3);
      assert.equal(right.path.counters(pair[1].spiIn)!.packetsIn, 3);
      // Requests came to one end and replies to the other: both have heard a sign of life.
      for (const [site, { spiIn }] of [[left, pair[0]], [right, pair[1]]] as const) {
        const silenceMs = site.path.silenceMs(spiIn);
        assert.ok(silenceMs !== undefined && silenceMs >= 0 && silenceMs < 60_000, `${silenceMs}`);
      }
    });
  });
}

for (const outer of [4, 6] as const) {
  for (const inner of [4, 6] as const) {
    Deno.test(`IPv${inner} in a tunnel over IPv${outer}`, async () => {
      await withSites(async (left, right) => {
        install(left, right, pairOf({ outer, inner }));
        assert.equal(await ping(left, INNER[inner][0], INNER[inner][1]), 3);
      });
    });
  }
  Deno.test(`transport mode over IPv${outer}`, async () => {
    await withSites(async (left, right) => {
      const pair = pairOf({ outer, tunnelMode: false });
      install(left, right, pair);
      assert.equal(await ping(left, OUTER[outer][0], OUTER[outer][1]), 3);
      assert.ok(left.path.counters(pair[0].spiIn)!.packetsIn >= 3);
    });
  });
}

Deno.test("the kernel lists what was asked for", async () => {
  await withSites(async (left, right) => {
    install(left, right, pairOf({ suite: { esn: true } }));
    const states = await sh(`ip -n ${left.namespace} xfrm state`);
    assert.match(states, /proto esp spi 0x00002001 reqid 16777217 mode tunnel/);
    assert.match(states, /replay_window 256, bitmap-length 8/);
    assert.match(states, /flag af-unspec esn/);
    const policies = await sh(`ip -n ${left.namespace} xfrm policy`);
    for (const direction of ["out", "in", "fwd"]) {
      assert.match(policies, new RegExp(`dir ${direction} priority \\d+`));
    }
    assert.match(await sh(`ip -n ${left.namespace} route show table 330`), /10\.98\.2\.1 dev eth0/);
    assert.match(await sh(`ip -n ${left.namespace} rule`), /330:\tfrom all lookup 330/);
  });
});

Deno.test("the kernel sends nothing past the last sequence number, and asks for a rekey before", async () => {
  for (const esn of [false, true]) {
    await withSites(async (left, right) => {
      install(left, right, pairOf({ suite: { esn } }));
      const states = await sh(`ip -s -n ${left.namespace} xfrm state`);
      const limits: readonly string[] =
        states.match(/limit: soft .*\(packets\), hard .*\(packets\)/g) ?? [];
      const own = esn
        ? "limit: soft (INF)(packets), hard (INF)(packets)"
        : "limit: soft 4278190080(packets), hard 4294967295(packets)";
      assert.ok(limits.includes(own), limits.join("\n"));
    });
  }
});

Deno.test("a rekey loses nothing, and the old states go", async () => {
  await withSites(async (left, right) => {
    const [a, b] = pairOf();
    const [c, d] = pairOf({ number: 2 });
    install(left, right, [a, b]);
    const pinging = ping(left, INNER[4][0], INNER[4][1], 60);
    for (const [i, [site, now, old]] of ([[left, c, a], [right, d, b]] as const).entries()) {
      await new Promise((resolve) => setTimeout(resolve, 400));
      // Both ends accept packets of the new pair before either sends by it.
      if (i === 0) {
        for (const [s, p] of [[left, c], [right, d]] as const) {
          s.path.installIn(p);
          s.path.flush();
        }
      }
      site.path.installOut(now);
      site.path.flush();
      void old;
    }
    await new Promise((resolve) => setTimeout(resolve, 400));
    left.path.uninstall(a.spiIn);
    left.path.flush();
    right.path.uninstall(b.spiIn);
    right.path.flush();
    assert.equal(await pinging, 60);
    const states = await sh(`ip -n ${left.namespace} xfrm state`);
    assert.equal(states.match(/proto esp/g)?.length, 2);
    assert.ok(left.path.counters(c.spiIn)!.packetsOut > 10);
    assert.deepEqual([left.told, right.told], [[], []]);
  });
});

Deno.test("a moved pair goes on where its sequence numbers stood", async () => {
  await withSites(async (left, right) => {
    const [a, b] = pairOf();
    install(left, right, [a, b]);
    assert.equal(await ping(left, INNER[4][0], INNER[4][1]), 3);
    await sh(`ip -n ${left.namespace} addr add 10.99.0.7/24 dev eth0`);
    const ownAddress = Uint8Array.of(10, 99, 0, 7);
    right.path.move(b.spiIn, { ...b.path, peerAddress: ownAddress }, "none");
    left.path.move(a.spiIn, { ...a.path, ownAddress }, "none");
    assert.equal(await ping(left, INNER[4][0], INNER[4][1]), 3);
    const states = await sh(`ip -n ${left.namespace} xfrm state`);
    assert.match(states, /src 10\.99\.0\.7 dst 10\.99\.0\.2/);
    assert.match(states, /oseq 0x6/);
    assert.deepEqual([left.told, right.told], [[], []]);
  });
});

/** The left site moves to its second address and back, and the right one follows. */
function moveBoth(
  [left, right]: readonly [Site, Site],
  [a, b]: readonly [SaPair, SaPair],
  own: string,
): void {
  const ownAddress = parseAddress(own)!;
  right.path.move(b.spiIn, { ...b.path, peerAddress: ownAddress }, "none");
  left.path.move(a.spiIn, { ...a.path, ownAddress }, "none");
}

const SECOND = "10.99.0.7";
/** The bits of the groups that are told of changed states and policies (XFRMNLGRP_SA, XFRMNLGRP_POLICY). */
const GROUP_STATES = 1 << 2;
const GROUP_POLICIES = 1 << 3;

Deno.test("where the kernel moves no states, they are replaced: numbers go on, and no policy is ever lost", async () => {
  const unknown = new Set<number>([XfrmMessage.MIGRATE_STATE]);
  await withSites(async (left, right) => {
    const pair = pairOf();
    install(left, right, pair);
    await sh(`ip -n ${left.namespace} addr add ${SECOND}/24 dev eth0`);
    const { shim } = left;
    const notices = new NetlinkSocket(shim, {
      family: NetlinkFamily.XFRM,
      groups: GROUP_STATES | GROUP_POLICIES,
      namespacePath: `/run/netns/${left.namespace}`,
    });
    const moves = 6;
    for (let i = 0; i < moves; i++) {
      moveBoth([left, right], pair, i % 2 === 0 ? SECOND : OUTER[4][0]);
      assert.equal(await ping(left, INNER[4][0], INNER[4][1], 2), 2, `move ${i + 1}`);
    }
    const { messages, lost } = notices.events();
    notices.close();
    const count = (type: number) => messages.filter((message) => message.type === type).length;
    const { UPDATE_POLICY, DELETE_POLICY, NEW_SA, DELETE_SA } = XfrmMessage;
    assert.deepEqual(
      [lost, count(UPDATE_POLICY), count(DELETE_POLICY), count(NEW_SA), count(DELETE_SA)],
      [false, 3 * moves, 0, 2 * moves, 2 * moves],
    );
    const states = await sh(`ip -n ${left.namespace} xfrm state`);
    const sent = Math.max(...[...states.matchAll(/oseq (0x[0-9a-f]+)/g)].map(([, n]) => Number(n)));
    assert.ok(sent > moves * 2 ** 16, `the last number is ${sent}`);
    assert.deepEqual([left.told, right.told], [[], []]);
  }, unknown);
});

Deno.test("a pair ends if its numbers cannot be read: they would be used again at the new address", async () => {
  const unknown = new Set<number>([XfrmMessage.MIGRATE_STATE]);
  await withSites(async (left, right) => {
    const [a, b] = pairOf();
    install(left, right, [a, b]);
    assert.equal(await ping(left, INNER[4][0], INNER[4][1]), 3);
    await sh(`ip -n ${left.namespace} addr add ${SECOND}/24 dev eth0`);
    unknown.add(XfrmMessage.GET_SA);
    left.path.move(a.spiIn, { ...a.path, ownAddress: parseAddress(SECOND)! }, "none");
    assert.match(left.told.join(), /^refused 4097: The kernel does not tell the sequence numbers/);
    assert.equal(await sh(`ip -n ${left.namespace} xfrm state`), "");
    assert.doesNotMatch(await sh(`ip -n ${left.namespace} xfrm policy`), /tmpl/);
    assert.equal(left.path.counters(a.spiIn), undefined);
  }, unknown);
});

Deno.test("a packet without an SA is told, with the chain of rekeyed CHILD_SAs it belongs to", async () => {
  await withSites(async (left) => {
    const [a] = pairOf({ rekeyChain: 7 });
    // Only the policy is left, as the state was removed by somebody else.
    left.path.installOut(a);
    left.path.flush();
    await sh(`ip -n ${left.namespace} xfrm state flush`);
    await ping(left, INNER[4][0], INNER[4][1], 1);
    assert.ok(left.told.includes("acquired 7"), left.told.join());
  });
});

Deno.test("a pair that the kernel refuses leaves nothing behind", async () => {
  await withSites(async (left, right) => {
    const [a] = pairOf({ keyOctets: 3 });
    left.path.installIn(a);
    left.path.installOut(a);
    left.path.flush();
    assert.match(left.told.join(), /refused 4097: The kernel refuses the inbound state: EINVAL/);
    left.path.flush();
    assert.equal(await sh(`ip -n ${left.namespace} xfrm state`), "");
    // The policies that let IKE pass belong to no pair.
    assert.doesNotMatch(await sh(`ip -n ${left.namespace} xfrm policy`), /tmpl/);
    void right;
  });
});

Deno.test("a kernel without IP-TFS is named, with what it lacks", async () => {
  // deno-lint-ignore require-await
  await withSites(async (left) => {
    const [a] = pairOf();
    const aggfrag = { fragments: true, payloadOctets: 0, rate: 0 };
    left.path.installIn(Object.assign({}, a, { aggfrag }));
    left.path.flush();
    const words =
      /refuses the inbound state of IP-TFS \(it needs Linux 6\.14 with CONFIG_XFRM_IPTFS/;
    assert.match(left.told.join(), words);
  }, new Set([XfrmMessage.NEW_SA]));
});

Deno.test("what was put in is taken out, and nothing else", async () => {
  await withSites(async (left, right) => {
    const foreign =
      `ip -n ${left.namespace} xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp ` +
      "spi 0x99 reqid 5 mode tunnel aead 'rfc4106(gcm(aes))' " +
      "0x0102030405060708090a0b0c0d0e0f1011121314 128";
    await sh(foreign);
    await sh(`ip -n ${left.namespace} route add 203.0.113.0/24 dev eth0 table 330`);
    install(left, right, pairOf());
    install(left, right, pairOf({ number: 2, rekeyChain: 2 }));
    left.path.addInnerAddress({ address: Uint8Array.of(10, 97, 0, 1), bits: 32 });
    assert.match(await sh(`ip -n ${left.namespace} addr show dev lo`), /10\.97\.0\.1\/32/);
    await left.path.close();
    const states = await sh(`ip -n ${left.namespace} xfrm state`);
    assert.equal(states.match(/proto esp/g)?.length, 1);
    assert.equal(await sh(`ip -n ${left.namespace} xfrm policy`), "");
    const routes = await sh(`ip -n ${left.namespace} route show table 330`);
    assert.equal(routes.trim(), "203.0.113.0/24 dev eth0 scope link");
    assert.doesNotMatch(await sh(`ip -n ${left.namespace} rule`), /330/);
    assert.doesNotMatch(await sh(`ip -n ${left.namespace} addr show dev lo`), /10\.97\.0\.1/);
  });
});
