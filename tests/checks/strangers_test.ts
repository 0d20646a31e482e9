// What this end holds of peers that have not authenticated, and for whom it does: RFC 7296 §2.4, §2.6.
import assert from "node:assert/strict";
import type { Path } from "@/base/address.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { IdType } from "@/iana/id_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { ikeProposals } from "@/ike/negotiate/proposal.ts";
import { findNotify } from "@/ike/records/notify.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import { CHILD } from "@/sim/scenarios.ts";
import { sealFragments } from "@/wire/protected.ts";
import { Bench, notify, PATH } from "./bench.ts";
import { checksOf } from "./entries.ts";

const { check } = checksOf(import.meta.url);
const { IKE_AUTH } = ExchangeType;
const { COOKIE, AUTHENTICATION_FAILED } = NotifyType;
const TCP: Path = { ...PATH, tcp: true };

/** A responder to which `count` peers have sent an IKE_SA_INIT request. */
function crowd(count: number, change: Partial<IkeConfig>, computes = true): Bench {
  const bench = new Bench("responder", change);
  bench.computes = computes;
  for (let i = 0; i < count; i++) arrive(bench);
  bench.said();
  return bench;
}

/** Adds a peer; returns the cookie that it was asked for. */
function arrive(bench: Bench, path = PATH): Uint8Array | undefined {
  const { peer } = bench;
  peer.spiI++;
  bench.said();
  bench.hear(peer.init(), path);
  const [said] = bench.said();
  return said && findNotify(said.payloads, COOKIE)?.data;
}

/** Adds a peer that returns the cookie for which it is asked. */
function arriveWithCookie(bench: Bench): void {
  const cookie = arrive(bench);
  const { peer } = bench;
  assert(cookie, "a cookie is asked for");
  bench.hear(peer.init([notify(COOKIE, cookie), ...peer.initPayloads()]));
}

check(
  "§2.6",
  "Left to itself, this end asks for cookies once half of its half-open SAs are in use",
  () => {
    const bench = crowd(9, { cookieThreshold: "auto", halfOpenMax: 20 });
    assert.equal(arrive(bench), undefined);
    assert.ok(arrive(bench));
    assert.equal(bench.core.halfOpen, 10);
    const { cookiesAsked, cookiesAutomatic } = bench.core.admission;
    assert.deepEqual([cookiesAsked, cookiesAutomatic], [1, 1]);
    arriveWithCookie(bench);
    assert.equal(bench.core.halfOpen, 11);
    bench.pass(60_000);
    assert.equal(arrive(bench), undefined);
  },
);

check("§2.6", "And once an eighth of the key exchanges that may wait do", () => {
  const change = { cookieThreshold: "auto", computingMax: 40, halfOpenMax: 1_000 } as const;
  const bench = crowd(4, change, false);
  assert.equal(arrive(bench), undefined);
  assert.ok(arrive(bench));
  bench.work();
  assert.equal(arrive(bench), undefined);
});

check("§2.6", "A threshold below zero means that cookies are never asked for", () => {
  const bench = crowd(20, { cookieThreshold: -1, halfOpenMax: 20 });
  arrive(bench);
  assert.deepEqual(bench.dropped(), ["too many half-open SAs"]);
  assert.equal(bench.core.admission.cookiesAsked, 0);
});

check("§2.6", "Who has shown where it is takes the place of the oldest half-open SA", () => {
  const bench = crowd(0, { cookieThreshold: 0, halfOpenMax: 5 });
  for (let i = 0; i < 8; i++) arriveWithCookie(bench);
  assert.equal(bench.core.halfOpen, 5);
  const failures = bench.effects.filter((e) => e.kind === "failed");
  assert.deepEqual(failures.map(({ failure }) => failure.cause), Array(3).fill("CROWDED_OUT"));
  assert.deepEqual(
    [...bench.core.newcomers.halfOpen.keys()].map(({ spiI }) => spiI - bench.peer.spiI),
    [
      -4n,
      -3n,
      -2n,
      -1n,
      0n,
    ],
  );
});

check(
  "§2.6",
  "Key exchanges that wait to be computed are bounded: requests past the bound are dropped",
  () => {
    const bench = crowd(7, { computingMax: 7, halfOpenMax: 1_000 }, false);
    bench.ignores("too many key exchanges that wait to be computed", next(bench));
    bench.work();
    arrive(bench);
    assert.equal(bench.core.halfOpen, 8);
  },
);

function next({ peer }: Bench): Uint8Array {
  peer.spiI++;
  return peer.init();
}

