// The IKE header and the Message IDs: RFC 7296 §2.1–§2.5, §3.1.
import assert from "node:assert/strict";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { encodeMessage, type Payload } from "@/wire/message.ts";
import { Bench, notify, PATH } from "./bench.ts";
import { checksOf } from "./entries.ts";

const { check, both, absent } = checksOf(import.meta.url);
const { INFORMATIONAL, IKE_AUTH, CREATE_CHILD_SA } = ExchangeType;
const ELSEWHERE = { ...PATH, peerAddress: Uint8Array.of(203, 0, 113, 9), peerPort: 777 };
const LATE_INIT = "a late copy of an IKE_SA_INIT request";

both("§2.1", "A repeated request gets the same response again, octet by octet", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  const request = peer.seal(peer.header(INFORMATIONAL), []);
  bench.hear(request);
  bench.hear(request);
  const [first, second] = bench.said();
  assert.deepEqual(second!.octets, first!.octets);
});

both("§2.1", "A repeated request does nothing but have its response repeated", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  const request = peer.seal(peer.header(CREATE_CHILD_SA), peer.createChild());
  bench.hear(request);
  peer.nextId++;
  bench.hear(request);
  assert.equal(bench.said().length, 2);
  bench.stands(2);
});

both("§2.1", "A request whose response is forgotten is ignored, not answered anew", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  const old = peer.seal(peer.header(INFORMATIONAL), []);
  bench.hear(old);
  peer.nextId++;
  bench.ask(INFORMATIONAL, []);
  bench.ignores("a request outside the window", old);
});

both("§2.1", "A responder never sends its response again of its own accord", (role) => {
  const bench = Bench.up(role);
  bench.ask(INFORMATIONAL, []);
  bench.pass(120_000);
  assert.deepEqual(bench.said(), []);
});

both(
  "§2.1",
  "A request is repeated until it is answered, and the SA then deemed failed",
  (role) => {
    const bench = Bench.up(role, { transmissionsMax: 4 });
    bench.tell({ kind: "liveness_check" });
    bench.pass(60_000);
    assert.deepEqual(bench.said().map((s) => s.transmission), [1, 2, 3, 4]);
    assert.match(bench.failure, /No answer to INFORMATIONAL after 4/);
  },
);

both("§2.1", "A request that is repeated is the same, octet by octet", (role) => {
  const bench = Bench.up(role, { transmissionsMax: 3 });
  bench.tell({ kind: "liveness_check" });
  bench.pass(60_000);
  const [first, ...others] = bench.said();
  assert.equal(others.length, 2);
  for (const { octets } of others) assert.deepEqual(octets, first!.octets);
});

check("§2.1", "A repeated IKE_SA_INIT request belongs to the half-open SA it began", () => {
  const bench = new Bench("responder");
  const { peer } = bench;
  const init = peer.init();
  bench.hear(init);
  bench.hear(init);
  const [first, second] = bench.said();
  assert.deepEqual(second!.octets, first!.octets);
  assert.equal(bench.core.halfOpen, 1);
});

check(
  "§2.1",
  "Another IKE_SA_INIT request with the SPI of a half-open SA is a new one",
  () => {
    const bench = new Bench("responder");
    const { peer } = bench;
    bench.hear(peer.init());
    const [sa, ke] = peer.initPayloads();
    bench.hear(peer.init([sa!, ke!, peer.nonce()]));
    const [first, second] = bench.said();
    assert.notEqual(first!.header.spiR, second!.header.spiR);
    assert.equal(bench.core.halfOpen, 2);
  },
);

check("§2.1", "A copy of an IKE_SA_INIT request gets no answer once IKE_AUTH was received", () => {
  const bench = Bench.up("responder");
  const { initRequest } = bench.peer;
  for (const path of [PATH, ELSEWHERE]) bench.ignores(LATE_INIT, initRequest, path);
  assert.deepEqual([bench.core.halfOpen, bench.core.bySpi.size], [0, 1]);
});

