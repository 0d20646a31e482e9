// IKE_AUTH: who the peer is, and the first CHILD_SA. RFC 7296 §1.2, §2.15, §2.16, §2.21.2, §3.5, §3.8.
import assert from "node:assert/strict";
import { AuthMethod } from "@/iana/auth_method.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { IdType } from "@/iana/id_type.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { findNotify } from "@/ike/records/notify.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import { Bench, notify, PATH } from "./bench.ts";
import { checksOf, type Role } from "./entries.ts";

const { check, both, absent } = checksOf(import.meta.url);
const { IKE_AUTH, INFORMATIONAL, CREATE_CHILD_SA } = ExchangeType;
const { AUTHENTICATION_FAILED, INVALID_SYNTAX, TS_UNACCEPTABLE, NO_PROPOSAL_CHOSEN } = NotifyType;

const text = (s: string) => new TextEncoder().encode(s);

/** Checks that the core does not accept the peer's IKE_AUTH, tells it so, and keeps nothing. */
function distrusts(bench: Bench, payloads: readonly Payload[]): void {
  if (bench.role === "responder") {
    bench.refuses(AUTHENTICATION_FAILED, IKE_AUTH, payloads);
  } else {
    bench.said();
    bench.answer(payloads);
    const [{ header, payloads: told }] = bench.said() as [ReturnType<Bench["said"]>[0]];
    assert.equal(header.exchange, INFORMATIONAL);
    assert.deepEqual(told, [notify(AUTHENTICATION_FAILED)]);
    bench.answer([]);
  }
  bench.over();
}

function withAuth(
  { peer }: Bench,
  change: (auth: { data: Uint8Array; method: number }) => Payload,
) {
  const [id, auth, ...child] = peer.authPayloads();
  return [id!, change(auth as { data: Uint8Array; method: number } & Payload), ...child];
}

both("§1.2", "AUTH is verified: one changed bit, and there is no SA", (role) => {
  for (const bit of [1, 0x80]) {
    const bench = Bench.keyed(role);
    distrusts(
      bench,
      withAuth(bench, ({ data, method }) => {
        const forged = data.slice();
        forged[forged.length - 1]! ^= bit;
        return { type: PayloadType.AUTH, method, data: forged };
      }),
    );
  }
});

both("§2.15", "AUTH data of another length is wrong, though it begins right", (role) => {
  for (const cut of [1, 16, 31]) {
    const bench = Bench.keyed(role);
    distrusts(
      bench,
      withAuth(bench, ({ data, method }) => (
        { type: PayloadType.AUTH, method, data: data.slice(0, cut) }
      )),
    );
  }
});

both("§2.15", "AUTH by another secret is wrong", (role) => {
  const bench = Bench.keyed(role);
  const { peer } = bench;
  const [id, , ...child] = peer.authPayloads();
  distrusts(bench, [id!, peer.auth(peer.id, text("another secret")), ...child]);
});

both("§2.15", "AUTH covers the identity that is claimed", (role) => {
  const bench = Bench.keyed(role);
  const { peer } = bench;
  const [, ...others] = peer.authPayloads();
  const claimed = { idType: IdType.ID_FQDN, data: text("admin.test") };
  distrusts(bench, [peer.identity(claimed), ...others]);
});

both("§2.15", "AUTH covers the other end's nonce", (role) => {
  const bench = Bench.keyed(role);
  const { peer } = bench;
  if (role === "responder") peer.nonceR = peer.random.octets(32);
  else peer.nonceI = peer.random.octets(32);
  distrusts(bench, peer.authPayloads());
});

both("§2.15", "The core's own AUTH sent back to it is wrong", (role) => {
  const bench = Bench.keyed(role);
  const { peer } = bench;
  const [id, , ...child] = peer.authPayloads();
  const { initRequest, nonceI, nonceR, initResponse } = peer;
  // The octets that the other end would sign, with the keys of this one.
  [peer.initRequest, peer.initResponse] = [initResponse, initRequest];
  [peer.nonceI, peer.nonceR] = [nonceR, nonceI];
  distrusts(bench, [id!, peer.auth(), ...child]);
});

