// CHILD_SAs and new IKE SAs: RFC 7296 §1.3, §2.8, §2.17, §2.18, §2.22, §2.25.
import assert from "node:assert/strict";
import { Encr } from "@/iana/encr.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import { TransformType } from "@/iana/transform_type.ts";
import { spiNumber, spiOctets32 } from "@/ike/negotiate/child_spi.ts";
import { childKeys } from "@/ike/records/child_sa.ts";
import { deriveChildKeys, ikeKeys } from "@/ike/negotiate/keymat.ts";
import { findNotify, notifies } from "@/ike/records/notify.ts";
import { CHILD, range4 } from "@/sim/scenarios.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import type { NotifyPayload } from "@/wire/payloads/notify.ts";
import { Bench, notify } from "./bench.ts";
import { checksOf, type Role } from "./entries.ts";

const { both, proved, absent } = checksOf(import.meta.url);
const { CREATE_CHILD_SA, INFORMATIONAL } = ExchangeType;
const N = NotifyType;

/** REKEY_SA, or another notify about a CHILD_SA. */
function about(
  spi: number,
  type: number = N.REKEY_SA,
  protocol: number = ProtocolId.ESP,
): NotifyPayload {
  return { ...notify(type), protocol, spi: spiOctets32(spi) };
}

both("§1.3", "CREATE_CHILD_SA without SA, Nonce, TSi or TSr is malformed", (role) => {
  for (const lacking of [0, 1, 2, 3]) {
    const bench = Bench.up(role);
    const payloads = bench.peer.createChild().filter((_, i) => i !== lacking);
    bench.refuses(N.INVALID_SYNTAX, CREATE_CHILD_SA, payloads);
    bench.over();
  }
});

both("§1.3", "A CREATE_CHILD_SA response without SA, Nonce, TSi or TSr ends the SA", (role) => {
  for (const lacking of [0, 1, 2, 3]) {
    const bench = Bench.up(role);
    bench.tell({ kind: "rekey_child", child: bench.sa.children[0]! });
    bench.answer(bench.peer.createChild().filter((_, i) => i !== lacking));
    bench.over();
    assert.match(bench.failure, /response is malformed/);
  }
});

type SaPayload = Extract<Payload, { type: typeof PayloadType.SA; proposals: unknown }>;

/** The proposals of an SA payload with the group of {@linkcode PFS}. */
function withGroup({ type, proposals }: SaPayload): SaPayload {
  const group = { type: TransformType.KE, id: KeGroup.ECP_256 };
  return {
    type,
    proposals: proposals.map((p) => ({ ...p, transforms: [...p.transforms, group] })),
  };
}

const PFS = { children: [{ ...CHILD, pfsGroups: [KeGroup.ECP_256] }] };

both(
  "§1.3",
  "A KE payload of another group than the chosen one is refused, and the group named",
  (role) => {
    const bench = Bench.up(role, PFS);
    const { peer } = bench;
    const [sa, nonce, ...ts] = peer.createChild();
    const { proposals } = sa as SaPayload;
    const groups = [KeGroup.ECP_256, KeGroup.CURVE25519].map((id) => ({
      type: TransformType.KE,
      id,
    }));
    const more = proposals.map((p) => ({ ...p, transforms: [...p.transforms, ...groups] }));
    const { publicValue: data } = peer.freshPair(KeGroup.CURVE25519);
    const ke = { type: PayloadType.KE, group: KeGroup.CURVE25519, data } as const;
    const payloads = [{ type: PayloadType.SA, proposals: more }, nonce!, ke, ...ts];
    const wanted = bench.refuses(N.INVALID_KE_PAYLOAD, CREATE_CHILD_SA, payloads);
    assert.deepEqual(wanted, Uint8Array.of(0, KeGroup.ECP_256));
    bench.stands();
  },
);