check("§2.1", "Nor for a minute after the SA that it made has ended", () => {
  const bench = Bench.up("responder");
  const { peer } = bench;
  const { initRequest } = peer;
  bench.ask(INFORMATIONAL, [{ type: PayloadType.DELETE, protocol: 1, spis: [] }]);
  for (let seconds = 0; seconds < 60; seconds += 10) {
    bench.ignores(LATE_INIT, initRequest);
    bench.pass(10_000);
  }
  assert.equal(bench.core.bySpi.size, 0);
  bench.hear(initRequest);
  assert.equal(bench.core.halfOpen, 1);
});

check("§2.1", "A copy of an IKE_SA_INIT request that failed to authenticate is passed over", () => {
  const bench = Bench.keyed("responder");
  const { peer } = bench;
  bench.refuses(NotifyType.AUTHENTICATION_FAILED, IKE_AUTH, [
    peer.identity(),
    peer.auth(peer.id, new TextEncoder().encode("a wrong secret")),
    ...peer.childPayloads(),
  ]);
  bench.ignores(LATE_INIT, peer.initRequest);
  bench.over();
});

check(
  "§2.1",
  "A copy of an IKE_SA_INIT request is answered where it came from, and moves nothing",
  () => {
    const bench = Bench.keyed("responder");
    const { initRequest } = bench.peer;
    bench.said();
    bench.hear(initRequest, ELSEWHERE);
    assert.deepEqual(bench.said().map(({ path }) => path), [ELSEWHERE]);
    assert.deepEqual([bench.sa.path, bench.core.halfOpen], [PATH, 1]);
  },
);

check("§2.1", "An IKE_SA_INIT request that is refused leaves nothing behind", () => {
  const bench = new Bench("responder");
  const { peer } = bench;
  const [sa, ke, nonce] = peer.initPayloads();
  const other = [{ ...ke!, group: KeGroup.MODP_2048 } as Payload, nonce!];
  for (let i = 0; i < 100; i++) {
    peer.spiI++;
    bench.hear(peer.init([sa!, ...other]));
    bench.hear(peer.init([sa!, ke!]));
  }
  assert.equal(bench.said().length, 200);
  const { bySpi, newcomers } = bench.core;
  const { byRequest, ended, lingering } = newcomers;
  assert.deepEqual([bySpi, byRequest, ended, lingering].map(({ size }) => size), [0, 0, 0, 0]);
  assert.equal(bench.core.halfOpen, 0);
});

both(
  "§2.1",
  "A repeat is known by its octets: a header with its SPIs and ID gets nothing",
  (role) => {
    const bench = Bench.up(role);
    const { peer } = bench;
    bench.ask(INFORMATIONAL, []);
    const messageId = peer.nextId - 1;
    for (const exchange of [ExchangeType.IKE_SA_INIT, INFORMATIONAL]) {
      bench.hear(encodeMessage(peer.header(exchange, { messageId }), []), ELSEWHERE);
    }
    bench.hear(peer.seal(peer.header(INFORMATIONAL, { messageId }), []), ELSEWHERE);
    assert.deepEqual(bench.said(), []);
    bench.stands();
  },
);

check(
  "§2.1",
  "A header with the SPIs of a half-open SA does not get its IKE_SA_INIT response",
  () => {
    const bench = Bench.keyed("responder");
    const { peer } = bench;
    bench.said();
    for (const spiR of [0n, peer.spiR]) {
      bench.hear(encodeMessage(peer.header(ExchangeType.IKE_SA_INIT, { messageId: 0, spiR }), []));
    }
    const octets = bench.said().reduce((sum, said) => sum + said.octets.length, 0);
    assert.ok(octets < 2 * 28 + 20, `${octets} octets for two headers`);
  },
);

