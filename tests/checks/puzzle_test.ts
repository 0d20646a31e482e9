// Puzzles by hand-made messages, at both ends; results of the PRF are computed here by node:crypto. RFC 8019.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { concat } from "@/base/bytes.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { Prf } from "@/iana/prf.ts";
import { spiOctets } from "@/ike/negotiate/keymat.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import { findNotify } from "@/ike/records/notify.ts";
import type { PuzzleConfig } from "@/ike/records/puzzle.ts";
import { SUITES } from "@/sim/scenarios.ts";
import { decodeMessage, encodeMessage, findPayload, type Payload } from "@/wire/message.ts";
import { sealFragments, sealMessage } from "@/wire/protected.ts";
import { Bench, notify } from "./bench.ts";
import { checksOf } from "./entries.ts";

const { check } = checksOf(import.meta.url);
const { IKE_AUTH, IKE_SA_INIT, IKE_SESSION_RESUME } = ExchangeType;
const { COOKIE, INVALID_KE_PAYLOAD, IKEV2_FRAGMENTATION_SUPPORTED, PUZZLE, TICKET_OPAQUE } =
  NotifyType;
const { PRF_HMAC_SHA2_256, PRF_HMAC_SHA2_512 } = Prf;
const REUSED = "a request with the solution of a puzzle that was used for another request";
const WRONG = "a request with a wrong solution of its puzzle";

function gives(difficulty: number, change: Partial<PuzzleConfig> = {}): Partial<IkeConfig> {
  return { puzzles: { threshold: 0, difficulty, inAuth: false, bitsMax: -1, ...change } };
}

/** An initiator whose peer has heard its request. */
function begun(change: Partial<IkeConfig>): Bench {
  const bench = new Bench("initiator", change);
  bench.peer.spiI = bench.sa.spiI;
  bench.said();
  return bench;
}

function solves(bitsMax: number): Partial<IkeConfig> {
  return { puzzles: { threshold: Infinity, difficulty: 0, inAuth: false, bitsMax } };
}

/** Number of zero bits at the end of HMAC-SHA-256. */
function zeroBits(key: Uint8Array, text: Uint8Array): number {
  const binary = [...createHmac("sha256", key).update(text).digest()]
    .map((octet) => octet.toString(2).padStart(8, "0")).join("");
  return binary.length - 1 - binary.lastIndexOf("1");
}

/** Four keys of so many octets, with at least so many zero bits, and less than twice as many. */
function keysFor(text: Uint8Array, bits: number, octets = 3): Uint8Array[] {
  const keys: Uint8Array[] = [];
  for (let n = 0; keys.length < 4; n++) {
    const key = new Uint8Array(octets);
    key.set([n >> 16, n >> 8, n]);
    const found = zeroBits(key, text);
    if (found >= bits && found < 2 * bits) keys.push(key);
  }
  return keys;
}

function solution(keys: readonly Uint8Array[]): Payload {
  return { type: PayloadType.PS, data: concat(...keys) };
}

/** The lowest number of zero bits of the keys in a solution of ours. */
function bitsOf({ data }: { readonly data: Uint8Array }, text: Uint8Array): number {
  const octets = data.length / 4;
  const keys = [0, 1, 2, 3].map((i) => data.subarray(i * octets, (i + 1) * octets));
  assert.equal(new Set(keys.map(String)).size, 4, "four different keys");
  return Math.min(...keys.map((key) => zeroBits(key, text)));
}

/** A peer begins; returns the cookie and the puzzle that it is given. */
function asked(bench: Bench): { cookie: Uint8Array; puzzle: Uint8Array | undefined } {
  bench.said();
  bench.hear(bench.peer.init());
  const [{ payloads }] = bench.said() as [ReturnType<Bench["said"]>[0]];
  const cookie = findNotify(payloads, COOKIE)!.data;
  return { cookie, puzzle: findNotify(payloads, PUZZLE)?.data };
}

/** Sends the request again with its cookie and more. */
function returns(bench: Bench, cookie: Uint8Array, more: readonly Payload[] = []): void {
  bench.hear(bench.peer.init([notify(COOKIE, cookie), ...more, ...bench.peer.initPayloads()]));
}

check(
  "RFC 8019 §7.1.1",
  "A puzzle comes with a cookie: the PRF of the request, and its difficulty",
  () => {
    const bench = new Bench("responder", gives(7));
    const { puzzle } = asked(bench);
    assert.deepEqual([...puzzle!], [0, PRF_HMAC_SHA2_256, 7]);
    assert.equal(bench.core.halfOpen, 0);
    assert.equal(bench.core.admission.puzzles.given, 1);
  },
);

