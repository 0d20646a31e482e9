// Traffic selectors: RFC 7296 §2.9, §3.13.
import assert from "node:assert/strict";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { TsType } from "@/iana/ts_type.ts";
import { showSelectors } from "@/ike/negotiate/selectors.ts";
import { CHILD, range4 } from "@/sim/scenarios.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import type { TrafficSelector } from "@/wire/payloads/traffic_selector.ts";
import { Bench } from "./bench.ts";
import { checksOf, type Role } from "./entries.ts";

const { both, absent } = checksOf(import.meta.url);
const { CREATE_CHILD_SA } = ExchangeType;
const N = NotifyType;

/** A CREATE_CHILD_SA request with these selectors; the peer initiates, so TSi is its own. */
function withTs(
  { peer }: Bench,
  tsI: readonly TrafficSelector[],
  tsR: readonly TrafficSelector[],
): Payload[] {
  const [sa, nonce] = peer.createChild();
  return [
    sa!,
    nonce!,
    { type: PayloadType.TSI, selectors: tsI },
    { type: PayloadType.TSR, selectors: tsR },
  ];
}

const HERE = range4([10, 1, 0, 0], [10, 1, 0, 255]);
const THERE = range4([10, 2, 0, 0], [10, 2, 0, 255]);
const ANY = range4([0, 0, 0, 0], [255, 255, 255, 255]);
/** A configuration in which the core protects HERE and allows the peer THERE. */
const NARROW = { children: [{ ...CHILD, ownTs: [HERE], peerTs: [THERE] }] };
/** A bench in which the peer has the same configuration for the first CHILD_SA. */
function narrowBench(role: Role): Bench {
  const mirrored = role === "responder"
    ? { children: [{ ...CHILD, ownTs: [THERE], peerTs: [HERE] }] }
    : { children: [{ ...CHILD, ownTs: [HERE], peerTs: [THERE] }] };
  return Bench.up(role, NARROW, mirrored);
}

function chosenTs(answer: readonly Payload[]): [string, string] {
  const tsI = findPayload(answer, PayloadType.TSI)!;
  const tsR = findPayload(answer, PayloadType.TSR)!;
  return [showSelectors(tsI.selectors), showSelectors(tsR.selectors)];
}

both("§2.9", "What is proposed is narrowed to what is allowed", (role) => {
  const bench = narrowBench(role);
  const answer = bench.ask(CREATE_CHILD_SA, withTs(bench, [ANY], [ANY]));
  assert.deepEqual(chosenTs(answer), ["10.2.0.0-10.2.0.255", "10.1.0.0-10.1.0.255"]);
});

both("§2.9", "A narrower proposal is accepted as it is, and not widened", (role) => {
  const bench = narrowBench(role);
  const theirs = range4([10, 2, 0, 7], [10, 2, 0, 9]);
  const ours = range4([10, 1, 0, 1], [10, 1, 0, 1]);
  const answer = bench.ask(CREATE_CHILD_SA, withTs(bench, [theirs], [ours]));
  assert.deepEqual(chosenTs(answer), ["10.2.0.7-10.2.0.9", "10.1.0.1"]);
});

both(
  "§2.9",
  "The first selectors of TSi and TSr stay in what they are narrowed to, and first",
  (role) => {
    const bench = narrowBench(role);
    const packet = range4([10, 2, 0, 200], [10, 2, 0, 200]);
    const to = range4([10, 1, 0, 3], [10, 1, 0, 3]);
    const answer = bench.ask(CREATE_CHILD_SA, withTs(bench, [packet, ANY], [to, ANY]));
    const [tsI, tsR] = chosenTs(answer);
    assert.match(tsI, /^10\.2\.0\.200/);
    assert.match(tsR, /^10\.1\.0\.3/);
  },
);

both(
  "§2.9",
  "Selectors without a common part are refused with TS_UNACCEPTABLE, the SA stands",
  (role) => {
    const bench = narrowBench(role);
    const other = range4([10, 9, 0, 0], [10, 9, 0, 255]);
    bench.refuses(N.TS_UNACCEPTABLE, CREATE_CHILD_SA, withTs(bench, [other], [HERE]));
    bench.refuses(N.TS_UNACCEPTABLE, CREATE_CHILD_SA, withTs(bench, [THERE], [other]));
    bench.stands();
  },
);

both(
  "§2.9",
  "An answer with wider selectors than were proposed is not taken, and deleted",
  (role) => {
    for (const [tsI, tsR] of [[ANY, THERE], [HERE, ANY]] as const) {
      const bench = narrowBench(role);
      const text = bench.answersRekey(withTs(bench, [tsI], [tsR]));
      assert.match(text, /selectors that are not within ours/);
      assert.equal(bench.said().at(-1)!.payloads[0]!.type, PayloadType.DELETE);
      bench.answer([]);
      bench.stands();
    }
  },
);