both(
  "§3.3.6",
  "A KE payload is ignored where no group was chosen, and none is answered",
  (role) => {
    const bench = Bench.up(role);
    const { peer } = bench;
    const [sa, nonce, ...ts] = peer.createChild();
    const ke = { type: PayloadType.KE, group: 31, data: peer.pair.publicValue } as const;
    const answer = bench.ask(CREATE_CHILD_SA, [sa!, nonce!, ke, ...ts]);
    assert.equal(findPayload(answer, PayloadType.KE), undefined);
    bench.stands(2);
  },
);

both(
  "§1.3",
  "A rekey that is answered without the public value it asked for comes to nothing",
  (role) => {
    const bench = Bench.up(role, PFS);
    const [sa, nonce, ...ts] = bench.peer.createChild();
    const chosen = withGroup(sa as SaPayload);
    const why = bench.answersRekey([chosen, nonce!, ...ts]);
    assert.match(why, /without a public value of our group/);
    // The peer has its half of the CHILD_SA nevertheless.
    assert.deepEqual(bench.said().at(-1)!.payloads.map(({ type }) => type), [PayloadType.DELETE]);
    bench.answer([]);
    bench.stands();
  },
);

both(
  "§2.17",
  "Keys of a CHILD_SA come from its own nonces, the exchange's initiator first",
  (role) => {
    const bench = Bench.up(role);
    const { peer } = bench;
    const payloads = peer.createChild();
    const answer = bench.ask(CREATE_CHILD_SA, payloads);
    const nonceI = findPayload(payloads, PayloadType.NONCE)!.data;
    const nonceR = findPayload(answer, PayloadType.NONCE)!.data;
    const child = bench.sa.children.at(-1)!;
    const { d } = ikeKeys(peer.suite!, peer.keys!);
    const expected = deriveChildKeys(peer.suite!.prf, d, { nonceI, nonceR, suite: child.suite! });
    assert.deepEqual(child.keys, expected);
    const { ei, er } = childKeys(child);
    assert.deepEqual([ei, er], [expected.subarray(0, 20), expected.subarray(20, 40)]);
  },
);

both("§1.3.3", "A rekey names the CHILD_SA by the SPI its sender receives on", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  const [old] = bench.sa.children;
  const answer = bench.ask(CREATE_CHILD_SA, peer.createChild([about(old!.spiOut)]));
  assert.ok(findPayload(answer, PayloadType.SA));
  assert.equal(old!.state, "rekeyed");
});

both(
  "§2.25",
  "The rekey of a CHILD_SA that is not there is refused, and the refusal names it",
  (role) => {
    const bench = Bench.up(role);
    const { peer } = bench;
    const [old] = bench.sa.children;
    for (const spi of [0xdeadbeef, old!.spiIn]) {
      const answer = bench.ask(CREATE_CHILD_SA, peer.createChild([about(spi)]));
      assert.deepEqual(answer, [about(spi, N.CHILD_SA_NOT_FOUND)]);
    }
    const answer = bench.ask(
      CREATE_CHILD_SA,
      peer.createChild([about(old!.spiOut, N.REKEY_SA, ProtocolId.AH)]),
    );
    assert.ok(findNotify(answer, N.CHILD_SA_NOT_FOUND));
    bench.stands();
  },
);

/** A bench whose core gets the response to a rekey with a key exchange, and computes the keys. */
function deriving(role: Role): { readonly bench: Bench; readonly spi: number; done(): void } {
  const bench = Bench.up(role, PFS, PFS);
  const { peer } = bench;
  const [sa, nonce, ...ts] = peer.createChild();
  bench.tell({ kind: "rekey_child", child: bench.sa.children[0]! });
  const { publicValue: data } = peer.freshPair(KeGroup.ECP_256);
  const ke = { type: PayloadType.KE, group: KeGroup.ECP_256, data } as const;
  bench.computes = false;
  bench.answer([withGroup(sa as SaPayload), nonce!, ke, ...ts]);
  const { spi } = (sa as SaPayload).proposals[0]!;
  const done = () => {
    bench.computes = true;
    bench.work();
  };
  return { bench, spi: spiNumber(spi), done };
}