check("RFC 8019 §7.1.1.2", "Without a PRF of this end there is no puzzle, but a refusal", () => {
  const bench = new Bench("responder", gives(7), {
    algorithms: { ...SUITES[0]!, prf: [250] },
  });
  const { cookie, puzzle } = asked(bench);
  assert.equal(puzzle, undefined);
  returns(bench, cookie);
  assert.ok(findNotify(bench.said().at(-1)!.payloads, NotifyType.NO_PROPOSAL_CHOSEN));
});

check("RFC 8019 §7.1.4", "The right solution makes an SA", () => {
  const bench = new Bench("responder", gives(5));
  const { cookie } = asked(bench);
  returns(bench, cookie, [solution(keysFor(cookie, 5))]);
  assert.ok(findPayload(bench.said().at(-1)!.payloads, PayloadType.KE));
  assert.equal(bench.core.halfOpen, 1);
  assert.equal(bench.core.admission.puzzles.solved, 1);
});

check(
  "RFC 8019 §7.1.4",
  "A wrong solution is dropped: too few bits, a key twice, other lengths",
  () => {
    const bench = new Bench("responder", gives(5));
    const { cookie } = asked(bench);
    const [one, two, three, four] = keysFor(cookie, 5) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    const [easy] = keysFor(cookie, 2);
    assert.ok(zeroBits(easy!, cookie) < 5);
    const wrong = [
      [one, two, three, easy!],
      [one, two, three, three],
      [one, two, three],
      [one, two, three, four, four.subarray(0, 1)],
      keysFor(concat(cookie, cookie), 5),
    ];
    for (const keys of wrong) {
      const octets = bench.peer.init([
        notify(COOKIE, cookie),
        solution(keys),
        ...bench.peer.initPayloads(),
      ]);
      bench.ignores(WRONG, octets);
    }
    assert.equal(bench.core.admission.puzzles.wrong, wrong.length);
    assert.equal(bench.core.halfOpen, 0);
  },
);

check("RFC 8019 §8.2", "A key is no longer than the PRF prefers", () => {
  const bench = new Bench("responder", gives(5));
  const { cookie } = asked(bench);
  const request = (octets: number) =>
    bench.peer.init([
      notify(COOKIE, cookie),
      solution(keysFor(cookie, 5, octets)),
      ...bench.peer.initPayloads(),
    ]);
  bench.ignores(WRONG, request(33));
  bench.hear(request(32));
  assert.equal(bench.core.halfOpen, 1);
});

check("RFC 8019 §7.1.1.3", "A cookie is good for its own puzzle alone", () => {
  const bench = new Bench("responder", gives(5));
  const { cookie } = asked(bench);
  const easier = cookie.slice();
  easier[3] = 1;
  returns(bench, easier, [solution(keysFor(easier, 1))]);
  assert.deepEqual(findNotify(bench.said().at(-1)!.payloads, COOKIE)!.data, cookie);
  assert.equal(bench.core.drops.get("a cookie that is not ours, or too old"), 1);
});

check("RFC 8019 §7.1.1.3", "A solution is good for one SA, whatever else a request has", () => {
  const bench = new Bench("responder", gives(5));
  const { cookie } = asked(bench);
  const ps = solution(keysFor(cookie, 5));
  const request = (more: readonly Payload[]) =>
    bench.peer.init([notify(COOKIE, cookie), ps, ...more, ...bench.peer.initPayloads()]);
  const first = request([]);
  bench.hear(first);
  const response = bench.said().at(-1)!.octets;
  const vendor = { type: PayloadType.VENDOR, data: Uint8Array.of(1, 2, 3) } as Payload;
  bench.ignores(REUSED, request([vendor]));
  assert.equal(bench.core.halfOpen, 1);
  bench.hear(first);
  assert.deepEqual(bench.said().at(-1)!.octets, response, "the same request is answered again");
});

check(
  "RFC 8019 §7.1.1.3",
  "A solution is good once more if the request was refused before a key exchange",
  () => {
    const bench = new Bench("responder", gives(5));
    const { cookie } = asked(bench);
    const ps = solution(keysFor(cookie, 5));
    const ke = { type: PayloadType.KE, group: KeGroup.MODP_8192, data: new Uint8Array(1024) };
    const others = bench.peer.initPayloads().map((one) =>
      one.type === PayloadType.KE ? ke as Payload : one
    );
    bench.hear(bench.peer.init([notify(COOKIE, cookie), ps, ...others]));
    assert.ok(findNotify(bench.said().at(-1)!.payloads, INVALID_KE_PAYLOAD));
    returns(bench, cookie, [ps]);
    assert.ok(findPayload(bench.said().at(-1)!.payloads, PayloadType.KE));
  },
);

