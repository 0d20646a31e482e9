// IKE_FOLLOWUP_KE: the additional key exchanges of a CREATE_CHILD_SA. RFC 9370 §2.2.4.
import assert from "node:assert/strict";
import { concat } from "@/base/bytes.ts";
import type { KeyPair } from "@/crypto/backend.ts";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import { ikeKeys, spiOctets } from "@/ike/negotiate/keymat.ts";
import { childProposals, ikeProposals } from "@/ike/negotiate/proposal.ts";
import { findNotify } from "@/ike/records/notify.ts";
import type { ChildSa } from "@/ike/records/sa.ts";
import { CHILD, worldConfig } from "@/sim/scenarios.ts";
import { findPayload, type Payload } from "@/wire/message.ts";
import type { Proposal } from "@/wire/payloads/security_association.ts";
import { Bench, notify } from "./bench.ts";
import { checksOf } from "./entries.ts";

const { check, both } = checksOf(import.meta.url);
const { CREATE_CHILD_SA, IKE_AUTH, IKE_FOLLOWUP_KE, INFORMATIONAL, IKE_SA_INIT } = ExchangeType;
const {
  ADDITIONAL_KEY_EXCHANGE,
  INVALID_SYNTAX,
  NO_PROPOSAL_CHOSEN,
  REKEY_SA,
  STATE_NOT_FOUND,
  TEMPORARY_FAILURE,
} = NotifyType;

/** The first method and two additional ones; they are classical, as the peer has pairs for them. */
const FIRST = KeGroup.CURVE25519;
const ADDED = [KeGroup.ECP_384, KeGroup.ECP_256] as const;
const LISTS = ADDED.map((group) => [group]);
const { algorithms } = worldConfig();
/** Only CHILD_SAs have additional key exchanges, so that the IKE SA needs no IKE_INTERMEDIATE. */
const CHILDREN = { children: [{ ...CHILD, pfsGroups: [FIRST], pfsAdditional: LISTS }] };
/** The same with an IKE SA whose additional methods may be left out, as this set-up does. */
const BOTH_KINDS = {
  ...CHILDREN,
  algorithms: { ...algorithms, additional: ADDED.map((group) => [group, KeGroup.NONE]) },
};

function keOf({ group, publicValue }: Pick<KeyPair, "group" | "publicValue">): Payload {
  return { type: PayloadType.KE, group, data: publicValue };
}

function linkOf(payloads: readonly Payload[]): Uint8Array | undefined {
  return findNotify(payloads, ADDITIONAL_KEY_EXCHANGE)?.data;
}

function keIn(payloads: readonly Payload[]): Uint8Array {
  return findPayload(payloads, PayloadType.KE)!.data;
}

/** What both ends share of a series of exchanges, as the peer computes it. */
interface Series {
  readonly nonceI: Uint8Array;
  readonly nonceR: Uint8Array;
  readonly secrets: Uint8Array[];
}

/** SA, Nonce, KE, TSi and TSr of the peer's request for a CHILD_SA; with `old`, REKEY_SA comes first. */
function childRequest(
  bench: Bench,
  pair: KeyPair,
  old?: ChildSa,
  nonce = bench.peer.nonce(),
): Payload[] {
  const { peer } = bench;
  const [config] = peer.config.children;
  const [, ...selectors] = peer.childPayloads();
  const spi = old &&
    Uint8Array.of(old.spiOut >>> 24, old.spiOut >>> 16, old.spiOut >>> 8, old.spiOut);
  return [
    ...(spi ? [{ ...notify(REKEY_SA), protocol: ProtocolId.ESP, spi }] : []),
    { type: PayloadType.SA, proposals: childProposals(config!, peer.spi(), config!.pfsGroups) },
    nonce,
    keOf(pair),
    ...selectors,
  ];
}