both(
  "§1.4.1",
  "A CHILD_SA whose keys are still computed is deleted by a Delete, answered with the other half",
  (role) => {
    const { bench, spi, done } = deriving(role);
    const made = bench.sa.children.at(-1)!;
    const gone = { type: PayloadType.DELETE, protocol: ProtocolId.ESP } as const;
    const answer = bench.ask(INFORMATIONAL, [{ ...gone, spis: [spi] }]);
    assert.deepEqual(answer, [{ ...gone, spis: [made.spiIn] }]);
    done();
    const installs = bench.effects.filter((e) => e.kind === "install");
    assert.deepEqual([made.state, installs.length], ["closed", 1], "what is dead is not installed");
  },
);

both(
  "§2.25",
  "The rekey of a CHILD_SA whose keys are still computed is put off with TEMPORARY_FAILURE",
  (role) => {
    const { bench, spi, done } = deriving(role);
    bench.refuses(N.TEMPORARY_FAILURE, CREATE_CHILD_SA, bench.peer.createChild([about(spi)]));
    done();
    assert.equal(bench.sa.children.at(-1)!.state, "established");
  },
);

both("§2.25", "After TEMPORARY_FAILURE nothing is tried again at once", (role) => {
  const rekey = Bench.up(role);
  rekey.answersRekey([notify(N.TEMPORARY_FAILURE)]);
  assert.equal(rekey.said().length, 1);
  const fresh = Bench.up(role);
  fresh.tell({ kind: "create_child", configIndex: 0 });
  fresh.answer([notify(N.TEMPORARY_FAILURE)]);
  assert.equal(fresh.said().length, 1);
  const ike = Bench.up(role);
  ike.tell({ kind: "rekey_ike" });
  ike.answer([notify(N.TEMPORARY_FAILURE)]);
  assert.equal(ike.said().length, 1);
  for (const bench of [rekey, fresh, ike]) {
    bench.pass(500);
    assert.equal(bench.said().length, 0);
    bench.pass(60_000);
    assert.ok(bench.said().length > 0, "but later it is");
  }
});

both("§2.25", "CHILD_SA_NOT_FOUND has the CHILD_SA forgotten silently, and made anew", (role) => {
  const bench = Bench.up(role);
  const [old] = bench.sa.children;
  bench.answersRekey([about(old!.spiIn, N.CHILD_SA_NOT_FOUND)]);
  assert.equal(old!.state, "closed");
  const last = bench.said().at(-1)!;
  assert.equal(last.header.exchange, CREATE_CHILD_SA);
  assert.equal(findNotify(last.payloads, N.REKEY_SA), undefined);
});

both(
  "§3.10.1",
  "An unknown error in a CREATE_CHILD_SA response fails the whole request",
  (role) => {
    for (const type of [8_191, 16_383]) {
      const bench = Bench.up(role);
      const text = bench.answersRekey([...bench.peer.createChild(), notify(type)]);
      assert.match(text, /refused the rekey/);
      bench.stands();
    }
  },
);

both("§1.3", "NO_ADDITIONAL_SAS refuses the CHILD_SA alone", (role) => {
  const bench = Bench.up(role);
  assert.match(bench.answersRekey([notify(N.NO_ADDITIONAL_SAS)]), /NO_ADDITIONAL_SAS/);
  bench.stands();
});

both("§1.3", "CHILD_SAs without end are refused with NO_ADDITIONAL_SAS", (role) => {
  const bench = Bench.up(role);
  for (let i = 0; i < 255; i++) bench.ask(CREATE_CHILD_SA, bench.peer.createChild());
  bench.refuses(N.NO_ADDITIONAL_SAS, CREATE_CHILD_SA, bench.peer.createChild());
  bench.stands(256);
});

both("§1.3.2", "The rekey of an IKE SA without KE is malformed", (role) => {
  const bench = Bench.up(role);
  const [sa, nonce] = bench.peer.rekeyIke();
  bench.refuses(N.INVALID_SYNTAX, CREATE_CHILD_SA, [sa!, nonce!]);
  bench.over();
});