both("§2.15", "AUTH by a method that was not asked for is not accepted", (role) => {
  const { RSA_DIGITAL_SIGNATURE, NULL_AUTHENTICATION } = AuthMethod;
  for (const method of [RSA_DIGITAL_SIGNATURE, NULL_AUTHENTICATION, 0, 250]) {
    const bench = Bench.keyed(role);
    distrusts(bench, withAuth(bench, ({ data }) => ({ type: PayloadType.AUTH, method, data })));
  }
});

check("§3.8", "An AUTH payload without data is malformed", () => {
  const bench = Bench.keyed("responder");
  const empty = new Uint8Array(0);
  const payloads = withAuth(
    bench,
    ({ method }) => ({ type: PayloadType.AUTH, method, data: empty }),
  );
  bench.refuses(INVALID_SYNTAX, IKE_AUTH, payloads);
  bench.over();
});

check("§3.8", "The reserved octets of AUTH are ignored", () => {
  const bench = Bench.keyed("responder");
  const payloads = withAuth(bench, ({ data, method }) => (
    { type: PayloadType.AUTH, raw: Uint8Array.of(method, 0xff, 0xff, 0xff, ...data) }
  ));
  bench.ask(IKE_AUTH, payloads);
  bench.stands();
});

both(
  "§3.5",
  "The reserved octets of an ID payload are ignored, and AUTH covers them as received",
  (role) => {
    const bench = Bench.keyed(role);
    const { peer } = bench;
    const payloads = peer.authPayloads({ ...peer.id, reserved: 0xabcdef });
    if (role === "responder") bench.ask(IKE_AUTH, payloads);
    else bench.answer(payloads);
    bench.stands();
  },
);

check(
  "§3.5",
  "All of ID_IPV4_ADDR, ID_FQDN, ID_RFC822_ADDR, ID_IPV6_ADDR and ID_KEY_ID are accepted",
  () => {
    const ids = [
      [IdType.ID_IPV4_ADDR, Uint8Array.of(192, 0, 2, 1)],
      [IdType.ID_IPV6_ADDR, new Uint8Array(16).fill(0x20)],
      [IdType.ID_FQDN, text("a.test")],
      [IdType.ID_RFC822_ADDR, text("a@b.test")],
      [IdType.ID_KEY_ID, Uint8Array.of(0, 1, 2)],
    ] as const;
    for (const role of ["initiator", "responder"] as Role[]) {
      for (const [idType, data] of ids) {
        const bench = Bench.keyed(role);
        const payloads = bench.peer.authPayloads({ idType, data });
        if (role === "responder") bench.ask(IKE_AUTH, payloads);
        else bench.answer(payloads);
        bench.stands();
        assert.deepEqual(bench.sa.peer.id, { idType, data });
      }
    }
  },
);

check("§3.5", "An address identity has the octets of its family", () => {
  for (
    const [idType, octets] of [[IdType.ID_IPV4_ADDR, 16], [IdType.ID_IPV6_ADDR, 4], [
      IdType.ID_FQDN,
      0,
    ]] as const
  ) {
    const bench = Bench.keyed("responder");
    const { peer } = bench;
    bench.refuses(
      INVALID_SYNTAX,
      IKE_AUTH,
      peer.authPayloads({ idType, data: new Uint8Array(octets) }),
    );
    bench.over();
  }
});

check("§3.5", "An identity with a terminator in it is not the one without", () => {
  const identity = { idType: IdType.ID_FQDN, data: text("gw.test") };
  const config = { peerId: { kind: "fixed", identity }, matchPeerId: true } as const;
  const good = Bench.keyed("initiator", config);
  good.answer(good.peer.authPayloads(identity));
  good.stands();
  for (const name of ["gw.test\0", "gw.test\0.evil.test", "GW.test\n"]) {
    const bench = Bench.keyed("initiator", config);
    const { peer } = bench;
    distrusts(bench, peer.authPayloads({ idType: IdType.ID_FQDN, data: text(name) }));
  }
});

