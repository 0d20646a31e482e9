// INFORMATIONAL, Delete, Notify, and what comes outside an SA: RFC 7296 §1.4, §1.5, §2.21, §3.10, §3.11.
import assert from "node:assert/strict";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import type { Payload } from "@/wire/message.ts";
import { Bench, notify, PATH } from "./bench.ts";
import { checksOf, type Role } from "./entries.ts";

const { check, both, absent } = checksOf(import.meta.url);
const { INFORMATIONAL, IKE_SESSION_RESUME } = ExchangeType;
const { INVALID_SYNTAX, INVALID_IKE_SPI } = NotifyType;

function deleted(protocol: number, ...spis: number[]): Payload {
  return { type: PayloadType.DELETE, protocol, spis };
}

const IKE = deleted(ProtocolId.IKE);

both(
  "§1.4",
  "An INFORMATIONAL request is answered, an empty one with an empty response",
  (role) => {
    const bench = Bench.up(role);
    assert.deepEqual(bench.ask(INFORMATIONAL, []), []);
    assert.deepEqual(bench.ask(INFORMATIONAL, [notify(40_000)]), []);
  },
);

both("§1.4", "Before there are keys, an INFORMATIONAL is dropped", (role) => {
  const bench = new Bench(role);
  const { peer } = bench;
  bench.computes = false;
  if (role === "responder") bench.hear(peer.init());
  else peer.spiI = bench.sa.spiI;
  peer.spiR = role === "responder" ? bench.sa.spiR : peer.spiR;
  const octets = peer.init([IKE], { exchange: INFORMATIONAL, messageId: 1, response: false });
  bench.ignores("an encrypted message before there are keys", octets);
});

both(
  "§2.21.3",
  "INVALID_SYNTAX in a protected response ends the IKE SA at our end too, without another exchange",
  (role) => {
    for (const kind of ["liveness_check", "rekey_ike"] as const) {
      const bench = Bench.up(role);
      bench.tell({ kind });
      bench.answer([notify(INVALID_SYNTAX)]);
      bench.over();
      assert.match(
        bench.failure,
        /malformed \(INVALID_SYNTAX\), which ends the IKE SA at both ends/,
      );
    }
  },
);

both("§1.4.1", "A Delete of a CHILD_SA closes it, and is answered with the other half", (role) => {
  const bench = Bench.up(role);
  const [child] = bench.sa.children;
  const answer = bench.ask(INFORMATIONAL, [deleted(ProtocolId.ESP, child!.spiOut)]);
  assert.deepEqual(answer, [deleted(ProtocolId.ESP, child!.spiIn)]);
  assert.equal(bench.core.env.childrenBySpi.size, 0);
  bench.stands(0);
});

both("§1.4.1", "Deletes that cross are answered without a Delete", (role) => {
  const bench = Bench.up(role);
  const [child] = bench.sa.children;
  bench.tell({ kind: "delete_child", child: child! });
  assert.deepEqual(bench.ask(INFORMATIONAL, [deleted(ProtocolId.ESP, child!.spiOut)]), []);
  bench.answer([]);
  bench.stands(0);
});

both("§1.4.1", "A Delete of what is not there is answered without a Delete", (role) => {
  const bench = Bench.up(role);
  const [child] = bench.sa.children;
  const strangers = [0, 0xdeadbeef, child!.spiIn];
  assert.deepEqual(bench.ask(INFORMATIONAL, [deleted(ProtocolId.ESP, ...strangers)]), []);
  assert.deepEqual(bench.ask(INFORMATIONAL, [deleted(ProtocolId.AH, child!.spiOut)]), []);
  bench.stands();
});

both("§1.4.1", "A Delete that names a CHILD_SA twice deletes it once", (role) => {
  const bench = Bench.up(role);
  const [child] = bench.sa.children;
  const spi = child!.spiOut;
  const answer = bench.ask(INFORMATIONAL, [
    deleted(ProtocolId.ESP, spi, spi),
    deleted(ProtocolId.ESP, spi),
  ]);
  assert.deepEqual(answer, [deleted(ProtocolId.ESP, child!.spiIn)]);
  bench.stands(0);
});

both(
  "§1.4.1",
  "A Delete of the IKE SA closes it with all its CHILD_SAs, and is answered",
  (role) => {
    const bench = Bench.up(role);
    assert.deepEqual(bench.ask(INFORMATIONAL, [IKE]), []);
    bench.over();
  },
);

both("§1.4.1", "A closed IKE SA still repeats its last answer, and takes nothing new", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  const request = peer.seal(peer.header(INFORMATIONAL), [IKE]);
  bench.hear(request);
  bench.said();
  bench.hear(request);
  assert.equal(bench.said().length, 1);
  peer.nextId++;
  bench.ignores("a request to an SA that is gone", peer.seal(peer.header(INFORMATIONAL), []));
});

both("§1.4.1", "A Delete is a Delete in any place of its message", (role) => {
  const bench = Bench.up(role);
  bench.ask(INFORMATIONAL, [notify(40_000), deleted(ProtocolId.ESP, 5), notify(40_001), IKE]);
  bench.over();
});