function ikeRequest(bench: Bench, pair: KeyPair): Payload[] {
  const hybrid = { ...algorithms, additional: LISTS };
  const proposals = ikeProposals(hybrid, spiOctets(0x5555555566666666n));
  return [{ type: PayloadType.SA, proposals }, bench.peer.nonce(), keOf(pair)];
}

/** Lets the peer begin a series; returns the link for its next request. */
function begins(
  bench: Bench,
  payloads: readonly Payload[],
  pair: KeyPair,
): Series & { link: Uint8Array } {
  const answer = bench.ask(CREATE_CHILD_SA, payloads);
  const link = linkOf(answer);
  assert(link, "the answer links to the first IKE_FOLLOWUP_KE");
  return {
    nonceI: findPayload(payloads, PayloadType.NONCE)!.data,
    nonceR: findPayload(answer, PayloadType.NONCE)!.data,
    secrets: [bench.peer.derive(keIn(answer), pair)],
    link,
  };
}

/** Sends the peer's next request with the link; returns the link of the answer. */
function follows(
  bench: Bench,
  series: Series,
  group: number,
  link: Uint8Array,
): Uint8Array | undefined {
  const pair = bench.peer.freshPair(group);
  const answer = bench.ask(IKE_FOLLOWUP_KE, [keOf(pair), notify(ADDITIONAL_KEY_EXCHANGE, link)]);
  series.secrets.push(bench.peer.derive(keIn(answer), pair));
  return linkOf(answer);
}

/** Answers the core's series, which has just sent its CREATE_CHILD_SA request, up to its end. */
function answersAll(bench: Bench, said: readonly Payload[], sa: Proposal): Series {
  const { peer } = bench;
  const nonceI = findPayload(said, PayloadType.NONCE)!.data;
  const first = peer.freshPair(FIRST);
  const nonce = peer.nonce() as Payload & { data: Uint8Array };
  const series: Series = { nonceI, nonceR: nonce.data, secrets: [peer.derive(keIn(said), first)] };
  const selectors = [PayloadType.TSI, PayloadType.TSR].flatMap((type) =>
    findPayload(said, type) ?? []
  );
  const link = (n: number) => notify(ADDITIONAL_KEY_EXCHANGE, Uint8Array.of(7, n));
  bench.answer([
    { type: PayloadType.SA, proposals: [sa] },
    nonce,
    keOf(first),
    ...selectors,
    link(0),
  ]);
  for (const [i, group] of ADDED.entries()) {
    const { payloads } = bench.said().at(-1)!;
    const pair = peer.freshPair(group);
    assert.deepEqual(linkOf(payloads), Uint8Array.of(7, i));
    series.secrets.push(peer.derive(keIn(payloads), pair));
    bench.answer([keOf(pair), ...(i + 1 < ADDED.length ? [link(i + 1)] : [])]);
  }
  return series;
}

/** One transform of each type of the core's first proposal, with an SPI of the peer. */
function chosen(said: readonly Payload[], spi: Uint8Array): Proposal {
  const [proposal] = findPayload(said, PayloadType.SA)!.proposals;
  const transforms = proposal!.transforms.filter((t, i, all) =>
    all.findIndex(({ type }) => type === t.type) === i
  );
  return { ...proposal!, spi, transforms };
}

/** The input of the key material: SK(0) ‖ Ni ‖ Nr ‖ SK(1) ‖ … ‖ SK(n). */
function seed({ nonceI, nonceR, secrets: [first, ...others] }: Series): Uint8Array {
  return concat(first!, nonceI, nonceR, ...others);
}

function rekeyChildSaid(bench: Bench): readonly Payload[] {
  bench.tell({ kind: "rekey_child", child: bench.sa.children[0]! });
  return bench.said().at(-1)!.payloads;
}