check("§3.5", "An identity as long as a datagram holds does no harm", () => {
  const bench = Bench.keyed("responder");
  const { peer } = bench;
  const data = new Uint8Array(64_000).fill(0x61);
  bench.ask(IKE_AUTH, peer.authPayloads({ idType: IdType.ID_KEY_ID, data }));
  bench.stands();
});

check("§1.2", "An IKE_AUTH request without IDi is malformed", () => {
  const bench = Bench.keyed("responder");
  const [, ...others] = bench.peer.authPayloads();
  bench.refuses(INVALID_SYNTAX, IKE_AUTH, others);
  bench.over();
});

check("§1.2", "An IKE_AUTH response without IDr or without AUTH is not trusted", () => {
  for (const lacking of [0, 1]) {
    const bench = Bench.keyed("initiator");
    distrusts(bench, bench.peer.authPayloads().filter((_, i) => i !== lacking));
  }
});

check(
  "§2.16",
  "A request without AUTH, which asks for EAP, is refused where PSK is asked for",
  () => {
    const bench = Bench.keyed("responder");
    const [id, , ...child] = bench.peer.authPayloads();
    bench.refuses(AUTHENTICATION_FAILED, IKE_AUTH, [id!, ...child]);
    bench.over();
  },
);

check("§2.16", "EAP in a response is not followed where PSK is asked for", () => {
  const bench = Bench.keyed("initiator");
  const eap = { type: PayloadType.EAP, data: Uint8Array.of(1, 7, 0, 5, 1) } as const;
  distrusts(bench, [bench.peer.identity(), bench.peer.auth(), eap].slice(0, 1).concat(eap));
});

check("§2.21.2", "A malformed IKE_AUTH request leads to INVALID_SYNTAX alone, and to no SA", () => {
  const bench = Bench.keyed("responder");
  const { peer } = bench;
  bench.refuses(INVALID_SYNTAX, IKE_AUTH, [...peer.authPayloads(), peer.auth()]);
  bench.over();
});

check(
  "§2.21.2",
  "An unknown critical payload in IKE_AUTH leads to its notify alone, and to no SA",
  () => {
    const bench = Bench.keyed("responder");
    const { peer } = bench;
    const critical = { type: 201, raw: new Uint8Array(3), critical: true };
    const type = NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD;
    const payloads = [...peer.authPayloads(), critical];
    assert.deepEqual(bench.refuses(type, IKE_AUTH, payloads), Uint8Array.of(201));
    bench.over();
  },
);

check("§2.21.2", "A CHILD_SA that cannot be leaves the IKE SA standing: the responder", () => {
  const bench = Bench.keyed("responder");
  const { peer } = bench;
  const [id, auth, , tsI, tsR] = peer.authPayloads();
  const transforms = [{ type: 1, id: 3 }, { type: 5, id: 0 }];
  const sa: Payload = {
    type: PayloadType.SA,
    proposals: [{ number: 1, protocol: 3, spi: peer.spi(), transforms }],
  };
  const answer = bench.ask(IKE_AUTH, [id!, auth!, sa, tsI!, tsR!]);
  assert.deepEqual(answer.map((p) => p.type), [
    PayloadType.IDR,
    PayloadType.AUTH,
    PayloadType.NOTIFY,
  ]);
  assert.ok(findNotify(answer, NO_PROPOSAL_CHOSEN));
  bench.stands(0);
});

check(
  "§2.21.2",
  "A CHILD_SA that was refused does not fail the authentication: the initiator deletes in order",
  () => {
    for (const error of [NO_PROPOSAL_CHOSEN, TS_UNACCEPTABLE, NotifyType.FAILED_CP_REQUIRED]) {
      const bench = Bench.keyed("initiator");
      const { peer } = bench;
      bench.answer([peer.identity(), peer.auth(), notify(error)]);
      const said = bench.said().at(-1)!;
      assert.deepEqual(said.payloads, [{ type: PayloadType.DELETE, protocol: 1, spis: [] }]);
      bench.answer([]);
      bench.over();
    }
  },
);

