// IKE_SA_INIT as others would have it: RFC 7296 §1.2, §2.6, §2.10, §2.21.1, §3.4, §3.9.
import assert from "node:assert/strict";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { Prf } from "@/iana/prf.ts";
import { findNotify } from "@/ike/records/notify.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import { Bench, notify, PATH } from "./bench.ts";
import { checksOf, type Role } from "./entries.ts";

const { check, both } = checksOf(import.meta.url);
const { IKE_AUTH, CREATE_CHILD_SA } = ExchangeType;
const { COOKIE, INVALID_KE_PAYLOAD, INVALID_SYNTAX } = NotifyType;

/** A core that has dialled, and the message that it has sent. */
function dialled(change = {}) {
  const bench = new Bench("initiator", change);
  const [first] = bench.said();
  bench.peer.learn(first!.octets);
  return { bench, peer: bench.peer, first: first! };
}

/** The answer to an IKE_SA_INIT request. */
function answerTo(bench: Bench, octets: Uint8Array): readonly Payload[] {
  bench.hear(octets);
  const said = bench.said();
  assert.equal(said.length, 1, bench.dropped().join());
  return said[0]!.payloads;
}

check("§2.6", "A responder asked for its cookie keeps no state before it is given back", () => {
  const bench = new Bench("responder", { cookieThreshold: 0 });
  const { peer } = bench;
  const [cookie] = answerTo(bench, peer.init());
  assert.equal(findNotify([cookie!], COOKIE), cookie);
  assert.deepEqual([bench.core.bySpi.size, bench.core.halfOpen], [0, 0]);
  answerTo(bench, peer.init([cookie!, ...peer.initPayloads()]));
  assert.equal(bench.sa.phase, "created");
});

check(
  "§2.6",
  "A cookie that does not match is ignored as if there were none: another is asked for",
  () => {
    const bench = new Bench("responder", { cookieThreshold: 0 });
    const { peer } = bench;
    const [cookie] = answerTo(bench, peer.init());
    const wrong = findNotify([cookie!], COOKIE)!.data.slice();
    wrong[20]! ^= 1;
    const again = answerTo(bench, peer.init([notify(COOKIE, wrong), ...peer.initPayloads()]));
    assert.deepEqual(again, [cookie]);
    assert.equal(bench.core.bySpi.size, 0);
    assert.equal(bench.core.drops.get("a cookie that is not ours, or too old"), 1);
  },
);

check("§2.6", "A cookie is good for its own nonce, SPI and address alone", () => {
  const bench = new Bench("responder", { cookieThreshold: 0 });
  const { peer } = bench;
  const [cookie] = answerTo(bench, peer.init());
  const [sa, ke] = peer.initPayloads();
  answerTo(bench, peer.init([cookie!, sa!, ke!, peer.nonce()]));
  const elsewhere = { ...PATH, peerAddress: Uint8Array.of(10, 0, 0, 3) };
  bench.hear(peer.init([cookie!, ...peer.initPayloads()]), elsewhere);
  bench.said();
  peer.spiI++;
  answerTo(bench, peer.init([cookie!, ...peer.initPayloads()]));
  assert.equal(bench.core.bySpi.size, 0);
});

check("§2.6", "A cookie where none was asked for is ignored", () => {
  const bench = new Bench("responder");
  const { peer } = bench;
  const cookie = notify(COOKIE, Uint8Array.of(1, 2, 3));
  const answer = answerTo(bench, peer.init([cookie, ...peer.initPayloads()]));
  assert.equal(answer[0]!.type, PayloadType.SA);
});

check(
  "§2.6",
  "Asked for a cookie, an initiator repeats its request with it first, all else unchanged",
  () => {
    const { bench, peer, first } = dialled();
    const cookie = notify(COOKIE, peer.random.octets(64));
    bench.hear(peer.init([cookie], { spiR: 0n }));
    const [second] = bench.said();
    assert.deepEqual(second!.payloads, [cookie, ...first.payloads]);
    assert.equal(second!.header.messageId, 0);
    assert.equal(second!.header.spiR, 0n);
  },
);

check("§2.6", "A cookie has 1 to 64 octets: others are not followed", () => {
  for (const size of [0, 65, 200]) {
    const { bench, peer } = dialled();
    const cookie = notify(COOKIE, new Uint8Array(size));
    bench.ignores("a malformed IKE_SA_INIT response", peer.init([cookie]));
  }
  for (const size of [1, 64]) {
    const { bench, peer } = dialled();
    bench.hear(peer.init([notify(COOKIE, new Uint8Array(size))]));
    assert.equal(bench.said().length, 1);
  }
});