both(
  "§2.1",
  "Copies of a request get ten answers within a second, from wherever they come",
  (role) => {
    const bench = Bench.up(role);
    const { peer } = bench;
    const request = peer.seal(peer.header(INFORMATIONAL), []);
    bench.hear(request);
    peer.nextId++;
    for (let i = 0; i < 50; i++) bench.hear(request, ELSEWHERE);
    assert.equal(bench.said().length, 1 + 10);
    assert.equal(bench.sa.path, PATH);
    bench.pass(1_000);
    bench.hear(request, ELSEWHERE);
    assert.deepEqual(bench.said().map(({ path }) => path), [ELSEWHERE]);
    bench.stands();
  },
);

both(
  "§2.2",
  "The first request of either end after IKE_SA_INIT has the Message ID next to its last",
  (role) => {
    const bench = Bench.up(role);
    const first = role === "responder" ? 2 : 0;
    assert.equal(bench.peer.nextId, first);
    for (const messageId of [first + 1, first + 2, 0xffffffff]) {
      const header = bench.peer.header(INFORMATIONAL, { messageId });
      bench.ignores("a request outside the window", bench.peer.seal(header, []));
    }
    bench.stands();
  },
);

both("§2.2", "A response counts only with the Message ID of the request that is out", (role) => {
  const bench = Bench.up(role);
  bench.tell({ kind: "liveness_check" });
  const { messageId } = bench.sa.window.request!;
  for (const other of [messageId + 1, messageId + 2 ** 31]) {
    bench.ignores("a response to another request", bench.response([], { messageId: other }));
  }
  bench.answer([]);
  assert.equal(bench.sa.window.request, undefined);
});

both(
  "§2.2",
  "An SA whose Message IDs come to their end is rekeyed before they are spent",
  (role) => {
    const ours = Bench.up(role);
    const theirs = Bench.up(role);
    ours.sa.window.nextRequestId = 0xfffeffff;
    ours.tell({ kind: "liveness_check" });
    ours.answer([]);
    ours.pass(1);
    assert.deepEqual(ours.said().map((s) => s.header.exchange), [INFORMATIONAL, CREATE_CHILD_SA]);
    theirs.peer.nextId = theirs.sa.window.nextPeerId = 0xfffeffff;
    theirs.ask(INFORMATIONAL, []);
    theirs.pass(1);
    assert.deepEqual(theirs.said().map((s) => s.header.exchange), [CREATE_CHILD_SA]);
  },
);

both("§2.2", "No Message ID is used twice: an SA that has none left is closed", (role) => {
  const bench = Bench.up(role);
  bench.sa.window.nextRequestId = 0xffffffff;
  bench.tell({ kind: "liveness_check" });
  bench.answer([]);
  bench.tell({ kind: "liveness_check" });
  bench.over();
  assert.match(bench.failure, /no Message ID left/);
});

both("§2.3", "A request outside the window is ignored and not acknowledged", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  const header = peer.header(INFORMATIONAL, { messageId: peer.nextId + 1 });
  bench.ignores("a request outside the window", peer.seal(header, []));
  bench.stands();
});

both("§2.3", "The next request waits for the response to the one that is out", (role) => {
  const bench = Bench.up(role);
  bench.tell({ kind: "liveness_check" });
  bench.tell({ kind: "liveness_check" });
  assert.equal(bench.said().length, 1);
  bench.answer([]);
  assert.equal(bench.said().length, 1);
});

both("§2.3", "A request of the peer is answered while one of ours is out", (role) => {
  const bench = Bench.up(role);
  bench.tell({ kind: "liveness_check" });
  bench.said();
  assert.deepEqual(bench.ask(INFORMATIONAL, []), []);
  assert.ok(bench.sa.window.request);
});