both("§2.18", "The rekey of an IKE SA with the group NONE is not accepted", (role) => {
  const bench = Bench.up(role);
  const [sa, ...others] = bench.peer.rekeyIke();
  const { proposals } = sa as Extract<Payload, { type: typeof PayloadType.SA; proposals: unknown }>;
  const none = proposals.map((p) => ({
    ...p,
    transforms: p.transforms.map((t) => t.type === TransformType.KE ? { ...t, id: 0 } : t),
  }));
  const payloads = [{ type: PayloadType.SA, proposals: none }, ...others];
  bench.refuses(N.NO_PROPOSAL_CHOSEN, CREATE_CHILD_SA, payloads);
  bench.stands();
});

both(
  "§2.18",
  "A new IKE SA begins with Message ID 0 in both directions, and has its own keys",
  (role) => {
    const bench = Bench.up(role);
    const old = bench.sa;
    const answer = bench.ask(CREATE_CHILD_SA, bench.peer.rekeyIke());
    assert.ok(findPayload(answer, PayloadType.KE));
    const { sa } = bench;
    assert.deepEqual([sa.window.nextRequestId, sa.window.nextPeerId, sa.originalInitiator], [
      0,
      0,
      false,
    ]);
    assert.notDeepEqual(sa.keys, old.keys);
  },
);

both(
  "§2.8",
  "A new IKE SA inherits the CHILD_SAs, and the old one makes no more of them",
  (role) => {
    const bench = Bench.up(role);
    const old = bench.sa;
    const [child] = old.children;
    bench.ask(CREATE_CHILD_SA, bench.peer.rekeyIke());
    assert.deepEqual([old.children, bench.sa.children], [[], [child]]);
    bench.refuses(N.TEMPORARY_FAILURE, CREATE_CHILD_SA, bench.peer.createChild());
  },
);

both("§2.8", "The old IKE SA is deleted by its own Delete, and the new one stays", (role) => {
  const bench = Bench.up(role);
  const old = bench.sa;
  bench.ask(CREATE_CHILD_SA, bench.peer.rekeyIke());
  bench.ask(INFORMATIONAL, [{ type: PayloadType.DELETE, protocol: ProtocolId.IKE, spis: [] }]);
  assert.equal(old.phase, "closed");
  assert.deepEqual(bench.live.map((sa) => sa.children.length), [1]);
});

both(
  "§2.8",
  "A peer that answers our rekey of the IKE SA with nonsense leaves the old one standing",
  (role) => {
    const wrongKe = Bench.up(role);
    const { peer } = wrongKe;
    const [sa, nonce] = peer.rekeyIke();
    const ke = {
      type: PayloadType.KE,
      group: KeGroup.ECP_256,
      data: new Uint8Array(64).fill(1),
    } as const;
    for (const payloads of [[sa!, nonce!, ke], [...peer.createChild(), ke]]) {
      const bench = Bench.up(role);
      bench.tell({ kind: "rekey_ike" });
      bench.answer(payloads);
      bench.stands();
    }
  },
);

both("§2.8", "A CHILD_SA that is expired is not used any more", (role) => {
  const bench = Bench.up(role, { children: [{ ...CHILD, lifetimeMs: 20_000 }], marginMs: 5_000 });
  bench.pass(16_000);
  bench.answer([notify(N.NO_PROPOSAL_CHOSEN)]);
  bench.pass(5_000);
  assert.equal(bench.said().at(-1)!.payloads[0]!.type, PayloadType.DELETE);
  bench.answer([]);
  bench.over();
});

both("§2.8", "An IKE SA that is expired is not used any more", (role) => {
  const bench = Bench.up(role, { ikeLifetimeMs: 20_000, marginMs: 5_000 });
  bench.pass(16_000);
  bench.answer([notify(N.NO_PROPOSAL_CHOSEN)]);
  bench.pass(5_000);
  assert.deepEqual(bench.said().at(-1)!.payloads[0]!.type, PayloadType.DELETE);
  bench.answer([]);
  bench.over();
});

const TRANSPORT = { children: [{ ...CHILD, tunnelMode: false }] };