both("§1.4", "A Delete counts under the IKE SA that it is about alone", (role) => {
  const one = Bench.up(role);
  const other = Bench.up(role);
  const { spiI, spiR } = one.sa;
  const header = { ...other.peer.header(INFORMATIONAL), spiI, spiR };
  other.peer.keys = other.peer.keys!.slice().fill(7);
  one.ignores("a wrong ICV", other.peer.seal(header, [IKE]));
  one.stands();
});

both("§3.11", "A Delete of the IKE SA has no SPI", (role) => {
  for (const raw of [[1, 8, 0, 0], [1, 0, 0, 1], [1, 8, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8]]) {
    const bench = Bench.up(role);
    const payload = { type: PayloadType.DELETE, raw: Uint8Array.from(raw) };
    bench.refuses(INVALID_SYNTAX, INFORMATIONAL, [payload]);
    bench.over();
  }
});

both("§3.11", "A Delete of ESP or AH has SPIs of four octets, as many as it says", (role) => {
  for (
    const raw of [[3, 8, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8], [3, 4, 0, 2, 1, 2, 3, 4], [2, 0, 0, 1], [
      3,
      4,
      0,
      0,
      9,
    ]]
  ) {
    const bench = Bench.up(role);
    const payload = { type: PayloadType.DELETE, raw: Uint8Array.from(raw) };
    bench.refuses(INVALID_SYNTAX, INFORMATIONAL, [payload]);
    bench.over();
  }
});

both("§3.11", "A Delete of an unknown protocol deletes nothing", (role) => {
  const bench = Bench.up(role);
  const raw = Uint8Array.of(77, 4, 0, 1, 1, 2, 3, 4);
  assert.deepEqual(bench.ask(INFORMATIONAL, [{ type: PayloadType.DELETE, raw }]), []);
  bench.stands();
});

both("§3.10.1", "Unknown status notifies are ignored", (role) => {
  const bench = Bench.up(role);
  for (const type of [16_384 + 8_000, 40_959, 40_960, 65_535]) {
    assert.deepEqual(bench.ask(INFORMATIONAL, [notify(type, new Uint8Array(100))]), []);
  }
  bench.stands();
});

both("§3.10.1", "Unknown errors in a request are ignored", (role) => {
  const bench = Bench.up(role);
  for (const type of [2, 3, 48, 8_191, 8_192, 16_383]) {
    assert.deepEqual(bench.ask(INFORMATIONAL, [notify(type)]), []);
  }
  bench.stands();
});

both("§2.21.3", "Errors about other things, sent as a request, change nothing", (role) => {
  const bench = Bench.up(role);
  const { INVALID_SELECTORS, NO_PROPOSAL_CHOSEN, TS_UNACCEPTABLE, CHILD_SA_NOT_FOUND } = NotifyType;
  for (
    const type of [
      INVALID_IKE_SPI,
      NotifyType.INVALID_SPI,
      INVALID_SELECTORS,
      NO_PROPOSAL_CHOSEN,
      TS_UNACCEPTABLE,
      CHILD_SA_NOT_FOUND,
    ]
  ) {
    assert.deepEqual(bench.ask(INFORMATIONAL, [notify(type)]), []);
  }
  bench.stands();
});

both("§3.10", "The Protocol ID of a notify without an SPI is ignored", (role) => {
  const bench = Bench.up(role);
  for (const protocol of [1, 2, 3, 77, 255]) {
    assert.deepEqual(bench.ask(INFORMATIONAL, [{ ...notify(40_000), protocol }]), []);
  }
  bench.stands();
});

both("§3.10", "The SPI of a notify about AH or ESP has four octets", (role) => {
  for (const octets of [1, 3, 5, 8]) {
    const bench = Bench.up(role);
    const odd = { ...notify(40_000), protocol: ProtocolId.ESP, spi: new Uint8Array(octets) };
    bench.refuses(INVALID_SYNTAX, INFORMATIONAL, [odd]);
    bench.over();
  }
});

both("§3.10", "The SPI size of a notify is within its payload", (role) => {
  const bench = Bench.up(role);
  const payload = { type: PayloadType.NOTIFY, raw: Uint8Array.of(3, 4, 0x9c, 0x40, 1, 2) };
  bench.refuses(INVALID_SYNTAX, INFORMATIONAL, [payload]);
  bench.over();
});

both(
  "§2.21.3",
  "A request that is malformed is answered with INVALID_SYNTAX, and ends the SA at both ends",
  (role) => {
    const bench = Bench.up(role);
    const short = { type: PayloadType.NOTIFY, raw: Uint8Array.of(1) };
    bench.refuses(INVALID_SYNTAX, INFORMATIONAL, [short]);
    bench.over();
  },
);