check("RFC 8019 §7.1.4", "A cookie from before puzzles were given is answered with one", () => {
  const bench = new Bench("responder", { cookieThreshold: 0, ...gives(5, { threshold: 1 }) });
  const { cookie, puzzle } = asked(bench);
  assert.equal(puzzle, undefined);
  const crowd = bench.peer.spiI;
  bench.peer.spiI++;
  returns(bench, asked(bench).cookie);
  bench.peer.spiI = crowd;
  returns(bench, cookie);
  assert.ok(findNotify(bench.said().at(-1)!.payloads, PUZZLE));
});

check(
  "RFC 8019 §7.1.5",
  "A request without a solution is taken as long as half of the room is free",
  () => {
    const bench = new Bench("responder", { ...gives(5), halfOpenMax: 4 });
    for (let i = 0; i < 4; i++) {
      bench.peer.spiI++;
      returns(bench, asked(bench).cookie);
    }
    assert.equal(bench.core.halfOpen, 2);
    const reason = "a request without the solution of its puzzle, while there is no room for it";
    assert.equal(bench.core.drops.get(reason), 2);
    assert.equal(bench.core.admission.puzzles.unsolved, 4);
  },
);

check(
  "RFC 8019 §7.1.5",
  "Of too many half-open SAs those end first that solved the easiest puzzle",
  () => {
    const bench = new Bench("responder", { ...gives(0), halfOpenMax: 2 });
    const arrive = (bits: number) => {
      bench.peer.spiI++;
      const { cookie } = asked(bench);
      returns(bench, cookie, [solution(keysFor(cookie, bits))]);
    };
    for (const bits of [4, 3, 5, 1]) arrive(bits);
    const left = bench.live.map(({ setup }) => setup!.puzzleBits);
    assert.equal(left.length, 2);
    assert.ok(left[0]! >= 4 && left[1]! >= 5, left.join());
  },
);

check("RFC 8019 §4.5", "IKE_SESSION_RESUME has its cookie without a puzzle", () => {
  const bench = new Bench("responder", {
    ...gives(5),
    resumption: {
      asks: false,
      issues: { keyId: new Uint8Array(16), key: new Uint8Array(32), lifetimeMs: 1 },
    } as never,
  });
  const header = bench.peer.header(IKE_SESSION_RESUME, { messageId: 0 });
  bench.hear(
    encodeMessage(header, [bench.peer.nonce(), notify(TICKET_OPAQUE, new Uint8Array(40))]),
  );
  const [{ payloads }] = bench.said() as [ReturnType<Bench["said"]>[0]];
  assert.ok(findNotify(payloads, COOKIE));
  assert.equal(findNotify(payloads, PUZZLE), undefined);
});

check(
  "RFC 8019 §7.1.2",
  "An initiator returns the cookie, then the solution, then its request",
  () => {
    const bench = begun(solves(10));
    const cookie = bench.peer.random.octets(30);
    bench.hear(
      bench.peer.init([notify(COOKIE, cookie), notify(PUZZLE, Uint8Array.of(0, 5, 9))], {
        spiR: 0n,
      }),
    );
    const [{ payloads }] = bench.said() as [ReturnType<Bench["said"]>[0]];
    const { NOTIFY, PS, SA } = PayloadType;
    assert.deepEqual(payloads.slice(0, 3).map(({ type }) => type), [NOTIFY, PS, SA]);
    assert.ok(bitsOf(findPayload(payloads, PS)!, cookie) >= 9);
  },
);

check("RFC 8019 §7.1.2", "At difficulty 0 an initiator solves what it likes", () => {
  const bench = begun(solves(0));
  const cookie = bench.peer.random.octets(30);
  bench.hear(
    bench.peer.init([notify(COOKIE, cookie), notify(PUZZLE, Uint8Array.of(0, 5, 0))], { spiR: 0n }),
  );
  const ps = findPayload(bench.said().at(-1)!.payloads, PayloadType.PS)!;
  assert.ok(bitsOf(ps, cookie) >= 4);
});

