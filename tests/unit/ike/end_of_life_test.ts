// The end of SAs that were not replaced in time, and of CHILD_SAs that the peer deletes: what is done and
// reported.
import assert from "node:assert/strict";
import { ExchangeType } from "@/iana/exchange_type.ts";
import { KeGroup } from "@/iana/ke_group.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { PayloadType } from "@/iana/payload_type.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import type { ChildLostAction, IkeConfig } from "@/ike/records/config.ts";
import type { IkeEffect } from "@/ike/records/event.ts";
import { CHILD } from "@/sim/scenarios.ts";
import { Bench, notify } from "../../checks/bench.ts";
import type { Role } from "../../checks/entries.ts";

const { CREATE_CHILD_SA, INFORMATIONAL } = ExchangeType;
const ROLES: readonly Role[] = ["initiator", "responder"];
/**
 * The lifetime of a CHILD_SA is 60 s, of which the last 10 are for its rekey; there are four transmissions, 5
 * s apart.
 */
const SHORT: Partial<IkeConfig> = {
  children: [{ ...CHILD, lifetimeMs: 60_000 }],
  marginMs: 10_000,
  retransmitIntervalMs: 5_000,
  transmissionsMax: 4,
};

function effects<K extends IkeEffect["kind"]>(bench: Bench, kind: K) {
  return bench.effects.filter((e): e is Extract<IkeEffect, { kind: K }> => e.kind === kind);
}

function deletes(bench: Bench): void {
  const { spiOut } = bench.sa.children[0]!;
  const gone = { type: PayloadType.DELETE, protocol: ProtocolId.ESP, spis: [spiOut] } as const;
  bench.ask(INFORMATIONAL, [gone]);
}