both(
  "§2.3",
  "SET_WINDOW_SIZE carries four octets, and a larger window need not be used",
  (role) => {
    const bench = Bench.up(role);
    const wide = notify(NotifyType.SET_WINDOW_SIZE, Uint8Array.of(0, 0, 0, 9));
    assert.deepEqual(bench.ask(INFORMATIONAL, [wide]), []);
    bench.tell({ kind: "liveness_check" });
    bench.tell({ kind: "liveness_check" });
    assert.equal(bench.said().length, 1);
    bench.answer([]);
    bench.answer([]);
    const short = notify(NotifyType.SET_WINDOW_SIZE, Uint8Array.of(9));
    bench.refuses(NotifyType.INVALID_SYNTAX, INFORMATIONAL, [short]);
  },
);

both("§2.3", "INVALID_MESSAGE_ID in a request changes nothing", (role) => {
  const bench = Bench.up(role);
  const said = notify(NotifyType.INVALID_MESSAGE_ID, Uint8Array.of(0, 0, 0, 7));
  assert.deepEqual(bench.ask(INFORMATIONAL, [said]), []);
  bench.stands();
});

both("§2.4", "A message without a right ICV is no sign of life and no sign of death", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  const forged = peer.seal(peer.header(INFORMATIONAL), []);
  forged[forged.length - 1]! ^= 1;
  bench.nowMs += 5_000;
  bench.ignores("a wrong ICV", forged);
  bench.stands();
});

both("§2.4", "What arrives in clear does not make an SA fail", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  const errors = [NotifyType.INVALID_IKE_SPI, NotifyType.AUTHENTICATION_FAILED];
  for (const error of errors) {
    const clear = peer.init([notify(error)], { exchange: INFORMATIONAL, messageId: peer.nextId });
    bench.ignores("a message in clear where it must be encrypted", clear);
  }
  bench.stands();
});

both("§2.4", "Only silence over all transmissions, or INITIAL_CONTACT, ends an SA", (role) => {
  const bench = Bench.up(role, { transmissionsMax: 3 });
  const { peer } = bench;
  bench.tell({ kind: "liveness_check" });
  for (let i = 0; i < 20; i++) {
    bench.hear(peer.init([], { exchange: INFORMATIONAL, response: true }));
  }
  assert.equal(bench.sa.phase, "established");
  bench.pass(60_000);
  bench.over();
});

check("§2.4", "INITIAL_CONTACT counts only under the identity that it authenticates", () => {
  const bench = Bench.up("responder");
  const { peer } = bench;
  const init = [notify(NotifyType.INITIAL_CONTACT)];
  assert.deepEqual(bench.ask(INFORMATIONAL, init), []);
  bench.stands();
  const clear = peer.init(init, { exchange: IKE_AUTH, messageId: peer.nextId });
  bench.ignores("a message in clear where it must be encrypted", clear);
});

absent(
  "§2.4",
  "Intervals between retransmissions grow exponentially",
  "the setup decides: `retranbackoff` 1 keeps them constant, 2 doubles them",
);

check("§2.5", "A higher major version is dropped, and its sender told the highest we speak", () => {
  const bench = new Bench("responder");
  const { peer } = bench;
  bench.hear(peer.init(peer.initPayloads(), { majorVersion: 3 }));
  assert.deepEqual(bench.dropped(), ["IKE version 3"]);
  const [{ header, payloads }] = bench.said() as [ReturnType<Bench["said"]>[0]];
  assert.deepEqual(payloads, [notify(NotifyType.INVALID_MAJOR_VERSION, Uint8Array.of(2))]);
  assert.deepEqual([header.majorVersion, header.response], [2, true]);
  assert.equal(bench.core.bySpi.size, 0);
});

both("§2.5", "A response of a higher major version is never answered", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  const response = peer.init([], { exchange: INFORMATIONAL, response: true, majorVersion: 3 });
  bench.ignores("IKE version 3", response);
});

both("§2.5", "A lower major version is dropped without a word", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  bench.ignores("IKE version 1", peer.init(peer.initPayloads(), { majorVersion: 1 }));
});