check(
  "RFC 8019 §7.1.2",
  "A puzzle that is too hard, or by another PRF, is answered by the cookie alone",
  () => {
    for (
      const [bitsMax, puzzle, why] of [
        [
          10,
          [0, PRF_HMAC_SHA2_256, 11],
          /11 zero bits, and this end computes 10 at most \(puzzlebitsmax\)/,
        ],
        [10, [0, PRF_HMAC_SHA2_512, 4], /by PRF_HMAC_SHA2_512, which was not negotiated/],
        [-1, [0, PRF_HMAC_SHA2_256, 1], /this end solves none \(puzzlebitsmax\)/],
      ] as const
    ) {
      const bench = begun(solves(bitsMax));
      const cookie = bench.peer.random.octets(30);
      const asks = [notify(COOKIE, cookie), notify(PUZZLE, Uint8Array.from(puzzle))];
      bench.hear(bench.peer.init(asks, { spiR: 0n }));
      const { payloads } = bench.said().at(-1)!;
      assert.ok(findNotify(payloads, COOKIE));
      assert.equal(findPayload(payloads, PayloadType.PS), undefined);
      const note = bench.effects.findLast((e) => e.kind === "note");
      assert.match(note?.kind === "note" ? note.text : "", why);
    }
  },
);

check(
  "RFC 8019 §8.1",
  "A PUZZLE of another length makes the response malformed, which is dropped",
  () => {
    const bench = begun(solves(10));
    const asks = [notify(COOKIE, new Uint8Array(9)), notify(PUZZLE, Uint8Array.of(0, 5))];
    bench.ignores(/malformed IKE_SA_INIT response/, bench.peer.init(asks, { spiR: 0n }));
  },
);

check(
  "RFC 7296 §2.6.1",
  "Behind INVALID_KE_PAYLOAD the cookie and its solution are sent again",
  () => {
    const { CURVE25519, ECP_256 } = KeGroup;
    const algorithms = { ...SUITES[0]!, groups: [CURVE25519, ECP_256] };
    const bench = begun({ ...solves(10), algorithms });
    const cookie = bench.peer.random.octets(30);
    bench.hear(
      bench.peer.init([notify(COOKIE, cookie), notify(PUZZLE, Uint8Array.of(0, 5, 3))], {
        spiR: 0n,
      }),
    );
    const first = bench.said().at(-1)!.payloads;
    const other = notify(INVALID_KE_PAYLOAD, Uint8Array.of(0, ECP_256));
    bench.hear(bench.peer.init([other], { spiR: 0n }));
    const second = bench.said().at(-1)!.payloads;
    assert.deepEqual(second.slice(0, 2), first.slice(0, 2));
    assert.equal(findPayload(second, PayloadType.KE)!.group, ECP_256);
  },
);

/** A responder that has given a puzzle for IKE_AUTH, and what its PRF is applied to. */
function inAuth(change: Partial<IkeConfig> = {}): { bench: Bench; text: Uint8Array } {
  const bench = new Bench("responder", { ...gives(5, { inAuth: true }), ...change });
  const { cookie } = asked(bench);
  const ps = solution(keysFor(cookie, 5));
  const fragments = change.fragmentOctets ? [notify(IKEV2_FRAGMENTATION_SUPPORTED)] : [];
  const { peer } = bench;
  bench.hear(peer.init([notify(COOKIE, cookie), ps, ...peer.initPayloads(), ...fragments]));
  const { octets, payloads } = bench.said().at(-1)!;
  peer.learn(octets);
  assert.deepEqual([...findNotify(payloads, PUZZLE)!.data], [0, PRF_HMAC_SHA2_256, 5]);
  return { bench, text: concat(peer.nonceR, spiOctets(peer.spiR)) };
}

/** The peer's IKE_AUTH request, with a payload in front of SK or without. */
function authRequest({ peer }: Bench, inFront?: Payload): Uint8Array {
  const protection = peer.protection();
  const iv = peer.random.octets(protection.cipher.ivOctets);
  return sealMessage(peer.header(IKE_AUTH), peer.authPayloads(), { protection, iv, inFront });
}

check("RFC 8019 §7.2.1", "Only an initiator that has solved a puzzle gets one for IKE_AUTH", () => {
  inAuth();
  const bench = new Bench("responder", gives(5, { inAuth: true }));
  returns(bench, asked(bench).cookie);
  assert.equal(findNotify(bench.said().at(-1)!.payloads, PUZZLE), undefined);
});

check(
  "RFC 8019 §7.2.1.1",
  "The difficulty of a puzzle for IKE_AUTH is not left to the initiator",
  () => {
    const bench = new Bench("responder", gives(0, { inAuth: true }));
    const { cookie, puzzle } = asked(bench);
    assert.equal(puzzle![2], 0);
    returns(bench, cookie, [solution(keysFor(cookie, 2))]);
    const { payloads } = bench.said().at(-1)!;
    assert.ok(findPayload(payloads, PayloadType.KE));
    assert.equal(findNotify(payloads, PUZZLE), undefined);
  },
);