check("§2.6", "Cookies without end lead nowhere: an initiator gives up", () => {
  const { bench, peer } = dialled();
  for (let i = 0; i < 50; i++) bench.hear(peer.init([notify(COOKIE, Uint8Array.of(i))]));
  assert.ok(bench.said().length < 10);
  bench.over();
});

check(
  "§2.6",
  "Under cookies an IKE_SA_INIT without a nonce gets no answer and makes no state",
  () => {
    const bench = new Bench("responder", { cookieThreshold: 0 });
    const { peer } = bench;
    const octets = peer.init(peer.initPayloads().slice(0, 2));
    bench.ignores("an IKE_SA_INIT request without a readable nonce, under cookies", octets);
  },
);

check("§2.6", "Half-open SAs are bounded: requests past the bound are dropped", () => {
  const bench = new Bench("responder", { halfOpenMax: 5 });
  const { peer } = bench;
  for (let i = 0; i < 5; i++) {
    peer.spiI++;
    bench.hear(peer.init());
  }
  peer.spiI++;
  bench.ignores("too many half-open SAs", peer.init());
  bench.pass(60_000);
  bench.over();
});

check("§2.6.1", "An initiator follows a cookie and another group in either order", () => {
  const groups = [KeGroup.CURVE25519, KeGroup.ECP_256];
  const algorithms = { ...dialled().bench.core.config.algorithms, groups };
  const wrong = notify(INVALID_KE_PAYLOAD, Uint8Array.of(0, KeGroup.ECP_256));
  const cookie = notify(COOKIE, Uint8Array.of(1, 2, 3));
  for (const order of [[wrong, cookie], [cookie, wrong]]) {
    const { bench, peer } = dialled({ algorithms });
    for (const one of order) bench.hear(peer.init([one]));
    const last = bench.said().at(-1)!;
    assert.equal(findPayload(last.payloads, PayloadType.KE)!.group, KeGroup.ECP_256);
    assert.deepEqual(last.payloads[0], cookie);
  }
});

check(
  "§1.2",
  "After INVALID_KE_PAYLOAD the full set of proposals is offered again, with the other group",
  () => {
    const groups = [KeGroup.CURVE25519, KeGroup.ECP_256];
    const algorithms = { ...dialled().bench.core.config.algorithms, groups };
    const { bench, peer, first } = dialled({ algorithms });
    bench.hear(peer.init([notify(INVALID_KE_PAYLOAD, Uint8Array.of(0, KeGroup.ECP_256))]));
    const [second] = bench.said();
    assert.equal(findPayload(second!.payloads, PayloadType.KE)!.group, KeGroup.ECP_256);
    const proposals = ({ payloads }: typeof first) => findPayload(payloads, PayloadType.SA);
    assert.deepEqual(proposals(second!), proposals(first));
  },
);

check(
  "§1.2",
  "INVALID_KE_PAYLOAD for a group that was not offered, or is in use, is ignored",
  () => {
    for (const group of [KeGroup.MODP_768, KeGroup.CURVE25519, 0, 65_535]) {
      const { bench, peer } = dialled();
      const data = Uint8Array.of(group >> 8, group & 0xff);
      const octets = peer.init([notify(INVALID_KE_PAYLOAD, data)]);
      bench.ignores(`INVALID_KE_PAYLOAD for group ${group}, which we cannot change to`, octets);
      bench.hear(peer.init());
      assert.equal(bench.sa.phase, "created");
    }
  },
);

check("§3.10.1", "INVALID_KE_PAYLOAD has two octets of data", () => {
  for (const size of [0, 1, 3]) {
    const { bench, peer } = dialled();
    const octets = peer.init([notify(INVALID_KE_PAYLOAD, new Uint8Array(size))]);
    bench.ignores("a malformed IKE_SA_INIT response", octets);
  }
});

check(
  "§1.2",
  "An IKE_SA_INIT response without SA, KE or Nonce is ignored, the true one is taken",
  () => {
    for (const lacking of [0, 1, 2]) {
      const { bench, peer } = dialled();
      const payloads = peer.initPayloads().filter((_, i) => i !== lacking);
      bench.ignores(/IKE_SA_INIT response/, peer.init(payloads));
      bench.hear(peer.init());
      assert.equal(bench.sa.phase, "created");
    }
  },
);