both("§2.5", "The minor version is ignored", (role) => {
  const bench = Bench.up(role);
  for (const minorVersion of [1, 15]) {
    assert.deepEqual(bench.ask(INFORMATIONAL, [], { minorVersion }), []);
  }
});

check("§2.5", "Answers to unprotected messages of a higher version are limited in rate", () => {
  const bench = new Bench("responder");
  const { peer } = bench;
  for (let i = 0; i < 1_000; i++) bench.hear(peer.init([], { majorVersion: 9 }));
  assert.equal(bench.dropped().length, 1_000);
  const answers = bench.said().length;
  assert.ok(answers > 0 && answers <= 20, `${answers} answers within a moment`);
  bench.pass(10_000);
  bench.hear(peer.init([], { majorVersion: 9 }));
  assert.equal(bench.said().length, 1);
});

both("§3.1", "Bits of the flags that have no meaning are ignored", (role) => {
  const bench = new Bench(role);
  const { peer } = bench;
  if (role === "initiator") peer.learn(bench.said()[0]!.octets);
  const octets = peer.init();
  octets[19]! |= 0xc7;
  bench.hear(octets);
  if (role === "responder") peer.learn(bench.said()[0]!.octets);
  assert.equal(bench.sa.phase, "created");
});

both("§3.1", "The version bit is ignored", (role) => {
  const bench = Bench.up(role);
  assert.deepEqual(bench.ask(INFORMATIONAL, [], { higherVersion: true }), []);
});

both(
  "§3.1",
  "A message whose I flag does not tell its sender's part in the SA is dropped",
  (role) => {
    const bench = Bench.up(role);
    const { peer } = bench;
    const initiator = role === "initiator";
    const octets = peer.seal(peer.header(INFORMATIONAL, { initiator }), []);
    bench.ignores("an SPI nobody has", octets);
  },
);

both("§3.1", "Each SPI stands in its own field, as the I flag says", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  const { spiI, spiR } = peer;
  const swapped = { spiI: spiR, spiR: spiI, initiator: role === "initiator" };
  bench.ignores("a wrong I flag", peer.seal(peer.header(INFORMATIONAL, swapped), []));
});

both("§3.1", "A response is never answered", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  const header = peer.header(INFORMATIONAL, { response: true });
  bench.ignores("a response nobody waits for", peer.seal(header, []));
});

both("§3.1", "A request does not pass for the response that is awaited", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  bench.tell({ kind: "liveness_check" });
  const { messageId } = bench.sa.window.request!;
  bench.said();
  bench.hear(peer.seal(peer.header(INFORMATIONAL, { messageId }), []));
  assert.ok(bench.sa.window.request);
});

both("§3.1", "A response of another exchange than the request's is dropped", (role) => {
  const bench = Bench.up(role);
  bench.tell({ kind: "liveness_check" });
  const octets = bench.response([], { exchange: CREATE_CHILD_SA });
  bench.ignores("a response of another exchange", octets);
});

check("§3.1", "The initiator's SPI is never zero", () => {
  const bench = new Bench("responder");
  const { peer } = bench;
  peer.spiI = 0n;
  bench.ignores("no SPI of ours, and no IKE_SA_INIT request", peer.init());
});

check("§3.1", "The responder's SPI is zero in the first request", () => {
  const bench = new Bench("responder");
  const { peer } = bench;
  bench.ignores("an SPI nobody has", peer.init(peer.initPayloads(), { spiR: 7n }));
});

check("§3.1", "The first request has Message ID 0", () => {
  const bench = new Bench("responder");
  const { peer } = bench;
  const octets = peer.init(peer.initPayloads(), { messageId: 1 });
  bench.ignores("no SPI of ours, and no IKE_SA_INIT request", octets);
});