both(
  "RFC 9370 §2.2.4",
  "KEYMAT of a CHILD_SA comes from the secrets of all key exchanges",
  (role) => {
    const bench = Bench.up(role, CHILDREN, CHILDREN);
    const { sa, peer } = bench;
    const [old] = sa.children;
    const { d } = ikeKeys(sa.suite!, sa.keys!);
    let series: Series;
    if (role === "responder") {
      const pair = peer.freshPair(FIRST);
      const { link, ...begun } = begins(bench, childRequest(bench, pair, old), pair);
      assert.equal(
        sa.children.filter(({ keys }) => keys).length,
        1,
        "nothing is made before the last one",
      );
      const next = follows(bench, series = begun, ADDED[0], link);
      assert.equal(follows(bench, series, ADDED[1], next!), undefined);
    } else {
      const said = rekeyChildSaid(bench);
      series = answersAll(bench, said, chosen(said, peer.spi()));
    }
    const made = sa.children.find((child) => child !== old && child.keys)!;
    assert.deepEqual(made.keys, sa.suite!.prf.plus(d, seed(series), made.keys!.length));
    assert.deepEqual([made.group, ...made.additional], [FIRST, ...ADDED]);
  },
);

both(
  "RFC 9370 §2.2.4",
  "SKEYSEED of a rekeyed IKE SA comes from the secrets of all key exchanges",
  (role) => {
    const hybrid = role === "responder" ? BOTH_KINDS : { algorithms: { ...algorithms } };
    const bench = Bench.up(role, hybrid, {});
    const { sa, peer } = bench;
    const { prf } = sa.suite!;
    const { d } = ikeKeys(sa.suite!, sa.keys!);
    if (role === "initiator") {
      // The set-up then needs no IKE_INTERMEDIATE, as the check concerns what the rekey proposes.
      const hybrid = { ...algorithms, additional: LISTS };
      Object.assign(sa, { config: { ...sa.config, algorithms: hybrid } });
    }
    let series: Series;
    if (role === "responder") {
      const pair = peer.freshPair(FIRST);
      const { link, ...begun } = begins(bench, ikeRequest(bench, pair), pair);
      const next = follows(bench, series = begun, ADDED[0], link);
      assert.equal(bench.live.length, 1, "nothing is made before the last one");
      follows(bench, series, ADDED[1], next!);
    } else {
      bench.tell({ kind: "rekey_ike" });
      const said = bench.said().at(-1)!.payloads;
      series = answersAll(bench, said, chosen(said, spiOctets(0x5555555566666666n)));
    }
    const made = bench.live.find((one) => one !== sa)!;
    const { nonceI, nonceR } = series;
    const skeyseed = prf.compute(d, seed(series));
    const ends = concat(nonceI, nonceR, spiOctets(made.spiI), spiOctets(made.spiR));
    assert.deepEqual(made.keys, made.suite!.prf.plus(skeyseed, ends, made.keys!.length));
    assert.deepEqual(made.suite!.additional, [...ADDED]);
  },
);

check(
  "RFC 9370 §2.2.4",
  "A link that belongs to nothing is answered STATE_NOT_FOUND, and the SA stands",
  () => {
    const bench = Bench.up("responder", CHILDREN, CHILDREN);
    const { peer, sa } = bench;
    const pair = peer.freshPair(FIRST);
    const first = peer.freshPair(ADDED[0]);
    const ask = (link: Uint8Array) =>
      bench.refuses(STATE_NOT_FOUND, IKE_FOLLOWUP_KE, [
        keOf(first),
        notify(ADDITIONAL_KEY_EXCHANGE, link),
      ]);
    ask(Uint8Array.of(1, 2, 3));
    const { link, ...series } = begins(bench, childRequest(bench, pair, sa.children[0]), pair);
    ask(link.subarray(1));
    const next = follows(bench, series, ADDED[0], link)!;
    ask(link);
    follows(bench, series, ADDED[1], next);
    ask(next);
    assert.deepEqual(sa.followups, []);
  },
);

check("RFC 9370 §2.2.4", "IKE_FOLLOWUP_KE without ADDITIONAL_KEY_EXCHANGE ends the SA", () => {
  const bench = Bench.up("responder", CHILDREN, CHILDREN);
  const { peer } = bench;
  bench.refuses(INVALID_SYNTAX, IKE_FOLLOWUP_KE, [keOf(peer.freshPair(FIRST))]);
  bench.over();
});