check(
  "RFC 8019 §7.2.4",
  "An IKE_AUTH request without the right solution is dropped undecrypted",
  () => {
    const { bench, text } = inAuth();
    const lacks = "an IKE_AUTH request without the solution of its puzzle";
    const wrong = "an IKE_AUTH request with a wrong solution of its puzzle";
    bench.ignores(lacks, authRequest(bench));
    bench.ignores(wrong, authRequest(bench, solution(keysFor(concat(text, text), 5))));
    bench.ignores(wrong, authRequest(bench, solution(keysFor(text, 5).slice(1))));
    bench.hear(authRequest(bench, solution(keysFor(text, 5))));
    assert.equal(bench.sa.phase, "established");
  },
);

check(
  "RFC 8019 §7.2.4",
  "Of an IKE_AUTH request in fragments the first one has the solution, and is decrypted first",
  () => {
    const { bench, text } = inAuth({ fragmentOctets: 100 });
    const { peer } = bench;
    const protection = peer.protection();
    const iv = () => peer.random.octets(protection.cipher.ivOctets);
    const sealing = { protection, iv, clearMax: 100 };
    const payloads = peer.authPayloads();
    const without = sealFragments(peer.header(IKE_AUTH), payloads, sealing);
    bench.ignores("an IKE_AUTH request without the solution of its puzzle", without[0]!);
    const inFront = solution(keysFor(text, 5));
    const parts = sealFragments(peer.header(IKE_AUTH), payloads, { ...sealing, inFront });
    assert.ok(parts.length > 1);
    const early =
      "a fragment of an IKE_AUTH request before the one with the solution of its puzzle";
    for (const part of parts.slice(1)) bench.ignores(early, part);
    // The sender repeats its request; the fragments may then come in any order.
    for (const part of [parts[0]!, ...parts.slice(1).toReversed()]) bench.hear(part);
    assert.equal(bench.sa.phase, "established");
  },
);

/** An initiator that is given a puzzle for IKE_AUTH. */
function toldInAuth(
  bitsMax: number,
  puzzle: readonly number[],
  change: Partial<IkeConfig> = {},
): Bench {
  const bench = new Bench("initiator", { ...solves(bitsMax), ...change });
  const { peer } = bench;
  peer.learn(bench.said().at(-1)!.octets);
  const fragments = change.fragmentOctets ? [notify(IKEV2_FRAGMENTATION_SUPPORTED)] : [];
  bench.hear(
    peer.init([...peer.initPayloads(), notify(PUZZLE, Uint8Array.from(puzzle)), ...fragments]),
  );
  return bench;
}

check(
  "RFC 8019 §7.2.2",
  "An initiator puts the solution before the Encrypted payload of IKE_AUTH",
  () => {
    for (const change of [{}, { fragmentOctets: 100 }]) {
      const bench = toldInAuth(10, [0, PRF_HMAC_SHA2_256, 6], change);
      const sent = bench.effects.filter((e) => e.kind === "send").map(({ octets }) => octets)
        .filter((octets) => decodeMessage(octets).header.exchange === IKE_AUTH);
      const { nonceR, spiR } = bench.peer;
      const { PS, SK, SKF } = PayloadType;
      const [first, ...others] = sent.map((octets) => decodeMessage(octets).payloads);
      const fragmented = change.fragmentOctets !== undefined;
      assert.deepEqual(first!.map(({ type }) => type), [PS, fragmented ? SKF : SK]);
      assert.ok(bitsOf(findPayload(first!, PS)!, concat(nonceR, spiOctets(spiR))) >= 6);
      assert.equal(others.length > 0, fragmented);
      for (const payloads of others) assert.deepEqual(payloads.map(({ type }) => type), [SKF]);
      bench.answer(bench.peer.authPayloads());
      assert.equal(bench.sa.phase, "established");
    }
  },
);

check(
  "RFC 8019 §7.2.2",
  "A puzzle for IKE_AUTH that this end does not solve is the end, by name",
  () => {
    for (
      const [bitsMax, puzzle] of [
        [5, [0, PRF_HMAC_SHA2_256, 6]],
        [-1, [0, PRF_HMAC_SHA2_256, 0]],
        [5, [0, PRF_HMAC_SHA2_512, 1]],
      ] as const
    ) {
      const bench = toldInAuth(bitsMax, puzzle);
      const failed = bench.effects.findLast((e) => e.kind === "failed");
      assert.equal(failed?.kind === "failed" && failed.failure.cause, "PUZZLE_REFUSED");
      assert.match(bench.failure, /there is no IKE_AUTH without its solution/);
      assert.deepEqual(bench.said(), []);
    }
    assert.equal(IKE_SA_INIT, 34);
  },
);