check("§2.21.1", "A malformed IKE_SA_INIT response is ignored, the true one is taken", () => {
  const { bench, peer } = dialled();
  const [sa, ke] = peer.initPayloads();
  const short = { type: PayloadType.NONCE, data: new Uint8Array(8) } as const;
  bench.ignores("a malformed IKE_SA_INIT response", peer.init([sa!, ke!, short]));
  bench.hear(peer.init());
  assert.equal(bench.sa.phase, "created");
});

check("§3.1", "An IKE_SA_INIT response that makes an SA names the responder's SPI", () => {
  const { bench, peer } = dialled();
  const octets = peer.init(peer.initPayloads(), { spiR: 0n });
  bench.ignores("an IKE_SA_INIT response without a responder SPI", octets);
});

check("§1.2", "An IKE_SA_INIT request without SA, KE or Nonce makes no SA", () => {
  for (const lacking of [0, 1, 2]) {
    const bench = new Bench("responder");
    const { peer } = bench;
    const payloads = peer.initPayloads().filter((_, i) => i !== lacking);
    assert.deepEqual(answerTo(bench, peer.init(payloads)), [notify(INVALID_SYNTAX)]);
    bench.over();
  }
});

check("§1.2", "A second IKE_SA_INIT response changes nothing", () => {
  const { bench, peer } = dialled();
  bench.hear(peer.init());
  const keys = bench.sa.keys!;
  const [sa, ke] = peer.initPayloads();
  const other = peer.init([sa!, ke!, peer.nonce()], { spiR: 0x7777n });
  bench.ignores("a peer SPI that is not the SA's", other);
  bench.ignores(
    "an IKE_SA_INIT message to an SA that has keys",
    peer.init([sa!, ke!, peer.nonce()]),
  );
  assert.equal(bench.sa.keys, keys);
});

check(
  "§2.21.1",
  "An error notify in IKE_SA_INIT ends the exchange, in the notify's own words",
  () => {
    const { bench, peer } = dialled();
    bench.hear(peer.init([notify(NotifyType.NO_PROPOSAL_CHOSEN)], { spiR: 0n }));
    bench.over();
    assert.match(bench.failure, /refused every IKE proposal \(NO_PROPOSAL_CHOSEN\)/);
    assert.deepEqual(bench.said(), []);
  },
);

for (const [octets, good] of [[15, false], [16, true], [256, true], [257, false]] as const) {
  check("§3.9", `A nonce of ${octets} octets is ${good ? "taken" : "malformed"}`, () => {
    const bench = new Bench("responder");
    const { peer } = bench;
    const [sa, ke] = peer.initPayloads();
    const [first] = answerTo(bench, peer.init([sa!, ke!, peer.nonce(octets)]));
    assert.equal(findNotify([first!], INVALID_SYNTAX) === undefined, good);
    assert.equal(bench.live.length, good ? 1 : 0);
  });
  both(
    "§3.9",
    `A nonce of ${octets} octets is ${good ? "taken" : "malformed"} in CREATE_CHILD_SA`,
    (role) => {
      const bench = Bench.up(role);
      const [sa, , ...others] = bench.peer.createChild();
      const [first] = bench.ask(CREATE_CHILD_SA, [sa!, bench.peer.nonce(octets), ...others]);
      assert.equal(findNotify([first!], INVALID_SYNTAX) === undefined, good);
      if (good) bench.stands(2);
      else bench.over();
    },
  );
}

const SHA512 = { prf: [Prf.PRF_HMAC_SHA2_512] };

check("§2.10", "A nonce is at least half as long as the key of the negotiated PRF", () => {
  for (const role of ["initiator", "responder"] as Role[]) {
    const { algorithms: usual } = new Bench("responder").core.config;
    const config = { algorithms: { ...usual, ...SHA512 } };
    for (const [octets, good] of [[31, false], [32, true]] as const) {
      const bench = new Bench(role, config, config);
      const { peer } = bench;
      const [sa, ke] = peer.initPayloads();
      const nonce = peer.random.octets(octets);
      if (role === "initiator") peer.nonceR = nonce;
      else peer.nonceI = nonce;
      if (role === "initiator") peer.learn(bench.said()[0]!.octets);
      bench.hear(peer.init([sa!, ke!, { type: PayloadType.NONCE, data: nonce }]));
      assert.equal(bench.live.length, good ? 1 : 0);
      if (!good) bench.over();
    }
  }
});

both("§2.10", "A nonce of CREATE_CHILD_SA is as long as the PRF asks for, too", (role) => {
  const { algorithms: usual } = new Bench("responder").core.config;
  const config = { algorithms: { ...usual, ...SHA512 } };
  const bench = Bench.up(role, config, config);
  const [sa, , ...others] = bench.peer.createChild();
  bench.refuses(INVALID_SYNTAX, CREATE_CHILD_SA, [sa!, bench.peer.nonce(31), ...others]);
  bench.over();
});