check("RFC 9370 §2.2.4", "What the peer does not complete is forgotten in time", () => {
  const bench = Bench.up("responder", CHILDREN, CHILDREN);
  const { peer, sa } = bench;
  const pair = peer.freshPair(FIRST);
  const { link } = begins(bench, childRequest(bench, pair, sa.children[0]), pair);
  assert.equal(sa.children.length, 2);
  bench.pass(60_000);
  assert.deepEqual([sa.followups, sa.children.length, bench.core.env.childrenBySpi.size], [
    [],
    1,
    1,
  ]);
  const late = [keOf(peer.freshPair(ADDED[0])), notify(ADDITIONAL_KEY_EXCHANGE, link)];
  bench.refuses(STATE_NOT_FOUND, IKE_FOLLOWUP_KE, late);
  bench.stands();
});

check("RFC 9370 §2.2.4", "A Delete of the CHILD_SA in the middle ends the series", () => {
  const bench = Bench.up("responder", CHILDREN, CHILDREN);
  const { peer, sa } = bench;
  const pair = peer.freshPair(FIRST);
  const request = childRequest(bench, pair, sa.children[0]);
  const { link } = begins(bench, request, pair);
  const [{ spi }] = findPayload(request, PayloadType.SA)!.proposals as [Proposal];
  const number = new DataView(spi.buffer, spi.byteOffset).getUint32(0);
  assert.deepEqual(
    bench.ask(INFORMATIONAL, [{
      type: PayloadType.DELETE,
      protocol: ProtocolId.ESP,
      spis: [number],
    }]),
    [],
  );
  const late = [keOf(peer.freshPair(ADDED[0])), notify(ADDITIONAL_KEY_EXCHANGE, link)];
  bench.refuses(STATE_NOT_FOUND, IKE_FOLLOWUP_KE, late);
  bench.stands();
});

check(
  "RFC 9370 §2.2.4",
  "A value of another method or length in IKE_FOLLOWUP_KE ends the SA",
  () => {
    const wrong: Payload[] = [
      { type: PayloadType.KE, group: ADDED[1], data: new Uint8Array(64) },
      { type: PayloadType.KE, group: ADDED[0], data: new Uint8Array(95) },
      { type: PayloadType.KE, group: ADDED[0], data: new Uint8Array(96) },
    ];
    for (const ke of wrong) {
      const bench = Bench.up("responder", CHILDREN, CHILDREN);
      const { peer, sa } = bench;
      const pair = peer.freshPair(FIRST);
      const { link } = begins(bench, childRequest(bench, pair, sa.children[0]), pair);
      bench.refuses(INVALID_SYNTAX, IKE_FOLLOWUP_KE, [ke, notify(ADDITIONAL_KEY_EXCHANGE, link)]);
      bench.over();
    }
  },
);

check("RFC 9370 §2.2.4", "Series that are begun and not completed are bounded in number", () => {
  const bench = Bench.up("responder", CHILDREN, CHILDREN);
  const { peer } = bench;
  for (let i = 0; i < 8; i++) {
    const pair = peer.freshPair(FIRST);
    begins(bench, childRequest(bench, pair), pair);
  }
  bench.refuses(TEMPORARY_FAILURE, CREATE_CHILD_SA, childRequest(bench, peer.freshPair(FIRST)));
});

