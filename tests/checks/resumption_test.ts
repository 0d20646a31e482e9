// Session resumption by tickets: hand-made messages of a client, and both ends in one world. RFC 5723.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { concat, toHex } from "@/base/bytes.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { gatewayAt, gatewayData } from "@/ike/negotiate/gateway_identity.ts";
import { ikeKeys, resumedIkeKeys, spiOctets } from "@/ike/negotiate/keymat.ts";
import { ikeProposals } from "@/ike/negotiate/proposal.ts";
import { openTicket, sealTicket } from "@/ike/negotiate/ticket.ts";
import type { IkeConfig } from "@/ike/records/config.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { findNotify } from "@/ike/records/notify.ts";
import type { OpenedTicket, SessionTicket } from "@/ike/records/resumption.ts";
import type { TicketIssuing } from "@/ike/records/ticket_issuing.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { SUITES } from "@/sim/scenarios.ts";
import { encodeMessage, findPayload, type Payload } from "@/wire/message.ts";
import { CRYPTO, established, type TwoHosts, twoHosts } from "../two_hosts.ts";
import { Bench, notify } from "./bench.ts";
import { checksOf } from "./entries.ts";

const { check } = checksOf(import.meta.url);
const { CREATE_CHILD_SA, IKE_AUTH, IKE_SESSION_RESUME, INFORMATIONAL } = ExchangeType;
const { TICKET_REQUEST, TICKET_LT_OPAQUE, TICKET_ACK, TICKET_NACK, TICKET_OPAQUE, COOKIE } =
  NotifyType;
const LIFETIME_MS = 600_000;
const ISSUES: TicketIssuing = {
  keyId: new Uint8Array(8).fill(1),
  key: new Uint8Array(32).fill(2),
  lifetimeMs: LIFETIME_MS,
};
const GATEWAY: Partial<IkeConfig> = { resumption: { asks: false, issues: ISSUES } };
const CLIENT: Partial<IkeConfig> = { resumption: { asks: true } };
const NONCE = new Uint8Array(32).fill(9);
const OTHER = gatewayAt(Uint8Array.of(10, 0, 0, 9));

/** A gateway of ours that has given a ticket to a scripted client. */
function ticketed(change: Partial<IkeConfig> = {}): { bench: Bench; opaque: Uint8Array } {
  const bench = Bench.keyed("responder", { ...GATEWAY, ...change });
  const { peer } = bench;
  const answer = bench.ask(IKE_AUTH, [...peer.authPayloads(), notify(TICKET_REQUEST)]);
  const data = findNotify(answer, TICKET_LT_OPAQUE)!.data;
  return { bench, opaque: data.slice(4) };
}

/** An IKE_SESSION_RESUME request of a client with an SPI of its own. */
function request(payloads: readonly Payload[], spiI = 0x7777777788888888n): Uint8Array {
  const header = { spiI, spiR: 0n, exchange: IKE_SESSION_RESUME, messageId: 0 };
  return encodeMessage({ ...header, initiator: true, response: false }, payloads);
}

function presents(opaque: Uint8Array, nonce: Uint8Array = NONCE): Payload[] {
  return [{ type: PayloadType.NONCE, data: nonce }, notify(TICKET_OPAQUE, opaque)];
}

/** Checks that the ticket is answered by TICKET_NACK alone, and why. */
function nacked(bench: Bench, opaque: Uint8Array, cause: string): void {
  bench.said();
  const before = bench.live.length;
  bench.hear(request(presents(opaque)));
  const [said] = bench.said();
  assert.equal(said!.header.exchange, IKE_SESSION_RESUME);
  assert.equal(said!.header.spiR, 0n);
  assert.equal(said!.payloads.length, 1);
  assert.ok(findNotify(said!.payloads, TICKET_NACK));
  const refused = bench.effects.findLast(({ kind }) => kind === "ticket_refused");
  assert.equal(refused?.kind === "ticket_refused" && refused.cause, cause);
  assert.equal(bench.live.length, before, "nothing is kept of it");
}

/** Two ends that have a tunnel and a ticket for it. */
function both(options: Parameters<typeof twoHosts>[0] = {}): TwoHosts & { ticket: SessionTicket } {
  const hosts = twoHosts({
    ...options,
    a: { ...CLIENT, ...options.a },
    b: { ...GATEWAY, ...options.b },
  });
  hosts.world.dial(hosts.a, hosts.b);
  runQuietly(hosts);
  return { ...hosts, ticket: hosts.world.tickets.get(hosts.a)! };
}