both("§3.13", "A payload of selectors has one at least", (role) => {
  const bench = Bench.up(role);
  bench.refuses(N.INVALID_SYNTAX, CREATE_CHILD_SA, withTs(bench, [], [ANY]));
  bench.over();
});

both("§3.13", "The reserved octets of a payload of selectors are ignored", (role) => {
  const bench = Bench.up(role);
  const [sa, nonce, , tsR] = bench.peer.createChild();
  const raw = Uint8Array.of(
    1,
    0xff,
    0xff,
    0xff,
    7,
    0,
    0,
    16,
    0,
    0,
    255,
    255,
    10,
    0,
    0,
    0,
    10,
    0,
    0,
    9,
  );
  const answer = bench.ask(CREATE_CHILD_SA, [sa!, nonce!, { type: PayloadType.TSI, raw }, tsR!]);
  assert.equal(chosenTs(answer)[0], "10.0.0.0-10.0.0.9");
});

for (
  const [what, raw] of [
    ["a count of selectors past the payload", [
      2,
      0,
      0,
      0,
      7,
      0,
      0,
      16,
      0,
      0,
      255,
      255,
      10,
      0,
      0,
      0,
      10,
      0,
      0,
      9,
    ]],
    ["a selector length that is not its type's", [
      1,
      0,
      0,
      0,
      7,
      0,
      0,
      12,
      0,
      0,
      255,
      255,
      10,
      0,
      0,
      0,
      10,
      0,
      0,
      9,
    ]],
    ["a selector length of 0", [1, 0, 0, 0, 99, 0, 0, 0, 0, 0, 255, 255]],
    ["octets behind the last selector", [
      1,
      0,
      0,
      0,
      7,
      0,
      0,
      16,
      0,
      0,
      255,
      255,
      10,
      0,
      0,
      0,
      10,
      0,
      0,
      9,
      0,
    ]],
  ] as const
) {
  both("§3.13.1", `A payload of selectors is malformed with ${what}`, (role) => {
    const bench = Bench.up(role);
    const [sa, nonce, , tsR] = bench.peer.createChild();
    const tsI = { type: PayloadType.TSI, raw: Uint8Array.from(raw) };
    bench.refuses(N.INVALID_SYNTAX, CREATE_CHILD_SA, [sa!, nonce!, tsI, tsR!]);
    bench.over();
  });
}

both("§3.13.1", "A selector of a type that is unknown matches nothing, others count", (role) => {
  const odd: TrafficSelector = { ...ANY, tsType: 99, raw: new Uint8Array(12) };
  const bench = narrowBench(role);
  const answer = bench.ask(CREATE_CHILD_SA, withTs(bench, [odd, THERE], [HERE]));
  assert.equal(chosenTs(answer)[0], "10.2.0.0-10.2.0.255");
  bench.refuses(N.TS_UNACCEPTABLE, CREATE_CHILD_SA, withTs(bench, [odd], [HERE]));
  bench.stands(2);
});

both("§3.13.1", "A selector whose end is before its start matches nothing", (role) => {
  const bench = narrowBench(role);
  const addresses = { ...THERE, startAddress: THERE.endAddress, endAddress: THERE.startAddress };
  const ports = { ...THERE, protocol: 6, startPort: 90, endPort: 80 };
  for (const bad of [addresses, ports]) {
    bench.refuses(N.TS_UNACCEPTABLE, CREATE_CHILD_SA, withTs(bench, [bad], [HERE]));
  }
  bench.stands();
});

both("§3.13.1", "OPAQUE ports are in ANY, and ports that are named are not in OPAQUE", (role) => {
  const bench = narrowBench(role);
  const opaque = { ...THERE, startPort: 65_535, endPort: 0 };
  const answer = bench.ask(CREATE_CHILD_SA, withTs(bench, [opaque], [HERE]));
  assert.equal(chosenTs(answer)[0], "10.2.0.0-10.2.0.255 ports opaque");
});

absent(
  "§3.13.1",
  "A selector of any protocol has the ports 0 to 65535",
  "it is narrowed as any other: the setups of this tool may name ports of any protocol",
);

both("§3.13.1", "IPv6 selectors do not meet IPv4 ones", (role) => {
  const bench = narrowBench(role);
  const six: TrafficSelector = {
    ...ANY,
    tsType: TsType.TS_IPV6_ADDR_RANGE,
    startAddress: new Uint8Array(16),
    endAddress: new Uint8Array(16).fill(255),
  };
  bench.refuses(N.TS_UNACCEPTABLE, CREATE_CHILD_SA, withTs(bench, [six], [HERE]));
});