both("§1.3.1", "Transport mode that is declined has the CHILD_SA deleted", (role) => {
  const bench = Bench.keyed(role, TRANSPORT, TRANSPORT);
  const { peer } = bench;
  const mode = notify(N.USE_TRANSPORT_MODE);
  if (role === "responder") {
    assert.ok(
      findNotify(
        bench.ask(ExchangeType.IKE_AUTH, [...peer.authPayloads(), mode]),
        N.USE_TRANSPORT_MODE,
      ),
    );
  } else {
    const [id, auth, sa] = peer.authPayloads();
    const tsI = [range4([10, 0, 0, 1], [10, 0, 0, 1])];
    const tsR = [range4([10, 0, 0, 2], [10, 0, 0, 2])];
    const hosts: Payload[] = [
      { type: PayloadType.TSI, selectors: tsI },
      { type: PayloadType.TSR, selectors: tsR },
    ];
    bench.answer([id!, auth!, sa!, ...hosts, mode]);
  }
  bench.said();
  const text = bench.answersRekey(peer.createChild());
  assert.match(text, /declined transport mode/);
  assert.equal(bench.said().at(-1)!.payloads[0]!.type, PayloadType.DELETE);
});

both("§1.3.1", "Transport mode that was not asked for is not taken", (role) => {
  const bench = Bench.up(role);
  const { peer } = bench;
  const text = bench.answersRekey(peer.createChild([notify(N.USE_TRANSPORT_MODE)]));
  assert.match(text, /transport mode, which we did not ask for/);
});

const IPCOMP = { children: [{ ...CHILD, ipcomp: true }] };
const deflate = (cpi: number, transform = 2) =>
  notify(N.IPCOMP_SUPPORTED, Uint8Array.of(cpi >> 8, cpi & 255, transform));

both("§2.22", "One IPComp algorithm is accepted, of those that were proposed", (role) => {
  const bench = Bench.up(role, IPCOMP);
  const { peer } = bench;
  const answer = bench.ask(
    CREATE_CHILD_SA,
    peer.createChild([deflate(0x4001, 3), deflate(0x4002), deflate(0x4003)]),
  );
  const taken = notifies(answer).filter((n) => n.notify === N.IPCOMP_SUPPORTED);
  assert.deepEqual(taken.map((n) => n.data[2]), [2]);
});

both(
  "§2.22",
  "An answer with an IPComp algorithm that was not proposed is not accepted",
  (role) => {
    const unasked = Bench.up(role);
    assert.match(
      unasked.answersRekey(unasked.peer.createChild([deflate(0x4001)])),
      /which we did not offer/,
    );
    const other = Bench.up(role, IPCOMP);
    assert.match(
      other.answersRekey(other.peer.createChild([deflate(0x4001, 3)])),
      /which we did not offer/,
    );
  },
);

both("§2.22", "An answer with several IPComp algorithms is not accepted", (role) => {
  const bench = Bench.up(role, IPCOMP);
  const text = bench.answersRekey(bench.peer.createChild([deflate(0x4001), deflate(0x4002)]));
  assert.match(text, /2 IPCOMP_SUPPORTED instead of one/);
});

both("§2.22", "IPCOMP_SUPPORTED in a message without SA is ignored", (role) => {
  const bench = Bench.up(role, IPCOMP);
  assert.deepEqual(bench.ask(INFORMATIONAL, [deflate(0x4001)]), []);
  bench.stands();
});

both("§2.22", "IPCOMP_SUPPORTED has a CPI and a transform", (role) => {
  const bench = Bench.up(role, IPCOMP);
  const short = notify(N.IPCOMP_SUPPORTED, Uint8Array.of(1, 2));
  bench.refuses(N.INVALID_SYNTAX, CREATE_CHILD_SA, bench.peer.createChild([short]));
  bench.over();
});