/** Runs a world whose clients ask for no further ticket. */
function runQuietly({ world, a }: TwoHosts): void {
  world.at(world.nowMs + 1_000, () => {
    for (const sa of established(a)) sa.peer.ticketDueMs = sa.deadlineMs = Infinity;
  });
  world.run();
}

function lose({ world, a }: TwoHosts): IkeSa {
  const [sa] = established(a);
  world.tell(a, sa!, { kind: "abandon", closeCode: CloseCode.NO_ANSWER, why: "lost" });
  return sa!;
}

check(
  "RFC 5723 §4.1",
  "A client asks for a ticket in its first IKE_AUTH request where it resumes",
  () => {
    for (const [change, asks] of [[{}, false], [CLIENT, true]] as const) {
      const bench = Bench.keyed("initiator", change);
      const { payloads } = bench.said().at(-1)!;
      assert.equal(findNotify(payloads, TICKET_REQUEST) !== undefined, asks);
    }
  },
);

check(
  "RFC 5723 §4.2",
  "A gateway that is asked for a ticket gives one with its lifetime, or says TICKET_NACK; unasked it gives none",
  () => {
    const answers = (change: Partial<IkeConfig>, asks: boolean) => {
      const bench = Bench.keyed("responder", change);
      const { peer } = bench;
      return bench.ask(IKE_AUTH, [
        ...peer.authPayloads(),
        ...(asks ? [notify(TICKET_REQUEST)] : []),
      ]);
    };
    const given = findNotify(answers(GATEWAY, true), TICKET_LT_OPAQUE)!.data;
    assert.equal(new DataView(given.buffer, given.byteOffset).getUint32(0), LIFETIME_MS / 1_000);
    assert.ok(findNotify(answers({}, true), TICKET_NACK));
    assert.equal(findNotify(answers(GATEWAY, false), TICKET_LT_OPAQUE), undefined);
  },
);

check("RFC 5723 §6.2", "A ticket is good no longer than the IKE SA and its authentication", () => {
  const lifetime = (change: Partial<IkeConfig>) => {
    const bench = Bench.keyed("responder", { ...GATEWAY, ...change });
    const { peer } = bench;
    const { data } = findNotify(
      bench.ask(IKE_AUTH, [...peer.authPayloads(), notify(TICKET_REQUEST)]),
      TICKET_LT_OPAQUE,
    )!;
    return new DataView(data.buffer, data.byteOffset).getUint32(0);
  };
  assert.equal(lifetime({ ikeLifetimeMs: 60_000 }), 60);
  assert.equal(lifetime({ reauth: { lifetimeMs: 30_000 } }), 30);
});

check(
  "RFC 5723 §6.2",
  "A later ticket is good for what is left of the authentication, and there is none at its end",
  () => {
    const { bench } = ticketed({ reauth: { lifetimeMs: 60_000 } });
    const ask = () => bench.ask(INFORMATIONAL, [notify(TICKET_REQUEST)]);
    bench.pass(55_000);
    const { data } = findNotify(ask(), TICKET_LT_OPAQUE)!;
    assert.equal(new DataView(data.buffer, data.byteOffset).getUint32(0), 5);
    bench.pass(4_500);
    assert.ok(findNotify(ask(), TICKET_NACK));
  },
);

check(
  "RFC 5723 §6.2",
  "A resumption does not prolong an authentication, at this gateway or after its restart",
  () => {
    const lifetimeMs = 60_000;
    const reauth = { lifetimeMs };
    const hosts = twoHosts({
      a: { ...CLIENT, reauth: { lifetimeMs: 0 } },
      b: { ...GATEWAY, reauth },
    });
    const { world, a, b } = hosts;
    const ends: number[] = [];
    const wanted: number[] = [];
    world.dial(a, b);
    for (const atMs of [20_000, 40_000]) {
      world.at(atMs, () => {
        if (atMs === 40_000) world.restart(b);
        lose(hosts);
        world.dial(a, b, 0, { ticket: world.tickets.get(a)! });
        world.at(atMs + 500, () => {
          const sa = established(b)[0]!;
          assert.equal(sa.peer.resumed, true);
          ends.push(sa.peer.authEndMs);
          wanted.push(established(a)[0]!.peer.reauthMs);
        });
      });
    }
    world.run();
    assert.equal(ends.length, 2);
    // A ticket has whole seconds.
    for (const end of ends) {
      assert.ok(end > lifetimeMs - 1_000 && end < lifetimeMs + 1_000, `${end}`);
    }
    for (const due of wanted) assert.ok(due < lifetimeMs + 1_000, "AUTH_LIFETIME has what is left");
    assert.deepEqual(established(b), [], "the gateway ends it");
  },
);

