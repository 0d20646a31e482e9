/**
 * Rows with libreswan about setting up a tunnel: suites, proposals, addresses, selectors, modes, and
 * refusals. Every row with a tunnel compares the keys of both ends.
 * @module
 */
import { child, OUR_ID, ourClient, ourGateway, OURS, THEIR_ID, THEIRS } from "./ends.ts";
import { type Conn, conn, type LibreswanRow, type LibreswanRun } from "./libreswan_row.ts";
import { merge, type Setup } from "./ours.ts";
import { expect } from "./row.ts";
import { MODERN, PLAIN, showSuite, type Suite, SUITES } from "./suites.ts";

/** A tunnel that two rows establish, each initiated by another end. */
export interface Pair {
  readonly suite?: Suite;
  /** Options that are added to our setup in either role. */
  readonly setup?: Setup;
  readonly client?: Setup;
  readonly gateway?: Setup;
  readonly theirs?: Conn;
  readonly refused?: RegExp;
  /** Further lines of ipsec.secrets. */
  readonly secrets?: readonly string[];
  readonly before?: (run: LibreswanRun) => Promise<void>;
  /** The check after the tunnel is up; by default {@linkcode LibreswanRun.wholeLife}. */
  readonly check?: (run: LibreswanRun) => Promise<void>;
}

/** Both rows of a pair. If libreswan initiates, the row waits until its CHILD_SA is up. */
export function bothWays(name: string, pair: Pair): LibreswanRow[] {
  const { suite = PLAIN, setup = {}, theirs = {}, refused, before, secrets } = pair;
  const check = pair.check ?? ((run: LibreswanRun) => run.wholeLife());
  const both = {
    name,
    conf: conn({ suite, ...theirs }),
    ...(refused ? { refused } : {}),
    ...(secrets ? { secrets } : {}),
  };
  const first = before ? { before } : {};
  return [
    {
      ...both,
      ...first,
      direction: "ours → libreswan",
      setup: ourClient(merge(setup, pair.client ?? {}), suite),
      check,
    },
    {
      ...both,
      ...first,
      direction: "libreswan → ours",
      setup: ourGateway(merge(setup, pair.gateway ?? {}), suite),
      check: async (run) => {
        await run.pluto.initiate("net");
        await check(run);
      },
    },
  ];
}

/**
 * A pattern for what libreswan does not offer: some groups, AES-CCM in IKE, and a PRF that differs from the
 * integrity algorithm.
 */
function notInLibreswan(suite: Suite): RegExp | undefined {
  if (suite.encryption.startsWith("aes-ccm")) return /IKE encryption algorithm .* is not supported/;
  if (suite.integrity === "aes-cmac") return /IKE PRF algorithm 'aes_cmac' is not recognized/;
  const missing = [1, 2, 27, 28, 29, 30, 32].includes(suite.group);
  const apart = suite.integrity !== "" && suite.integrity.replace(/-96$/, "") !== suite.prf;
  return missing || apart ? /IKE DH algorithm '\w+' is not recognized/ : undefined;
}

function suiteRows(suite: Suite): LibreswanRow[] {
  const refused = notInLibreswan(suite);
  return bothWays(`psk ${showSuite(suite)}`, { suite, ...(refused ? { refused } : {}) });
}

/**
 * Rows with the usual CHILD_SA in an IKE SA of another suite, for the ESP algorithms of suites that are
 * `refused`.
 */
function espRows(espEncryption: string, espIntegrity: string): LibreswanRow[] {
  const suite = { ...MODERN, espEncryption, espIntegrity };
  return bothWays(`psk ${showSuite(suite)}`, { suite });
}

const several = bothWays("several proposals, AEAD apart from others", {
  setup: {
    ikeconf: {
      ikeencyptalg: ["aes-gcm-16:256", "aes-cbc:256", "aes-cbc:128"],
      ikeintegrityalg: ["sha512", "sha256"],
      ikeprfalg: ["sha512", "sha256"],
      dhgrpid: [31, 14],
      childlist: [child(PLAIN, {
        encalg: ["chacha20-poly1305", "aes-cbc:256", "aes-cbc:128"],
        integrityalg: ["sha512", "sha256"],
      })],
    },
  },
  theirs: {
    ike: "chacha20_poly1305-sha2_256-dh20,aes128-sha2_256-dh31",
    esp: "aes_gcm_c_128-null,aes128-sha1+sha2_256",
  },
});