both("§3.1", "A message with an SPI that no SA has is not answered as if it had one", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  const spi = role === "initiator" ? { spiI: 99n } : { spiR: 99n };
  bench.ignores("an SPI nobody has", peer.seal(peer.header(INFORMATIONAL, spi), []));
});

both("§3.1", "Both SPIs must be the SA's", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  const spi = role === "initiator" ? { spiR: 99n } : { spiI: 99n };
  const octets = peer.seal(peer.header(INFORMATIONAL, spi), []);
  bench.ignores("a peer SPI that is not the SA's", octets);
});

both("§3.1", "Length is that of the whole message", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  const octets = peer.seal(peer.header(INFORMATIONAL), []);
  const reason = "a Length that is not the datagram's";
  bench.ignores(reason, octets.slice(0, -1));
  bench.ignores(reason, Uint8Array.of(...octets, 0));
  bench.ignores("shorter than an IKE header", octets.slice(0, 27));
  bench.ignores("shorter than an IKE header", new Uint8Array(0));
});

both("§2", "A message of 1,280 octets and more, up to a datagram's limit, is processed", (role) => {
  const bench = Bench.up(role);
  for (const size of [1_280, 3_000, 60_000]) {
    const long = notify(40_000, new Uint8Array(size));
    assert.deepEqual(bench.ask(INFORMATIONAL, [long]), []);
  }
});

check("§1", "IKE_AUTH before IKE_SA_INIT is through is dropped", () => {
  const bench = new Bench("responder");
  const { peer } = bench;
  bench.computes = false;
  bench.hear(peer.init());
  const spiR = bench.sa.spiR;
  const octets = peer.init([notify(NotifyType.INITIAL_CONTACT)], {
    exchange: IKE_AUTH,
    messageId: 1,
    spiR,
  });
  bench.ignores("an encrypted message before there are keys", octets);
});

both("§1", "No other exchange takes place before IKE_AUTH is through", (role) => {
  const bench = Bench.keyed(role);
  const { peer } = bench;
  for (const exchange of [CREATE_CHILD_SA, INFORMATIONAL]) {
    const octets = peer.seal(peer.header(exchange), []);
    bench.ignores(/ to an SA that is not authenticated$/, octets);
  }
});

both("§1", "IKE_AUTH and IKE_SA_INIT do not take place again once the SA is up", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  const auth = peer.seal(peer.header(IKE_AUTH), peer.authPayloads());
  bench.ignores("IKE_AUTH to an SA that does not wait for it", auth);
  const init = peer.init(peer.initPayloads(), { messageId: peer.nextId, response: false });
  bench.ignores("an IKE_SA_INIT message to an SA that has keys", init);
  bench.stands();
});

both("§2.11", "A response goes to the address and port that its request came from", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  const elsewhere = { ...PATH, peerAddress: Uint8Array.of(10, 9, 9, 9), peerPort: 40_123 };
  bench.hear(peer.seal(peer.header(INFORMATIONAL), []), elsewhere);
  const [{ path }] = bench.said() as [ReturnType<Bench["said"]>[0]];
  assert.deepEqual([path.peerAddress, path.peerPort], [elsewhere.peerAddress, 40_123]);
});

both("§2.11", "A response leaves from the address and port that its request came to", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  const other = { ...PATH, ownAddress: Uint8Array.of(10, 0, 0, 77), ownPort: 4_500 };
  bench.hear(peer.seal(peer.header(INFORMATIONAL), []), other);
  const [{ path }] = bench.said() as [ReturnType<Bench["said"]>[0]];
  assert.deepEqual([path.ownAddress, path.ownPort], [other.ownAddress, 4_500]);
});

check("§2.11", "A request is taken from any source port", () => {
  const bench = new Bench("responder");
  const { peer } = bench;
  bench.hear(peer.init(), { ...PATH, peerPort: 1_027 });
  const [{ path }] = bench.said() as [ReturnType<Bench["said"]>[0]];
  assert.equal(path.peerPort, 1_027);
});