both(
  "§2.21.3",
  "INVALID_SYNTAX for what a peer could not have sent itself is not given away",
  (role) => {
    const bench = Bench.up(role);
    const { peer } = bench;
    const forged = peer.seal(peer.header(INFORMATIONAL), [{
      type: PayloadType.NOTIFY,
      raw: Uint8Array.of(1),
    }]);
    forged[forged.length - 1]! ^= 1;
    bench.ignores("a wrong ICV", forged);
    bench.stands();
  },
);

both("§2.21", "A malformed response is not answered, and the SA is cleaned up", (role) => {
  const bench = Bench.up(role);
  bench.tell({ kind: "liveness_check" });
  bench.said();
  bench.answer([{ type: PayloadType.NOTIFY, raw: Uint8Array.of(1) }]);
  assert.deepEqual(bench.said(), []);
  bench.over();
});

both("§2.21.3", "An exchange that nobody knows is answered with an error", (role) => {
  for (const exchange of [0, 99, 240]) {
    const bench = Bench.up(role);
    bench.refuses(INVALID_SYNTAX, exchange, []);
  }
});

check("§2.21.4", "A response outside any IKE SA is not answered", () => {
  const bench = new Bench("responder");
  const { peer } = bench;
  const octets = peer.init([notify(INVALID_IKE_SPI)], {
    response: true,
    spiR: 5n,
    initiator: false,
  });
  bench.ignores("an SPI nobody has", octets);
});

check("§1.5", "INVALID_SPI and INVALID_IKE_SPI outside any IKE SA are not answered", () => {
  for (const type of [NotifyType.INVALID_SPI, INVALID_IKE_SPI]) {
    for (const response of [false, true]) {
      const bench = new Bench("responder");
      const { peer } = bench;
      const octets = peer.init([notify(type)], { exchange: INFORMATIONAL, response, spiI: 0n });
      bench.ignores(/no SPI of ours|an SPI nobody has/, octets);
    }
  }
});

both(
  "§2.21.4",
  "INVALID_IKE_SPI in clear with an SA's SPIs is not answered and changes nothing",
  (role) => {
    const bench = Bench.up(role);
    const { peer } = bench;
    bench.tell({ kind: "liveness_check" });
    const { messageId } = bench.sa.window.request!;
    const octets = peer.init([notify(INVALID_IKE_SPI)], {
      exchange: INFORMATIONAL,
      messageId,
      response: true,
    });
    bench.ignores("a message in clear where it must be encrypted", octets);
    bench.answer([]);
    bench.stands();
  },
);

check("§2.21.4", "Other exchanges than IKE_SA_INIT do not begin an SA", () => {
  for (const exchange of [0, 35, 36, 37, IKE_SESSION_RESUME, 43, 44, 255]) {
    const bench = new Bench("responder");
    const { peer } = bench;
    const octets = peer.init(peer.initPayloads(), { exchange });
    bench.ignores("no SPI of ours, and no IKE_SA_INIT request", octets);
  }
});

check("§2.21.4", "Random octets cost a counter each, whatever their length", () => {
  const bench = Bench.up("responder");
  const { peer } = bench;
  for (let i = 0; i < 2_000; i++) bench.hear(peer.random.octets(i % 300), PATH);
  const drops = bench.dropped().length + bench.said().length;
  assert.ok(drops >= 2_000, `${drops}`);
  bench.stands();
});

check("§2.4", "Every reason of a drop is a name of few words, not of what a peer said", () => {
  const bench = Bench.up("responder");
  const { peer } = bench;
  for (let i = 0; i < 3_000; i++) {
    const octets = peer.random.octets(28 + i % 50);
    octets[17] = i % 3 ? 0x20 : octets[17]!;
    octets.set([0, 0, 0, octets.length], 24);
    if (i % 2) octets.set(peer.seal(peer.header(INFORMATIONAL), []).subarray(0, 16));
    bench.hear(octets);
  }
  assert.ok(bench.core.drops.size < 40, [...bench.core.drops.keys()].join("; "));
});

for (const role of ["initiator", "responder"] as Role[]) {
  check("§2.21", `A message as an earlier one of the SA, again, harms nothing: our ${role}`, () => {
    const bench = Bench.keyed(role);
    const { peer } = bench;
    const heard: Uint8Array[] = [role === "responder" ? peer.initRequest : peer.initResponse];
    if (role === "responder") {
      const auth = peer.seal(peer.header(35), peer.authPayloads());
      heard.push(auth);
      bench.hear(auth);
      peer.nextId++;
    } else {
      const auth = bench.response(peer.authPayloads());
      heard.push(auth);
      bench.hear(auth);
    }
    for (const octets of heard.slice(role === "responder" ? 1 : 0)) bench.hear(octets);
    bench.stands();
    for (let i = 0; i < 3; i++) bench.ask(INFORMATIONAL, []);
    for (const octets of heard.slice(1)) bench.hear(octets);
    bench.stands();
  });
}

absent(
  "§2.21.4",
  "A request with an unknown SPI is answered with INVALID_IKE_SPI in clear, if it is answered",
  "it is not answered: a counter says so; an answer would help nobody but who probes",
);