both(
  "§3.3.2",
  "A CHILD_SA with integrity NONE is taken with a combined-mode cipher alone",
  (role) => {
    const bench = Bench.up(role);
    const { peer } = bench;
    const [, ...others] = peer.createChild();
    const transforms = [
      { type: TransformType.ENCR, id: Encr.ENCR_AES_CBC, keyBits: 128 },
      { type: TransformType.INTEG, id: 0 },
      { type: TransformType.ESN, id: 0 },
    ];
    const proposals = [{ number: 1, protocol: ProtocolId.ESP, spi: peer.spi(), transforms }];
    bench.refuses(N.NO_PROPOSAL_CHOSEN, CREATE_CHILD_SA, [
      { type: PayloadType.SA, proposals },
      ...others,
    ]);
  },
);

both(
  "§2.1",
  "While a request is computed, its repeats and others are not answered twice",
  (role) => {
    const bench = Bench.up(role, PFS, PFS);
    const { peer } = bench;
    const [sa, nonce, ...ts] = peer.createChild();
    const { proposals } = sa as SaPayload;
    const ke = { type: TransformType.KE, id: KeGroup.ECP_256 };
    const more = proposals.map((p) => ({ ...p, transforms: [...p.transforms, ke] }));
    const { publicValue: data } = peer.freshPair(KeGroup.ECP_256);
    const request = peer.seal(peer.header(CREATE_CHILD_SA), [
      { type: PayloadType.SA, proposals: more },
      nonce!,
      { type: PayloadType.KE, group: KeGroup.ECP_256, data },
      ...ts,
    ]);
    bench.computes = false;
    bench.hear(request);
    bench.ignores("a request while the one before is computed", request);
    bench.computes = true;
    bench.work();
    assert.equal(bench.said().length, 1);
  },
);

/** Rows of the crossings in `tests/sim`: the exchange of the core, and the request that meets it. */
const CROSSINGS = [
  [
    "§2.25.1",
    "A request to rekey a CHILD_SA that is being closed gets TEMPORARY_FAILURE",
    "delete_child",
    "rekey_child",
  ],
  [
    "§2.25.1",
    "A request to rekey a CHILD_SA that is being rekeyed is answered, and the lowest nonce loses",
    "rekey_child",
    "rekey_child",
  ],
  [
    "§2.25.1",
    "A request to close a CHILD_SA that is being closed is answered without a Delete",
    "delete_child",
    "delete_child",
  ],
  [
    "§2.25.1",
    "A request to close a CHILD_SA that is being rekeyed is answered with a Delete",
    "rekey_child",
    "delete_child",
  ],
  [
    "§2.25.1",
    "A request to rekey an IKE SA whose CHILD_SA is being rekeyed gets TEMPORARY_FAILURE",
    "rekey_child",
    "rekey_ike",
  ],
  [
    "§2.25.1",
    "A request to rekey an IKE SA whose CHILD_SA is being closed gets TEMPORARY_FAILURE",
    "delete_child",
    "rekey_ike",
  ],
  [
    "§2.25.2",
    "A request to rekey an IKE SA that is being rekeyed is answered, and the lowest nonce loses",
    "rekey_ike",
    "rekey_ike",
  ],
  [
    "§2.25.2",
    "A request to rekey an IKE SA that is being closed gets TEMPORARY_FAILURE",
    "close",
    "rekey_ike",
  ],
  [
    "§2.25.2",
    "A request to close an IKE SA that is being rekeyed is answered",
    "rekey_ike",
    "close",
  ],
  ["§2.25.2", "A request to close an IKE SA that is being closed is answered", "close", "close"],
  [
    "§2.25.2",
    "A request to rekey a CHILD_SA of an IKE SA that is being rekeyed gets TEMPORARY_FAILURE",
    "rekey_ike",
    "rekey_child",
  ],
  [
    "§2.25.2",
    "A request to delete a CHILD_SA of an IKE SA that is being rekeyed is answered with a Delete",
    "rekey_ike",
    "delete_child",
  ],
] as const;

for (const [section, rule, busy, asked] of CROSSINGS) {
  const name = `busy: "${busy}", asked: "${asked}"`;
  proved(section, rule, { file: "tests/sim/crossing.ts", name });
}

absent(
  "§2.4",
  "CHILD_SAs that can fail independently of one another have IKE SAs of their own",
  "one process keeps all CHILD_SAs of an IKE SA, and they go with it",
);