check("RFC 5723 §6.2", "A ticket of an authentication that is over by now is refused", () => {
  const { bench, opaque } = ticketed();
  const opened = openTicket(CRYPTO, ISSUES, opaque) as OpenedTicket;
  const { oldSpi: spi, expiresEpochMs, authenticatedEpochMs } = opened;
  const content = { session: opened, spi, expiresEpochMs, authenticatedEpochMs };
  const sealed = sealTicket(CRYPTO, ISSUES, { content, id: new Uint8Array(16) });
  const shorter = new Bench("responder", { ...GATEWAY, reauth: { lifetimeMs: 30_000 } });
  shorter.pass(31_000);
  nacked(shorter, sealed, "TICKET_EXPIRED");
  bench.pass(31_000);
  bench.hear(request(presents(sealed)));
  assert.equal(findNotify(bench.said()[0]!.payloads, TICKET_NACK), undefined);
});

check(
  "RFC 5723 §4.3.2",
  "A client that is asked for cookies without end sets up a whole IKE SA",
  () => {
    const bench = new Bench("initiator", CLIENT);
    bench.said();
    bench.resume(both().ticket);
    for (let cookies = 0; cookies < 9; cookies++) {
      const { header } = bench.said()[0]!;
      assert.equal(header.exchange, IKE_SESSION_RESUME);
      const again = { ...header, initiator: false, response: true };
      bench.hear(encodeMessage(again, [notify(COOKIE, Uint8Array.of(cookies, 1))]));
    }
    assert.equal(bench.said()[0]!.header.exchange, ExchangeType.IKE_SA_INIT);
    const refused = bench.effects.findLast(({ kind }) => kind === "resumption_refused");
    assert.equal(refused?.kind === "resumption_refused" && refused.cause, "COOKIE");
  },
);

check("RFC 5723 §4.1", "A gateway gives a ticket in INFORMATIONAL as well", () => {
  const { bench } = ticketed();
  assert.ok(findNotify(bench.ask(INFORMATIONAL, [notify(TICKET_REQUEST)]), TICKET_LT_OPAQUE));
});

check("RFC 5723 §4.1", "A client that is told TICKET_ACK asks again in INFORMATIONAL", () => {
  const bench = Bench.keyed("initiator", CLIENT);
  const { peer } = bench;
  bench.said();
  bench.answer([...peer.authPayloads(), notify(TICKET_ACK)]);
  bench.pass(0);
  const [asked] = bench.said();
  assert.equal(asked!.header.exchange, INFORMATIONAL);
  assert.ok(findNotify(asked!.payloads, TICKET_REQUEST));
  bench.answer([notify(TICKET_LT_OPAQUE, Uint8Array.of(0, 0, 0, 60, 1, 2, 3))]);
  const given = bench.effects.findLast(({ kind }) => kind === "ticket_given");
  assert.ok(given?.kind === "ticket_given");
  assert.deepEqual(given.ticket.opaque, Uint8Array.of(1, 2, 3));
  assert.equal(given.ticket.expiresMs, bench.nowMs + 60_000);
});