for (const role of ROLES) {
  Deno.test(`a CHILD_SA outlives its lifetime while its rekey is repeated, and is counted (our ${role})`, () => {
    const bench = Bench.up(role, { ...SHORT, marginMs: 1_000 });
    const [old] = bench.sa.children;
    bench.pass(61_000);
    assert.deepEqual([old!.state, effects(bench, "overtime").length], ["rekeying", 1]);
    bench.answer(bench.peer.createChild());
    assert.equal(bench.sa.children.at(-1)!.state, "established");
    assert.equal(bench.sa.phase, "established");
  });

  Deno.test(`without overtime a CHILD_SA ends at its lifetime, and the loss says why (our ${role})`, () => {
    const change = { ...SHORT, marginMs: 1_000, lifetimeOvertime: false };
    const bench = Bench.up(role, change);
    const [old] = bench.sa.children;
    bench.pass(60_001);
    assert.equal(old!.state, "closed");
    assert.equal(effects(bench, "overtime").length, 0);
    assert.match(bench.sa.failure!.text, /^The lifetime of 1m of the CHILD_SA ended before it was/);
    assert.match(
      bench.sa.failure!.text,
      /sent 1 times and not answered, and lifetimeovertime is false/,
    );
  });

  Deno.test(`a refused rekey is reported at once with its offer, and again with the loss (our ${role})`, () => {
    const pfs = [{ ...SHORT.children![0]!, pfsGroups: [KeGroup.ECP_256] }];
    const bench = Bench.up(role, { ...SHORT, children: pfs });
    bench.pass(51_000);
    bench.answer([notify(NotifyType.NO_PROPOSAL_CHOSEN)]);
    const [told] = effects(bench, "create_child_failed");
    const words = "Peer refused the rekey (NO_PROPOSAL_CHOSEN): offered " +
      "{ENCR_AES_GCM_16-128, 256-bit random ECP group, NO_ESN}; pfsenabled and pfsgrpid ask for a key exchange, " +
      "which the peer may not have configured";
    assert.equal(told!.failure.text, words);
    const { sa } = bench;
    bench.pass(8_000);
    assert.equal(sa.phase, "established");
    bench.pass(2_000);
    bench.answer([]);
    assert.equal(sa.failure!.cause, "HARD_EXPIRY");
    assert.ok(sa.failure!.text.endsWith(`before it was rekeyed: ${words}`));
  });

  Deno.test(`a refused rekey of the IKE SA is reported with its offer, and with the loss (our ${role})`, () => {
    const bench = Bench.up(role, { ...SHORT, children: [CHILD], ikeLifetimeMs: 60_000 });
    bench.pass(51_000);
    bench.answer([notify(NotifyType.NO_PROPOSAL_CHOSEN)]);
    const [told] = effects(bench, "rekey_ike_failed");
    assert.match(
      told!.failure.text,
      /^Peer refused the rekey of the IKE SA \(NO_PROPOSAL_CHOSEN\): offered \{/,
    );
    const { sa } = bench;
    bench.pass(10_000);
    bench.answer([]);
    assert.ok(sa.failure!.text.endsWith(told!.failure.text));
  });

  Deno.test(`an SA that can send no more has no overtime (our ${role})`, () => {
    const idle = Bench.up(role, SHORT);
    const [spent] = idle.sa.children;
    idle.tell({ kind: "child_spent", child: spent! });
    assert.deepEqual([idle.sa.phase, spent!.state], ["closing", "closed"]);
    // Its rekey is in progress and succeeds: the tunnel continues.
    const saved = Bench.up(role, SHORT);
    const [old] = saved.sa.children;
    saved.tell({ kind: "rekey_child", child: old! });
    saved.tell({ kind: "child_spent", child: old! });
    saved.answer(saved.peer.createChild());
    saved.answer([]);
    assert.deepEqual([saved.sa.phase, saved.sa.children.length], ["established", 1]);
    // The rekey is refused: the tunnel is lost, and its failure names both causes.
    const lost = Bench.up(role, SHORT);
    const [last] = lost.sa.children;
    lost.tell({ kind: "rekey_child", child: last! });
    lost.tell({ kind: "child_spent", child: last! });
    const { sa } = lost;
    lost.answer([notify(NotifyType.NO_ADDITIONAL_SAS)]);
    lost.answer([]);
    lost.answer([]);
    assert.equal(sa.phase, "closed");
    assert.match(sa.failure!.text, /sequence numbers before it was rekeyed: Peer refused/);
  });

  Deno.test(`a CHILD_SA that the peer deletes is logged, created again or a failure, as configured (our ${role})`, () => {
    const after = (childLost: ChildLostAction) => {
      const bench = Bench.up(role, { childLost });
      deletes(bench);
      const [lost, ...more] = effects(bench, "child_lost");
      assert.deepEqual([lost!.failure.cause, lost!.left, more.length], [
        "CHILD_DELETED_BY_PEER",
        false,
        0,
      ]);
      assert.match(lost!.failure.text, /none is left, so the tunnel carries nothing/);
      return bench;
    };
    const note = after("note");
    note.pass(60_000);
    assert.deepEqual([note.sa.phase, note.said().length], ["established", 0]);
    const anew = after("recreate");
    assert.equal(anew.said().length, 0, "not at once");
    anew.pass(5_000);
    assert.equal(anew.said()[0]!.header.exchange, CREATE_CHILD_SA);
    anew.answer(anew.peer.createChild());
    assert.equal(anew.sa.children.length, 1);
    const failed = after("fail");
    const { sa } = failed;
    failed.answer([]);
    assert.equal(sa.phase, "closed");
    assert.equal(sa.failure!.cause, "CHILD_DELETED_BY_PEER");
  });

  Deno.test(`the deletion of a CHILD_SA that was replaced is not a loss (our ${role})`, () => {
    const bench = Bench.up(role);
    const { peer } = bench;
    bench.ask(CREATE_CHILD_SA, peer.createChild());
    deletes(bench);
    assert.deepEqual(effects(bench, "child_lost"), []);
    bench.stands(1);
  });

  Deno.test(`a request that this end refuses is reported as an effect of its own (our ${role})`, () => {
    const bench = Bench.up(role);
    const [sa, nonce] = bench.peer.rekeyIke();
    const [, ke] = bench.peer.initPayloads();
    const { proposals } = sa as { proposals: readonly { transforms: readonly unknown[] }[] };
    const odd = proposals.map((p) => ({ ...p, transforms: p.transforms.slice(1) }));
    bench.ask(CREATE_CHILD_SA, [{ ...sa!, proposals: odd } as typeof sa & object, nonce!, ke!]);
    const [refused] = effects(bench, "refused");
    assert.equal(refused!.failure.cause, "NO_PROPOSAL_CHOSEN");
    assert.deepEqual(effects(bench, "note"), []);
  });
}