check("§3.10.1", "An unknown error in an IKE_AUTH response fails the whole request", () => {
  for (const type of [8_191, 12_345, 16_383]) {
    const bench = Bench.keyed("initiator");
    const { peer } = bench;
    bench.answer([...peer.authPayloads(), notify(type)]);
    assert.deepEqual(bench.said().at(-1)!.payloads[0]!.type, PayloadType.DELETE);
    bench.answer([]);
    bench.over();
    const alone = Bench.keyed("initiator");
    alone.answer([notify(type)]);
    alone.over();
  }
});

check("§3.10.1", "Unknown status notifies and errors in an IKE_AUTH request are ignored", () => {
  const bench = Bench.keyed("responder");
  const { peer } = bench;
  const strange = [notify(40_000), notify(65_535), notify(8_191), notify(16_383)];
  const answer = bench.ask(IKE_AUTH, [...peer.authPayloads(), ...strange]);
  assert.equal(answer[0]!.type, PayloadType.IDR);
  bench.stands();
});

check("§3.10.1", "Unknown status notifies in an IKE_AUTH response are ignored", () => {
  const bench = Bench.keyed("initiator");
  const { peer } = bench;
  bench.answer([notify(16_384), ...peer.authPayloads(), notify(65_535)]);
  bench.stands();
});

check(
  "§2.21.2",
  "An error notify under protection in IKE_AUTH ends the SA, in its own words",
  () => {
    for (const type of [AUTHENTICATION_FAILED, INVALID_SYNTAX]) {
      const bench = Bench.keyed("initiator");
      bench.answer([notify(type)]);
      bench.over();
      assert.match(bench.failure, /refused/);
    }
  },
);

check("§2.21.2", "An error notify in clear in IKE_AUTH is ignored", () => {
  const bench = Bench.keyed("initiator");
  const { peer } = bench;
  const octets = peer.init([notify(AUTHENTICATION_FAILED)], { exchange: IKE_AUTH, messageId: 1 });
  bench.ignores("a message in clear where it must be encrypted", octets);
});

check(
  "§2.21.2",
  "AUTHENTICATION_FAILED in the exchange behind IKE_AUTH ends the SA at the responder",
  () => {
    const bench = Bench.up("responder");
    assert.deepEqual(bench.ask(INFORMATIONAL, [notify(AUTHENTICATION_FAILED)]), []);
    bench.over();
  },
);

check(
  "§2.21.2",
  "Later than that, an error notify in a request does not end an SA without a Delete",
  () => {
    for (
      const type of [AUTHENTICATION_FAILED, INVALID_SYNTAX, NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD]
    ) {
      for (const role of ["initiator", "responder"] as Role[]) {
        const bench = Bench.up(role);
        bench.ask(INFORMATIONAL, []);
        const data = type === NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD
          ? Uint8Array.of(9)
          : undefined;
        assert.deepEqual(bench.ask(INFORMATIONAL, [notify(type, data)]), []);
        bench.stands();
      }
    }
  },
);

check("§1.2", "An IKE_AUTH answer with a CHILD_SA outside what was proposed is not taken", () => {
  const bench = Bench.keyed("initiator");
  const { peer } = bench;
  const [id, auth, sa] = peer.authPayloads();
  bench.answer([id!, auth!, sa!]);
  bench.over();
});

check("§1.2", "An IKE_AUTH request without SA, TSi or TSr is malformed", () => {
  for (const lacking of [2, 3, 4]) {
    const bench = Bench.keyed("responder");
    const payloads = bench.peer.authPayloads().filter((_, i) => i !== lacking);
    bench.refuses(INVALID_SYNTAX, IKE_AUTH, payloads);
    bench.over();
  }
});