check(
  "RFC 5723 §4.1",
  "A client does not ask without end, whatever its gateway answers: TICKET_ACK again, or short lifetimes",
  () => {
    const ticket = (seconds: number) =>
      notify(TICKET_LT_OPAQUE, Uint8Array.of(0, 0, 0, seconds, 1, 2, 3));
    /** The times of requests for tickets, in milliseconds, of a client that always has the same answer. */
    const asked = (answer: Payload, overMs: number) => {
      const bench = Bench.keyed("initiator", CLIENT);
      bench.said();
      bench.answer([...bench.peer.authPayloads(), answer]);
      const timesMs: number[] = [];
      while (bench.nowMs < overMs && timesMs.length < 20) {
        const asks = bench.said().some(({ payloads }) => findNotify(payloads, TICKET_REQUEST));
        if (!asks) {
          bench.pass(250);
          continue;
        }
        timesMs.push(bench.nowMs);
        bench.answer([answer]);
        bench.pass(0);
      }
      const notes = bench.effects.flatMap((one) =>
        one.kind === "note" && one.level === 3 ? [one.text] : []
      );
      return { timesMs, notes, given: bench.effects.some(({ kind }) => kind === "ticket_given") };
    };
    const repeats = asked(notify(TICKET_ACK), 5_000);
    assert.equal(repeats.timesMs.length, 1, "TICKET_ACK says to ask once more");
    assert.match(repeats.notes.join(), /promised a ticket \(TICKET_ACK\) and does not give it/);
    const expired = asked(ticket(0), 5_000);
    assert.deepEqual([expired.timesMs, expired.given], [[], false]);
    assert.match(expired.notes.join(), /a lifetime of 0 s: it is not kept/);
    assert.deepEqual(asked(ticket(1), 4_000).timesMs, [1_000, 2_000, 3_000]);
  },
);

check(
  "RFC 5723 §4.1",
  "After a rekey of the IKE SA a client asks for a ticket of the new SK_d",
  () => {
    const hosts = both();
    const [sa] = established(hosts.a);
    hosts.world.tell(hosts.a, sa!, { kind: "rekey_ike" });
    runQuietly(hosts);
    const [by] = established(hosts.a);
    const { skD } = hosts.world.tickets.get(hosts.a)!;
    assert.deepEqual(skD, ikeKeys(by!.suite!, by!.keys!).d);
  },
);