check(
  "§3.4",
  "A KE payload without a public value, or with one of a wrong length, makes no SA",
  () => {
    for (const octets of [0, 1, 31, 33, 5_000]) {
      const bench = new Bench("responder");
      const { peer } = bench;
      const [sa, , nonce] = peer.initPayloads();
      const ke = {
        type: PayloadType.KE,
        group: peer.pair.group,
        data: new Uint8Array(octets).fill(3),
      } as const;
      assert.deepEqual(answerTo(bench, peer.init([sa!, ke, nonce!])), [notify(INVALID_SYNTAX)]);
      bench.over();
    }
  },
);

check("§3.4", "A MODP public value is as long as the prime, and not 0, 1 or p-1", () => {
  const groups = [KeGroup.MODP_2048];
  const algorithms = { ...new Bench("responder").core.config.algorithms, groups };
  const good = new Uint8Array(256).fill(0x41);
  for (
    const data of [
      good.slice(1),
      Uint8Array.of(0, ...good),
      new Uint8Array(256),
      last(new Uint8Array(256), 1),
    ]
  ) {
    const bench = new Bench("responder", { algorithms }, { algorithms });
    const { peer } = bench;
    const [sa, , nonce] = peer.initPayloads();
    const ke = { type: PayloadType.KE, group: KeGroup.MODP_2048, data } as const;
    assert.deepEqual(answerTo(bench, peer.init([sa!, ke, nonce!])), [notify(INVALID_SYNTAX)]);
    bench.over();
  }
});

function last(octets: Uint8Array, value: number): Uint8Array {
  octets[octets.length - 1] = value;
  return octets;
}

check(
  "RFC 6989 §2.3",
  "A public value that gives no secret is refused (Curve25519: all zero)",
  () => {
    const data = new Uint8Array(32);
    const group = KeGroup.CURVE25519;
    const bench = new Bench("responder");
    const [sa, , nonce] = bench.peer.initPayloads();
    const ke = { type: PayloadType.KE, group, data } as const;
    assert.deepEqual(answerTo(bench, bench.peer.init([sa!, ke, nonce!])), [notify(INVALID_SYNTAX)]);
    const { bench: other, peer } = dialled();
    const [sa2, , nonce2] = peer.initPayloads();
    other.hear(peer.init([sa2!, ke, nonce2!]));
    other.over();
    assert.match(other.failure, /Cannot use the peer's public value/);
  },
);

check("§3.4", "Reserved octets of a KE payload are ignored", () => {
  const bench = new Bench("responder");
  const { peer } = bench;
  const octets = peer.init([...peer.initPayloads()].toReversed());
  const text = String.fromCharCode(...octets);
  const at = text.indexOf(String.fromCharCode(...peer.pair.publicValue.subarray(0, 8)));
  octets.set([0xff, 0xff], at - 2);
  assert.equal(answerTo(bench, octets)[0]!.type, PayloadType.SA);
});

check("§1.2", "A KE answer of another group than the chosen one ends the exchange", () => {
  const { bench, peer } = dialled();
  const [sa, ke, nonce] = peer.initPayloads();
  bench.hear(peer.init([sa!, { ...ke!, group: KeGroup.ECP_256 } as Payload, nonce!]));
  bench.over();
  assert.match(bench.failure, /sent a public value of/);
});

check("§2.4", "A half-open SA whose initiator goes silent is forgotten", () => {
  const bench = Bench.keyed("responder");
  bench.pass(60_000);
  bench.over();
  assert.equal(bench.core.bySpi.size, 0);
});

check("§2.6", "An IKE_SA_INIT request to an end that only dials is dropped", () => {
  const { bench, peer } = dialled();
  const request = { spiI: 0x9999n, spiR: 0n, initiator: true, response: false };
  bench.ignores("an IKE_SA_INIT request to an initiator", peer.init(peer.initPayloads(), request));
});

check(
  "§2.15",
  "An IKE_SA_INIT that was changed on its way makes no SA that is authenticated",
  () => {
    const bench = new Bench("responder");
    const { peer } = bench;
    const seen = peer.init([...peer.initPayloads(), notify(40_000)]);
    bench.hear(seen);
    peer.learn(bench.said()[0]!.octets);
    peer.init(peer.initPayloads()); // What it believes to have sent.
    bench.refuses(NotifyType.AUTHENTICATION_FAILED, IKE_AUTH, peer.authPayloads());
    bench.over();
  },
);