check("§2", "An IKE_SA_INIT message above 8,192 octets is dropped in UDP, and taken in TCP", () => {
  const bench = new Bench("responder");
  const { peer } = bench;
  const long = peer.init([...peer.initPayloads(), notify(40_000, new Uint8Array(8_100))]);
  assert.ok(long.length > 8_192);
  bench.ignores("an IKE_SA_INIT message above 8192 octets in UDP", long);
  bench.hear(long, TCP);
  assert.equal(bench.core.halfOpen, 1);
  const most = peer.init([
    ...peer.initPayloads(),
    notify(40_000, new Uint8Array(8_192 - 28 - 8 - 300)),
  ]);
  peer.spiI++;
  bench.hear(most);
  assert.equal(bench.core.halfOpen, 2);
});

check("§2.4", "What half-open SAs keep of messages is bounded for all of them together", () => {
  const bench = new Bench("responder", { halfOpenMax: 10_000 });
  const { peer } = bench;
  const padding = notify(40_000, new Uint8Array(60_000));
  for (let i = 0; i < 1_500; i++) {
    peer.spiI++;
    bench.hear(peer.init([...peer.initPayloads(), padding]), TCP);
    bench.said();
  }
  const { keptOctets, halfOpen } = bench.core.newcomers;
  assert.ok(keptOctets <= 64 * 2 ** 20, `${keptOctets}`);
  assert.ok(halfOpen.size > 1_000 && halfOpen.size < 1_200, `${halfOpen.size}`);
  bench.pass(60_000);
  assert.deepEqual([bench.core.newcomers.keptOctets, bench.core.bySpi.size], [0, 0]);
});

check(
  "§2.15",
  "Of a peer that fails to authenticate nothing is kept but words of bounded length",
  () => {
    const bench = Bench.keyed("responder");
    const { peer } = bench;
    const id = { idType: IdType.ID_KEY_ID, data: peer.random.octets(60_000) };
    bench.refuses(AUTHENTICATION_FAILED, IKE_AUTH, [
      peer.identity(id),
      peer.auth(id, new TextEncoder().encode("a wrong secret")),
      ...peer.childPayloads(),
    ]);
    const [sa] = [...bench.core.bySpi.values()];
    assert.deepEqual([sa!.phase, !sa!.peer.id, !sa!.setup], ["closed", true, true]);
    assert.match(bench.failure, /0x[0-9a-f]{128}… \(60000 octets\)/);
    assert.ok(bench.failure.length < 400, bench.failure);
  },
);

check("§3.3", "A refusal's words do not grow with what was offered", () => {
  const bench = new Bench("responder");
  const { peer } = bench;
  const [, ke, nonce] = peer.initPayloads();
  const encryption = Array.from({ length: 250 }, (_, i) => ({ id: 1_000 + i, keyBits: 0 }));
  const proposals = ikeProposals({ ...peer.config.algorithms, encryption });
  bench.hear(peer.init([{ type: PayloadType.SA, proposals }, ke!, nonce!]));
  assert.match(bench.failure, /^No IKE proposal in common .*… \(\d+ characters more\)$/);
  assert.ok(bench.failure.length < 1_100);
});

check(
  "§2.1",
  "SAs of peers that failed to authenticate repeat their answer, a thousand of them",
  () => {
    const bench = new Bench("responder", { halfOpenMax: 10_000 });
    for (let i = 0; i < 1_200; i++) fail(bench);
    assert.equal(bench.core.bySpi.size, 1_000);
    assert.equal(bench.core.newcomers.lingering.size, 1_000);
    bench.pass(60_000);
    assert.deepEqual([bench.core.bySpi.size, bench.core.newcomers.lingering.size], [0, 0]);
  },
);

/** Adds a peer that does not authenticate. */
function fail(bench: Bench): void {
  const { peer } = bench;
  peer.spiI++;
  peer.spiR = 0n;
  bench.hear(peer.init());
  peer.learn(bench.said().at(-1)!.octets);
  bench.hear(peer.seal(peer.header(IKE_AUTH), [peer.identity(), ...peer.childPayloads()]));
}

check(
  "RFC 7383 §2.6",
  "Fragments that wait are bounded for all SAs, and for strangers by half of that",
  () => {
    const change = { fragmentOctets: 500, children: [CHILD] };
    const bench = Bench.keyed("responder", change, change);
    const { reassembly } = bench.core.env;
    reassembly!.octets = 8 * 2 ** 20 - 50;
    bench.sa.peer.fragmentation = true;
    const { peer } = bench;
    const { ivOctets } = peer.suite!.cipher;
    const parts = sealFragments(peer.header(IKE_AUTH), peer.authPayloads(), {
      protection: peer.protection(),
      iv: () => peer.random.octets(ivOctets),
      clearMax: 64,
    });
    assert.ok(parts.length > 1);
    bench.ignores("fragments, of which too many wait at this end", parts[0]!);
    reassembly!.octets = 0;
    bench.hear(parts[0]!);
    assert.ok(reassembly!.octets > 0);
    bench.tell({ kind: "abandon", closeCode: 65537, why: "the SA ends" });
    assert.equal(reassembly!.octets, 0);
  },
);
