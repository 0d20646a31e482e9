// Quick crash detection by hand-made messages: what is believed, what is answered, and what is not. RFC 6290.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { concat } from "@/base/bytes.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { spiOctets } from "@/ike/negotiate/keymat.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import { CRASH_ANSWERS_MAX } from "@/ike/records/crash_detection.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { findNotify } from "@/ike/records/notify.ts";
import { encodeMessage, type MessageHeader, type Payload } from "@/wire/message.ts";
import { Bench, notify } from "./bench.ts";
import { checksOf } from "./entries.ts";

const { check, both } = checksOf(import.meta.url);
const { IKE_AUTH, IKE_SA_INIT, INFORMATIONAL } = ExchangeType;
const { INVALID_IKE_SPI, QUICK_CRASH_DETECTION } = NotifyType;
const SECRET = new Uint8Array(32).fill(5);
const MAKES: Partial<IkeConfig> = { crashDetection: { secret: SECRET, takes: false } };
const TAKES: Partial<IkeConfig> = { crashDetection: { takes: true } };
const TOKEN = new Uint8Array(32).fill(6);

function tokenOf(spiI: bigint, spiR: bigint): Uint8Array {
  const data = concat(SECRET, spiOctets(spiI), spiOctets(spiR));
  return new Uint8Array(createHash("sha256").update(data).digest());
}

/** A request of an IKE SA, as it looks to who does not have its keys. */
function request(change: Partial<MessageHeader> = {}): Uint8Array {
  const header = { spiI: 0x11n, spiR: 0x22n, exchange: INFORMATIONAL, messageId: 9 };
  return encodeMessage({ ...header, initiator: true, response: false, ...change }, []);
}

/** Our end with the token of its peer. */
function told(token = TOKEN): Bench {
  const bench = Bench.up("initiator", TAKES);
  bench.ask(INFORMATIONAL, [notify(QUICK_CRASH_DETECTION, token)]);
  bench.said();
  return bench;
}

/** What a peer sends that does not have the IKE SA, in clear. */
function lost(
  bench: Bench,
  payloads: readonly Payload[],
  change: Partial<MessageHeader> = {},
): Uint8Array {
  const { spiI, spiR } = bench.sa;
  const header = { spiI, spiR, exchange: INFORMATIONAL, messageId: 2 };
  return encodeMessage({ ...header, initiator: false, response: true, ...change }, payloads);
}

const CRASHED = [notify(INVALID_IKE_SPI), notify(QUICK_CRASH_DETECTION, TOKEN)];

both(
  "RFC 6290 §4.2",
  "An end that makes tokens sends the hash of its secret and the SPIs in IKE_AUTH",
  (role) => {
    const bench = Bench.keyed(role, MAKES);
    const { peer } = bench;
    const payloads = role === "initiator"
      ? bench.said().at(-1)!.payloads
      : bench.ask(IKE_AUTH, peer.authPayloads());
    const { spiI, spiR } = bench.sa;
    assert.deepEqual(findNotify(payloads, QUICK_CRASH_DETECTION)!.data, tokenOf(spiI, spiR));
  },
);

check(
  "RFC 6290 §4.5",
  "A request of an unknown IKE SA is answered with INVALID_IKE_SPI and its token, in clear",
  () => {
    for (const initiator of [true, false]) {
      const bench = new Bench("responder", MAKES);
      bench.hear(request({ initiator }));
      const [{ header, payloads }] = bench.said() as [ReturnType<Bench["said"]>[0]];
      assert.deepEqual(
        [header.spiI, header.spiR, header.exchange, header.messageId],
        [0x11n, 0x22n, INFORMATIONAL, 9],
      );
      assert.deepEqual([header.initiator, header.response], [!initiator, true]);
      assert.ok(findNotify(payloads, INVALID_IKE_SPI));
      assert.deepEqual(findNotify(payloads, QUICK_CRASH_DETECTION)!.data, tokenOf(0x11n, 0x22n));
      assert.deepEqual(bench.dropped(), ["an SPI nobody has"]);
    }
  },
);

check(
  "RFC 6290 §4.5",
  "A response, a message in clear, and an end without a secret have no such answer",
  () => {
    for (
      const [change, header] of [
        [MAKES, { response: true }],
        [MAKES, { exchange: IKE_SA_INIT }],
        [TAKES, {}],
        [{}, {}],
      ] as const
    ) {
      const bench = new Bench("responder", change);
      bench.hear(request(header));
      assert.deepEqual(bench.said(), []);
    }
  },
);