check(
  "RFC 9370 §2.2.4",
  "A rekey that crosses a series of ours is refused with TEMPORARY_FAILURE",
  () => {
    const bench = Bench.up("initiator", CHILDREN, CHILDREN);
    const { peer, sa } = bench;
    const said = rekeyChildSaid(bench);
    const [old] = sa.children;
    const first = peer.freshPair(FIRST);
    const selectors = [PayloadType.TSI, PayloadType.TSR].flatMap((type) =>
      findPayload(said, type) ?? []
    );
    const link = notify(ADDITIONAL_KEY_EXCHANGE, Uint8Array.of(7));
    bench.answer([
      { type: PayloadType.SA, proposals: [chosen(said, peer.spi())] },
      peer.nonce(),
      keOf(first),
      ...selectors,
      link,
    ]);
    assert.equal(bench.said().at(-1)!.header.exchange, IKE_FOLLOWUP_KE);
    peer.nextId = 0;
    bench.refuses(TEMPORARY_FAILURE, CREATE_CHILD_SA, childRequest(bench, first, old));
  },
);

/** Lets the peer's rekey of the same CHILD_SA cross the core's; its nonce is all zeros, or all ones. */
function crosses(bench: Bench, fill: number): void {
  const { peer, sa } = bench;
  const said = rekeyChildSaid(bench);
  const pair = peer.freshPair(FIRST);
  const nonce = { type: PayloadType.NONCE, data: new Uint8Array(32).fill(fill) } as const;
  peer.nextId = 0;
  begins(bench, childRequest(bench, pair, sa.children[0], nonce), pair);
  const selectors = [PayloadType.TSI, PayloadType.TSR].flatMap((type) =>
    findPayload(said, type) ?? []
  );
  bench.answer([
    { type: PayloadType.SA, proposals: [chosen(said, peer.spi())] },
    { ...nonce, data: new Uint8Array(32).fill(0xff) },
    keOf(pair),
    ...selectors,
    notify(ADDITIONAL_KEY_EXCHANGE, Uint8Array.of(7)),
  ]);
}

check(
  "RFC 9370 §2.2.4",
  "Of crossing rekeys the one with the lowest nonce is not gone on with",
  () => {
    const wins = Bench.up("initiator", CHILDREN, CHILDREN);
    crosses(wins, 0);
    assert.deepEqual(wins.said().map(({ header }) => header.exchange), [IKE_FOLLOWUP_KE]);
    assert.deepEqual(wins.sa.followups, [], "the peer's will not be gone on with");
    // Both nonces of the peer's exchange must be above those of the core's own.
    const loses = Bench.up("initiator", CHILDREN, CHILDREN);
    const random = loses.core.env.random;
    Object.assign(loses.core.env, {
      random: (count: number) => count === 32 ? low(loses) : random(count),
    });
    crosses(loses, 0xff);
    assert.deepEqual(loses.said(), []);
    assert.equal(loses.sa.followups.length, 1);
    assert.equal(loses.sa.children.filter(({ state }) => state === "creating").length, 1);
  },
);

/** Makes the core's nonces low in its own exchange and high in its answer. */
function low({ sa }: Bench): Uint8Array {
  return new Uint8Array(32).fill(sa.answering || sa.window.request ? 0xee : 0x01);
}

check(
  "RFC 9370 §2.2.4",
  "An answer without the link to the next exchange, or with one too many, is refused by name",
  () => {
    for (const fault of ["none", "surplus"] as const) {
      const bench = Bench.up("initiator", CHILDREN, CHILDREN);
      const { peer } = bench;
      const said = rekeyChildSaid(bench);
      const first = peer.freshPair(FIRST);
      const link = notify(ADDITIONAL_KEY_EXCHANGE, Uint8Array.of(7));
      const selectors = [PayloadType.TSI, PayloadType.TSR].flatMap((type) =>
        findPayload(said, type) ?? []
      );
      bench.answer([
        { type: PayloadType.SA, proposals: [chosen(said, peer.spi())] },
        peer.nonce(),
        keOf(first),
        ...selectors,
        ...(fault === "none" ? [] : [link]),
      ]);
      if (fault === "surplus") {
        for (const group of ADDED) bench.answer([keOf(peer.freshPair(group)), link]);
      }
      const failed = bench.effects.findLast((e) => e.kind === "create_child_failed");
      assert(failed?.kind === "create_child_failed");
      assert.match(
        failed.failure.text,
        fault === "none" ? /without ADDITIONAL_KEY_EXCHANGE/ : /with ADDITIONAL_KEY/,
      );
      // The peer assumes a CHILD_SA that does not exist here.
      assert.equal(bench.said().at(-1)!.header.exchange, INFORMATIONAL);
      assert.equal(bench.sa.children[0]!.state, "established");
    }
  },
);