check(
  "RFC 5723 §4.1",
  "A client asks for the ticket with its own rekey, and is given it there",
  () => {
    const hosts = both();
    const [sa] = established(hosts.a);
    const from = hosts.world.ladder.length;
    hosts.world.tell(hosts.a, sa!, { kind: "rekey_ike" });
    runQuietly(hosts);
    const ladder = hosts.world.ladder.slice(from).join("\n");
    assert.match(ladder, /CREATE_CHILD_SA req \d+ {[^}]*N\(TICKET_REQUEST\)/);
    assert.match(ladder, /CREATE_CHILD_SA resp \d+ {[^}]*N\(TICKET_LT_OPAQUE\)/);
    assert.doesNotMatch(ladder, /INFORMATIONAL req \d+ {N\(TICKET_REQUEST\)/);
    lose(hosts);
    hosts.world.dial(hosts.a, hosts.b, 0, { ticket: hosts.world.tickets.get(hosts.a)! });
    runQuietly(hosts);
    assert.equal(established(hosts.a)[0]?.peer.resumed, true);
  },
);

check(
  "RFC 5723 §4.1",
  "A gateway with key exchanges to come, or no tickets, says so in CREATE_CHILD_SA",
  () => {
    const answers = (change: Partial<IkeConfig>, additional: number[][] = []) => {
      const bench = Bench.up("responder", change);
      const [, ...others] = bench.peer.rekeyIke();
      const spi = spiOctets(0x5555555566666666n);
      const proposals = ikeProposals({ ...SUITES[0]!, additional }, spi);
      const sa = { type: PayloadType.SA, proposals } as const;
      const answer = bench.ask(CREATE_CHILD_SA, [sa, ...others, notify(TICKET_REQUEST)]);
      return [TICKET_ACK, TICKET_NACK, TICKET_LT_OPAQUE].filter((one) => findNotify(answer, one));
    };
    const algorithms = { ...SUITES[0]!, additional: [[KeGroup.ML_KEM_768, KeGroup.NONE]] };
    assert.deepEqual(answers({ ...GATEWAY, algorithms }, [[KeGroup.ML_KEM_768]]), [TICKET_ACK]);
    assert.deepEqual(answers({}), [TICKET_NACK]);
    assert.deepEqual(answers(GATEWAY), [TICKET_LT_OPAQUE]);
  },
);

check("RFC 5723 §4.1", "A client does not answer TICKET_REQUEST in CREATE_CHILD_SA", () => {
  const bench = Bench.up("initiator");
  const answer = bench.ask(CREATE_CHILD_SA, [...bench.peer.rekeyIke(), notify(TICKET_REQUEST)]);
  for (const type of [TICKET_ACK, TICKET_NACK, TICKET_LT_OPAQUE]) {
    assert.equal(findNotify(answer, type), undefined);
  }
});

check("RFC 5723 §4.1", "A client replaces its ticket before that expires", () => {
  const bench = Bench.keyed("initiator", CLIENT);
  const { peer } = bench;
  bench.answer([
    ...peer.authPayloads(),
    notify(TICKET_LT_OPAQUE, Uint8Array.of(0, 0, 0, 60, 1, 2, 3)),
  ]);
  bench.said();
  bench.pass(44_000);
  assert.deepEqual(bench.said(), []);
  bench.pass(1_000);
  assert.ok(findNotify(bench.said()[0]!.payloads, TICKET_REQUEST));
});

check(
  "RFC 5723 §4.3.2",
  "Both ends go on by IKE_SESSION_RESUME in clear and one IKE_AUTH; the IKE SA before is dropped without a Delete",
  () => {
    const hosts = both();
    const { world, a, b, ticket } = hosts;
    const from = world.ladder.length;
    lose(hosts);
    world.dial(a, b, 0, { ticket });
    runQuietly(hosts);
    const lines = world.ladder.slice(from).map((line) => line.slice(11));
    assert.deepEqual(lines.slice(1), [
      "a -> b  IKE_SESSION_RESUME req 0 {Ni, N(TICKET_OPAQUE), N(NAT_DETECTION_SOURCE_IP), " +
      "N(NAT_DETECTION_DESTINATION_IP)}",
      "b -> a  IKE_SESSION_RESUME resp 0 {Nr, N(NAT_DETECTION_SOURCE_IP), " +
      "N(NAT_DETECTION_DESTINATION_IP)}",
      "a -> b  IKE_AUTH req 1 {IDi, N(TICKET_REQUEST), IDr, AUTH, SAi, TSi, TSr}",
      "b: closed",
      "b -> a  IKE_AUTH resp 1 {IDr, N(TICKET_LT_OPAQUE), AUTH, SAr, TSi, TSr}",
      "b: established",
      "a: established",
    ]);
    assert.equal(established(b).length, 1);
    const [sa] = established(a);
    assert.deepEqual([sa!.peer.resumed, sa!.children.length], [true, 1]);
  },
);

check(
  "RFC 5723 §5.1",
  'SKEYSEED is prf(SK_d_old, "Resumption" | Ni | Nr), and all keys follow as in IKE_SA_INIT',
  () => {
    const hosts = both();
    const [old] = established(hosts.a);
    const suite = old!.suite!;
    if (suite.prf.name !== "PRF_HMAC_SHA2_256") assert.fail("the first suite has HMAC-SHA2-256");
    const skD = ikeKeys(suite, old!.keys!).d;
    const [nonceI, nonceR] = [new Uint8Array(32).fill(3), new Uint8Array(24).fill(4)];
    const spis = { spiI: 5n, spiR: 6n };
    const hmac = (key: Uint8Array, ...data: Uint8Array[]) =>
      new Uint8Array(createHmac("sha256", key).update(concat(...data)).digest());
    const seed = hmac(skD, new TextEncoder().encode("Resumption"), nonceI, nonceR);
    const rest = concat(nonceI, nonceR, spiOctets(5n), spiOctets(6n));
    const first = hmac(seed, rest, Uint8Array.of(1));
    const second = hmac(seed, first, rest, Uint8Array.of(2));
    const keys = resumedIkeKeys(suite, skD, { nonceI, nonceR, ...spis });
    assert.equal(toHex(keys.subarray(0, 64)), toHex(concat(first, second)));
  },
);

check(
  "RFC 5723 §5.1",
  "AUTH is prf(SK_px, signed octets): that by the pre-shared key is refused",
  () => {
    const { bench, opaque } = ticketed();
    const { peer } = bench;
    const old = ikeKeys(peer.suite!, peer.keys!).d.slice();
    const resume = (auth: (skP: Uint8Array) => Payload) => {
      bench.said();
      const octets = request(presents(opaque, peer.nonceI), 0x99n);
      bench.hear(octets);
      const [said] = bench.said();
      const { spiR } = said!.header;
      const nonceR = findPayload(said!.payloads, PayloadType.NONCE)!.data;
      Object.assign(peer, {
        spiI: 0x99n,
        spiR,
        nonceR,
        initRequest: octets,
        initResponse: said!.octets,
      });
      const { nonceI } = peer;
      peer.keys = resumedIkeKeys(peer.suite!, old, { nonceI, nonceR, spiI: 0x99n, spiR });
      const { pi } = ikeKeys(peer.suite!, peer.keys);
      peer.nextId = 1;
      return bench.ask(IKE_AUTH, [peer.identity(), auth(pi), ...peer.childPayloads()]);
    };
    assert.ok(findNotify(resume(() => peer.auth()), NotifyType.AUTHENTICATION_FAILED));
    peer.nonceI = new Uint8Array(32).fill(8);
    const right = resume((pi) => ({
      type: PayloadType.AUTH,
      method: 2,
      data: peer.suite!.prf.compute(pi, peer.signedOctets()),
    }));
    assert.ok(findPayload(right, PayloadType.AUTH));
  },
);

check("RFC 5723 §4.3.3", "IDi, and IDr where it is said, are those of the ticket", () => {
  const { a, b, world, ticket } = both();
  const other = { idType: 2, data: new TextEncoder().encode("other.test") };
  for (const change of [{ ownId: other }, { peerId: other }]) {
    const from = b.failures.length;
    world.dial(a, b, 0, { ticket: { ...ticket, ...change } });
    runQuietly({ world, a, b });
    assert.deepEqual(b.failures.slice(from), ["AUTHENTICATION_FAILED"]);
  }
  assert.match(world.ladder.join("\n"), /its ticket was issued to /);
  assert.match(world.ladder.join("\n"), /it asks for other.test \(ID_FQDN\), its ticket is of /);
});

check(
  "RFC 5723 §4.3.2",
  "A ticket that is altered, of another gateway, expired, spent or against the policy is answered TICKET_NACK",
  () => {
    const { bench, opaque } = ticketed();
    for (const at of [0, 8, 24, opaque.length - 1]) {
      const altered = opaque.slice();
      altered[at]! ^= 1;
      nacked(bench, altered, "TICKET_UNKNOWN");
    }
    for (const length of [1, 8, 24, 25, opaque.length - 1]) {
      nacked(bench, opaque.subarray(0, length), "TICKET_UNKNOWN");
    }
    bench.pass(LIFETIME_MS);
    nacked(bench, opaque, "TICKET_EXPIRED");

    const deleted = ticketed();
    deleted.bench.tell({ kind: "close", closeCode: CloseCode.STOPPED });
    deleted.bench.answer([]);
    nacked(deleted.bench, deleted.opaque, "TICKET_USED");

    const strict = ticketed();
    const opened = openTicket(CRYPTO, ISSUES, strict.opaque) as OpenedTicket;
    const byEap = { ...opened, eapIdentity: "äda@example.test" };
    const { oldSpi: spi, expiresEpochMs, authenticatedEpochMs } = opened;
    const again = { session: byEap, spi, expiresEpochMs, authenticatedEpochMs };
    const sealed = sealTicket(CRYPTO, ISSUES, { content: again, id: new Uint8Array(16) });
    const { eapIdentity } = openTicket(CRYPTO, ISSUES, sealed) as OpenedTicket;
    assert.deepEqual([opened.eapIdentity, eapIdentity], [undefined, byEap.eapIdentity]);

    const suite = { ...opened.suite, group: 14 };
    const times = { expiresEpochMs: 1e12, authenticatedEpochMs: 0 };
    const content = { session: { ...opened, suite }, spi: 1n, ...times };
    const id = new Uint8Array(16);
    nacked(strict.bench, sealTicket(CRYPTO, ISSUES, { content, id }), "TICKET_POLICY");
  },
);

check("RFC 5723 §4.3.1", "A ticket resumes one IKE SA", () => {
  const hosts = both();
  const { world, a, b, ticket } = hosts;
  for (const resumed of [1, 1]) {
    lose(hosts);
    world.dial(a, b, 0, { ticket });
    runQuietly(hosts);
    assert.equal(world.resumptions, resumed);
    assert.equal(established(b).length, 1);
  }
  assert.deepEqual(world.ticketRefusals, ["TICKET_USED"]);
});

check("RFC 5723 §4.3.2", "A client whose ticket is refused sets up a whole IKE SA", () => {
  const hosts = both();
  const { world, a, b, ticket } = hosts;
  lose(hosts);
  world.dial(a, b, 0, { ticket: { ...ticket, opaque: ticket.opaque.subarray(1) } });
  runQuietly(hosts);
  assert.deepEqual(world.ticketRefusals, ["TICKET_UNKNOWN"]);
  assert.equal(established(a)[0]!.peer.resumed, false);
});

check("RFC 5723 §4.3.1", "A client does not present a ticket that has expired", () => {
  const hosts = both();
  const { world, a, b, ticket } = hosts;
  lose(hosts);
  const from = world.ladder.length;
  world.dial(a, b, 0, { ticket: { ...ticket, expiresMs: world.nowMs } });
  runQuietly(hosts);
  assert.match(world.ladder.slice(from).join("\n"), /IKE_SA_INIT req 0/);
});

check(
  "RFC 5723 §4.3.2",
  "IKE_SESSION_RESUME may meet a COOKIE, with which the same nonce and ticket come again",
  () => {
    const hosts = both({ b: { cookieThreshold: 0 } });
    const { world, a, b, ticket } = hosts;
    lose(hosts);
    const from = world.ladder.length;
    world.dial(a, b, 0, { ticket });
    runQuietly(hosts);
    const sent = world.ladder.slice(from).filter((line) => line.includes("IKE_SESSION_RESUME"));
    assert.match(sent[1]!, /resp 0 \{N\(COOKIE\)\}/);
    assert.match(sent[2]!, /req 0 \{N\(COOKIE\), Ni, N\(TICKET_OPAQUE\)/);
    assert.equal(world.resumptions, 1);
    const bench = new Bench("responder", { ...GATEWAY, cookieThreshold: 0 });
    bench.hear(request(presents(new Uint8Array(60))));
    assert.ok(findNotify(bench.said()[0]!.payloads, COOKIE), "before the ticket is opened");
    assert.deepEqual(bench.live, []);
  },
);

check("RFC 5723 §4.3.2", "A request without a nonce or a ticket is malformed", () => {
  for (const left of [0, 1]) {
    const bench = new Bench("responder", GATEWAY);
    bench.hear(request([presents(new Uint8Array(60))[left]!]));
    assert.ok(findNotify(bench.said()[0]!.payloads, NotifyType.INVALID_SYNTAX));
    assert.deepEqual(bench.live, []);
  }
});

check(
  "RFC 5685 §3",
  "A gateway may redirect in IKE_SESSION_RESUME, and a client follows as in IKE_SA_INIT",
  () => {
    const sends = { to: [OTHER], at: "init", afterMs: 0 } as const;
    const { bench, opaque } = ticketed({ redirect: { follows: false, sends } });
    const nonce = new Uint8Array(32).fill(9);
    bench.hear(request([...presents(opaque, nonce), notify(NotifyType.REDIRECT_SUPPORTED)]));
    const said = bench.said().at(-1)!;
    assert.deepEqual(
      findNotify(said.payloads, NotifyType.REDIRECT)!.data,
      gatewayData(OTHER, nonce),
    );
  },
);

check("RFC 5723 §4.3.2", "A gateway that issues no tickets drops IKE_SESSION_RESUME", () => {
  const bench = new Bench("responder");
  bench.ignores(
    "no SPI of ours, and no IKE_SA_INIT request",
    request(presents(new Uint8Array(60))),
  );
});

check(
  "RFC 7383 §2.3",
  "Whether fragments may be sent is settled anew in IKE_SESSION_RESUME",
  () => {
    const fragmentOctets = 500;
    const hosts = both({ a: { fragmentOctets }, b: { fragmentOctets } });
    const { world, a, b, ticket } = hosts;
    lose(hosts);
    world.dial(a, b, 0, { ticket });
    runQuietly(hosts);
    assert.deepEqual(established(a).map(({ peer }) => peer.fragmentation), [true]);
    assert.equal(world.resumptions, 1);
  },
);

check(
  "RFC 8784 §3",
  "A ticket of an IKE SA with a PPK resumes one with it, without another PPK_IDENTITY",
  () => {
    const ppk = {
      id: new TextEncoder().encode("one"),
      key: new Uint8Array(32).fill(7),
      required: true,
      intermediate: false,
    };
    const hosts = both({ a: { ppk }, b: { ppk } });
    const { world, a, b, ticket } = hosts;
    lose(hosts);
    const from = world.ladder.length;
    world.dial(a, b, 0, { ticket });
    runQuietly(hosts);
    assert.equal(world.resumptions, 1);
    assert.doesNotMatch(world.ladder.slice(from).join("\n"), /PPK/);
    assert.equal(established(b)[0]!.peer.ppk, true);
  },
);