const invalidKe = bothWays("INVALID_KE_PAYLOAD and the second try", {
  setup: { ikeconf: { dhgrpid: [19, 14] } },
  theirs: { ike: "aes128-sha2_256-dh20+dh14", extra: ["send-vendorid=yes"] },
  check: async (run) => {
    expect(await run.peerLogged(/INVALID_KE_PAYLOAD/) > 0, "INVALID_KE_PAYLOAD was not said");
    await run.wholeLife();
    const ids = Object.keys((await run.ours.stop()).vendorIds);
    expect(ids.some((id) => id.includes('"OE-Libreswan-')), `The Vendor IDs are ${ids}`);
  },
});

const identities: LibreswanRow[] = [
  ...bothWays("identity e-mail address", {
    setup: { ikeconf: { myid: "tester@interop.test" } },
    theirs: { remoteId: "tester@interop.test" },
  }),
  ...bothWays("identity IPv4 address", {
    setup: { ikeconf: { myid: "192.0.2.7" } },
    theirs: { remoteId: "192.0.2.7" },
  }),
];

const narrowing = bothWays("traffic selectors narrowed by the responder", {
  client: {
    ikeconf: {
      childlist: [child(PLAIN, { peerts: [{ startaddr: "10.0.0.0", endaddr: "10.255.255.255" }] })],
    },
  },
  theirs: { remoteTs: "10.2.0.0/16", extra: ["narrowing=yes"] },
  gateway: {
    ikeconf: {
      childlist: [child(PLAIN, { ownts: [{ startaddr: "10.2.9.0", endaddr: "10.2.9.255" }] })],
    },
  },
  check: async (run) => {
    await run.established();
    const log = await run.pluto.log();
    const [, local, remote] =
      /established Child SA .*? \[([\d.-]+):.*?\] -> \[([\d.-]+):.*?\]/.exec(log) ?? [];
    const weInitiated = /responder established/.test(log);
    const wanted = weInitiated ? "10.2.0.0-10.2.255.255" : "10.2.9.0-10.2.9.255";
    expect(local === "10.1.0.0-10.1.255.255", `libreswan's own selector is ${local}`);
    expect(remote === wanted, `libreswan's selector of ours is ${remote}`);
    await run.wholeLife();
  },
});

const portSelectors = bothWays("traffic selectors with protocol and ports", {
  setup: {
    ikeconf: {
      childlist: [child(PLAIN, {
        ownts: [{ startaddr: "10.2.0.1", endaddr: "10.2.0.1", protocol: 17 }],
        peerts: [{
          startaddr: "10.1.0.1",
          endaddr: "10.1.0.1",
          protocol: 17,
          startport: 5000,
          endport: 5000,
        }],
      })],
    },
  },
  theirs: {
    localTs: "10.1.0.1/32",
    remoteTs: "10.2.0.1/32",
    extra: ["leftprotoport=udp/5000", "rightprotoport=udp"],
  },
});

const ipv6Outer = bothWays("IPv6 outside, IPv4 inside", {
  setup: { ikeconf: { myid: OUR_ID } },
  client: {
    startclntaddr: `${OURS.address6}/64`,
    peeraddr: THEIRS.address6,
    ikeconf: { peerid: THEIR_ID },
  },
  gateway: { bindifaddr: `${OURS.address6}/64` },
  theirs: { localAddress: THEIRS.address6, remoteAddress: OURS.address6 },
});

const ipv6Inner = bothWays("IPv4 outside, IPv6 inside", {
  suite: MODERN,
  setup: {
    ikeconf: {
      childlist: [child(MODERN, {
        ownts: [{ startaddr: "fd02::", endaddr: "fd02::ffff:ffff:ffff:ffff" }],
        peerts: [{ startaddr: "fd01::", endaddr: "fd01::ffff:ffff:ffff:ffff" }],
      })],
    },
  },
  theirs: { localTs: "fd01::/64", remoteTs: "fd02::/64" },
});

/** All rows of this file. */
export const LIBRESWAN_ROWS: readonly LibreswanRow[] = [
  ...SUITES.flatMap(suiteRows),
  ...espRows("aes-ccm-16:128", ""),
  ...espRows("aes-ccm-12:192", ""),
  ...espRows("aes-ccm-8:256", ""),
  ...espRows("aes-cbc:128", "aes-cmac"),
  ...espRows("null", "sha256"),
  ...several,
  ...invalidKe,
  ...identities,
  ...narrowing,
  ...portSelectors,
  ...ipv6Outer,
  ...ipv6Inner,
];