check("§1.2", "Payloads without a meaning in IKE_AUTH are ignored", () => {
  const bench = Bench.keyed("responder");
  const { peer } = bench;
  const cert = { type: PayloadType.CERT, encoding: 4, data: Uint8Array.of(1) } as const;
  const strays: Payload[] = [
    peer.nonce(),
    { type: PayloadType.DELETE, protocol: 1, spis: [] },
    { type: PayloadType.KE, group: 31, data: peer.pair.publicValue },
    cert,
    cert,
  ];
  bench.ask(IKE_AUTH, [...peer.authPayloads(), ...strays]);
  bench.stands();
});

check(
  "§2.4",
  "INITIAL_CONTACT in IKE_AUTH ends the other SAs of the same identity, and no other's",
  () => {
    const bench = Bench.up("responder");
    const { peer } = bench;
    const first = bench.sa;
    const again = (spiI: bigint, id = peer.id) => {
      peer.spiI = spiI;
      peer.spiR = 0n;
      peer.keys = undefined;
      const path = { ...PATH, peerPort: Number(spiI) };
      bench.hear(peer.init(), path);
      peer.learn(bench.said()[0]!.octets);
      const payloads = [...peer.authPayloads(id), notify(NotifyType.INITIAL_CONTACT)];
      bench.hear(peer.seal(peer.header(IKE_AUTH), payloads), path);
      bench.said();
    };
    again(7_777n, { idType: IdType.ID_FQDN, data: text("other.test") });
    assert.deepEqual([first.phase, bench.live.length], ["established", 2]);
    again(8_888n);
    assert.deepEqual([first.phase, bench.live.length], ["closed", 2]);
  },
);

check("§2.4", "INITIAL_CONTACT of a peer that does not authenticate ends nothing", () => {
  const bench = Bench.up("responder");
  const { peer } = bench;
  const first = bench.sa;
  peer.spiI = 9n;
  peer.spiR = 0n;
  peer.keys = undefined;
  bench.hear(peer.init());
  peer.learn(bench.said()[0]!.octets);
  const [id, , ...child] = peer.authPayloads();
  const auth = peer.auth(peer.id, text("a guess"));
  const contact = notify(NotifyType.INITIAL_CONTACT);
  bench.hear(peer.seal(peer.header(IKE_AUTH), [id!, contact, auth, ...child]));
  assert.equal(first.phase, "established");
  assert.deepEqual(bench.live, [first]);
});

check("§2.8", "A responder takes packets on a new CHILD_SA before it sends its answer", () => {
  const bench = Bench.keyed("responder");
  bench.ask(IKE_AUTH, bench.peer.authPayloads());
  const kinds = bench.effects.map((e) => e.kind);
  const installed = kinds.indexOf("install");
  const answered = kinds.lastIndexOf("send");
  assert.ok(installed >= 0 && installed < answered, kinds.join());
});

both(
  "§1.3",
  "CREATE_CHILD_SA with what IKE_AUTH has besides is answered as if it had not",
  (role) => {
    const bench = Bench.up(role);
    const { peer } = bench;
    const answer = bench.ask(CREATE_CHILD_SA, [
      peer.identity(),
      peer.auth(),
      ...peer.createChild(),
    ]);
    assert.ok(findPayload(answer, PayloadType.SA));
    bench.stands(2);
  },
);

const CERTIFICATES = "shown between two ends of ours: tests/unit/ike/auth/signature_test.ts";
const EAP = "shown between two ends of ours: tests/unit/ike/auth/eap_test.ts";
absent("§1.2", "The first CERT payload holds the key that AUTH is verified with", CERTIFICATES);
absent("§3.6", "Up to four certificates are accepted, and those by hash and URL", CERTIFICATES);
absent("§2.16", "EAP goes with a responder that authenticates by a signature", EAP);
absent("§2.16", "The key that EAP gives makes the AUTH payloads behind it", EAP);
absent("§2.16", "EAP Success or Failure ends the extended exchange", EAP);
absent("§3.16", "An EAP response has the identifier of its request, and its type or Nak", EAP);
absent(
  "§2.15",
  "A shared secret is taken as ASCII text or as hex",
  "no received data: the setup's option, see docs/setup.md and tests/unit/setup",
);