check(
  "RFC 9370 §2.2.4",
  "STATE_NOT_FOUND has the series begun anew, and ends the IKE SA when it comes again and again",
  () => {
    const bench = Bench.up("initiator", CHILDREN, CHILDREN);
    const { peer, sa } = bench;
    bench.tell({ kind: "rekey_child", child: sa.children[0]! });
    for (let time = 1; time <= 3; time++) {
      const said = bench.said().at(-1)!;
      const first = peer.freshPair(FIRST);
      assert.equal(said.header.exchange, CREATE_CHILD_SA);
      const selectors = [PayloadType.TSI, PayloadType.TSR].flatMap((t) =>
        findPayload(said.payloads, t) ?? []
      );
      bench.answer([
        { type: PayloadType.SA, proposals: [chosen(said.payloads, peer.spi())] },
        peer.nonce(),
        keOf(first),
        ...selectors,
        notify(ADDITIONAL_KEY_EXCHANGE, Uint8Array.of(7)),
      ]);
      assert.equal(bench.said().at(-1)!.header.exchange, IKE_FOLLOWUP_KE);
      bench.answer([notify(STATE_NOT_FOUND)]);
      if (time < 3) bench.pass(5_000);
    }
    const { payloads } = bench.said()[0]!;
    assert.deepEqual(payloads, [{ type: PayloadType.DELETE, protocol: ProtocolId.IKE, spis: [] }]);
    assert.match(sa.failure!.text, /STATE_NOT_FOUND 3 times in a row/);
  },
);

check(
  "RFC 9370 §2.2.1",
  "A proposal that leaves only one method for two key exchanges is not chosen",
  () => {
    const twice = [[ADDED[0]], [ADDED[0]]];
    const offer = { algorithms: { ...algorithms, additional: twice } };
    const bench = new Bench(
      "responder",
      { algorithms: { ...algorithms, additional: twice } },
      offer,
    );
    bench.hear(bench.peer.init());
    const { header, payloads } = bench.said().at(-1)!;
    assert.equal(header.exchange, IKE_SA_INIT);
    assert.deepEqual(payloads, [notify(NO_PROPOSAL_CHOSEN)]);
    const children = [{ ...CHILDREN.children[0]!, pfsAdditional: twice }];
    const up = Bench.up("responder", { children }, { children });
    up.refuses(NO_PROPOSAL_CHOSEN, CREATE_CHILD_SA, childRequest(up, up.peer.freshPair(FIRST)));
    up.stands();
  },
);

check(
  "RFC 9370 §2.2.4",
  "Additional key exchanges have no place in the CHILD_SA of IKE_AUTH",
  () => {
    const initiator = Bench.keyed("initiator", CHILDREN, CHILDREN);
    const said = initiator.said().at(-1)!;
    assert.equal(said.header.exchange, IKE_AUTH);
    const types = findPayload(said.payloads, PayloadType.SA)!.proposals.flatMap(({ transforms }) =>
      transforms.map(({ type }) => type)
    );
    assert.deepEqual(types.filter((type) => type === 4 || type > 5), []);
    const bench = Bench.keyed("responder", CHILDREN, CHILDREN);
    const { peer } = bench;
    const [config] = peer.config.children;
    const [id, auth, , ...selectors] = peer.authPayloads();
    const proposals = childProposals(config!, peer.spi(), config!.pfsGroups);
    const answer = bench.ask(IKE_AUTH, [
      id!,
      auth!,
      { type: PayloadType.SA, proposals },
      ...selectors,
    ]);
    assert(findNotify(answer, NO_PROPOSAL_CHOSEN));
  },
);