check("RFC 6290 §4.5", "No token is given away of an IKE SA that is there, by either flag", () => {
  const bench = Bench.up("responder", MAKES);
  const { spiI, spiR } = bench.sa;
  for (const initiator of [true, false]) bench.hear(request({ spiI, spiR, initiator }));
  assert.deepEqual(bench.said(), []);
  bench.stands();
});

check("RFC 6290 §10.2", "Only so many requests within a second are answered", () => {
  const bench = new Bench("responder", MAKES);
  for (let i = 0; i < CRASH_ANSWERS_MAX + 10; i++) bench.hear(request({ spiI: BigInt(i + 1) }));
  assert.equal(bench.said().length, CRASH_ANSWERS_MAX);
  bench.pass(1_000);
  bench.hear(request());
  assert.equal(bench.said().length, 1);
  assert.equal(bench.core.crashAnswers.total, CRASH_ANSWERS_MAX + 1);
});

check("RFC 6290 §4.5", "The right token ends the IKE SA, and nothing is said to the peer", () => {
  const bench = told();
  bench.hear(lost(bench, CRASHED));
  assert.deepEqual(bench.said(), []);
  assert.equal(bench.sa.closeCode, CloseCode.PEER_CRASHED);
  assert.match(bench.failure, /has lost the IKE SA, as its token .* proves/);
  bench.over();
  const second = told();
  second.hear(
    lost(second, [notify(INVALID_IKE_SPI), notify(QUICK_CRASH_DETECTION, SECRET), CRASHED[1]!]),
  );
  second.over();
});

check("RFC 6290 §4.5", "Any other token, or none, changes nothing", () => {
  const wrong = TOKEN.slice();
  wrong[31]! ^= 1;
  const bench = told();
  const notTheirs = "a token of quick crash detection that is not the peer's";
  for (const data of [wrong, TOKEN.subarray(0, 31), new Uint8Array(0)]) {
    const payloads = [notify(INVALID_IKE_SPI), notify(QUICK_CRASH_DETECTION, data)];
    bench.ignores(notTheirs, lost(bench, payloads));
  }
  const inClear = "a message in clear where it must be encrypted";
  bench.ignores(inClear, lost(bench, [notify(INVALID_IKE_SPI)]));
  bench.ignores(inClear, lost(bench, [CRASHED[1]!]));
  bench.ignores(inClear, lost(bench, CRASHED, { response: false }));
  bench.stands();
  const never = Bench.up("initiator", TAKES);
  never.ignores(
    "a token of quick crash detection, and the peer gave none before",
    lost(never, CRASHED),
  );
});

check("RFC 6290 §4.1", "A token of less than 16 octets, or of more than 128, is not kept", () => {
  for (const [octets, keeps] of [[15, false], [16, true], [128, true], [129, false]] as const) {
    const bench = told(new Uint8Array(octets));
    assert.equal(bench.sa.crashToken !== undefined, keeps, String(octets));
  }
  const bench = Bench.up("initiator", {});
  bench.ask(INFORMATIONAL, [notify(QUICK_CRASH_DETECTION, TOKEN)]);
  assert.equal(bench.sa.crashToken, undefined, "an end that does not take tokens keeps none");
});

check("RFC 6290 §4.4", "Another token of the peer takes the place of the one before", () => {
  const bench = told(SECRET);
  bench.ask(INFORMATIONAL, [notify(QUICK_CRASH_DETECTION, TOKEN)]);
  bench.hear(lost(bench, CRASHED));
  bench.over();
});

check(
  "RFC 6290 §4.3",
  "A rekey gives the IKE SA another token, which is sent in INFORMATIONAL",
  () => {
    const bench = Bench.up("responder", MAKES);
    const { peer } = bench;
    bench.ask(ExchangeType.CREATE_CHILD_SA, peer.rekeyIke());
    const by = bench.live.at(-1)!;
    bench.tell({ kind: "deadline" }, by);
    assert.equal(by.window.request!.exchange, INFORMATIONAL);
  },
);

check("RFC 6290 §4.5", "A token in answer to our Delete ends that at once", () => {
  const bench = told();
  bench.tell({ kind: "close", closeCode: CloseCode.STOPPED });
  bench.said();
  const types = [PayloadType.NOTIFY];
  assert.ok(types.length === 1);
  bench.hear(lost(bench, CRASHED));
  assert.equal(bench.sa.closeCode, CloseCode.STOPPED);
  bench.over();
});
