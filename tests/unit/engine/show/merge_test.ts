/** The merged counts of several parts of a run are those that one run would have. */
import assert from "node:assert/strict";
import { SeededRandom } from "@/base/random.ts";
import { type FailureFigures, mergeFigures } from "@/engine/show/figure.ts";
import { FIGURES } from "@/engine/show/figures.ts";
import { Histogram } from "@/engine/show/histogram.ts";
import { Tally } from "@/engine/show/tally.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { CloseCode } from "@/ike/records/failure.ts";

const PARTS = 4;
const CAUSES = ["NO_ANSWER", "AUTHENTICATION_FAILED", "TS_UNACCEPTABLE"];

/** The figures that a tally alone gives, by their lines of the table. */
const COUNTED = {
  established: FIGURES.established,
  failures: FIGURES.failures,
  lost: FIGURES.lost,
  retries: FIGURES.retries,
  ikeRekeys: FIGURES.ikeRekeys,
  childRekeys: FIGURES.childRekeys,
  ikeSaInitMs: FIGURES.ikeSaInitMs,
  ikeAuthMs: FIGURES.ikeAuthMs,
  setupMs: FIGURES.setupMs,
  rekeysRefused: FIGURES.rekeysRefused,
  overtime: FIGURES.overtime,
  childrenRefused: FIGURES.childrenRefused,
  childrenLost: FIGURES.childrenLost,
  refusals: FIGURES.refusals,
  displaced: FIGURES.displaced,
};

function figuresOf(tally: Tally) {
  const { established, lost, retries, ikeRekeys, childRekeys } = tally;
  return {
    established,
    lost,
    retries,
    ikeRekeys,
    childRekeys,
    failures: tally.failures(),
    ikeSaInitMs: tally.ikeSaInitMs.figures(),
    ikeAuthMs: tally.ikeAuthMs.figures(),
    setupMs: tally.setupMs.figures(),
    ...tally.sas.figures(),
  };
}

/** Counts without the order of equally frequent causes, and without examples. */
function counts(list: readonly FailureFigures[]): [string, number][] {
  return list.map(({ cause, count }): [string, number] => [cause, count]).sort();
}

Deno.test("histograms merge to that of all samples, percentiles included", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = new SeededRandom(seed);
    const whole = new Histogram();
    const parts = Array.from({ length: PARTS }, () => new Histogram());
    const samples = random.below(2_000);
    for (let i = 0; i < samples; i++) {
      const ms = 10 ** (random.fraction() * 9 - 2);
      whole.add(ms);
      // Some seeds leave parts without any sample.
      parts[random.below(1 + seed % PARTS)]!.add(ms);
    }
    const merged = Histogram.merged(structuredClone(parts.map((part) => part.data())));
    assert.deepEqual(merged.figures(), whole.figures(), `seed ${seed}`);
    for (const fraction of [0.001, 0.25, 0.5, 0.9, 0.99, 0.999]) {
      assert.equal(merged.percentile(fraction), whole.percentile(fraction), `seed ${seed}`);
    }
  }
});

Deno.test("tallies merge to that of all tunnels", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new SeededRandom(seed);
    const whole = new Tally();
    const parts = Array.from({ length: PARTS }, () => new Tally());
    for (let i = 0; i < 1_000; i++) {
      const event = random.below(10);
      const ms = random.fraction() * 5_000;
      const cause = random.pick(CAUSES);
      for (const tally of [whole, parts[random.below(PARTS)]!]) count(tally, event, ms, cause);
    }
    const merged = mergeFigures(COUNTED, structuredClone(parts.map(figuresOf)));
    const expected = figuresOf(whole);
    for (const name of ["ikeSaInitMs", "ikeAuthMs", "setupMs", "overtime"] as const) {
      assert.deepEqual(merged[name], expected[name], `seed ${seed}, ${name}`);
    }
    for (const name of ["established", "lost", "retries", "ikeRekeys", "displaced"] as const) {
      assert.equal(merged[name], expected[name], `seed ${seed}, ${name}`);
    }
    assert.deepEqual(counts(merged.failures), counts(expected.failures));
    assert.deepEqual(counts(merged.refusals), counts(expected.refusals));
    for (const name of ["rekeysRefused", "childrenLost", "childrenRefused"] as const) {
      assert.deepEqual(counts(merged[name].causes), counts(expected[name].causes), name);
    }
    assert.equal(merged.childrenLost.count, expected.childrenLost.count);
    assert.equal(merged.childrenRefused.count, expected.childrenRefused.count);
    assert.equal(merged.rekeysRefused.ike, expected.rekeysRefused.ike);
    assert.equal(merged.rekeysRefused.child, expected.rekeysRefused.child);
  }
});

/** One thing that happens to a tunnel. */
function count(tally: Tally, event: number, ms: number, cause: string): void {
  const failure = { cause, closeCode: 1, text: cause };
  const { handlers } = tally.sas;
  switch (event) {
    case 0:
      return tally.countEstablished(ms, 1_000 + ms);
    case 1:
      return tally.countFailure(cause, () => cause);
    case 2:
      return tally.ikeSaInitMs.add(ms);
    case 3:
      return tally.ikeAuthMs.add(ms);
    case 4:
      tally.retries++;
      return;
    case 5:
      tally.ikeRekeys++;
      return handlers.rekey_ike_failed!({ kind: "rekey_ike_failed", failure }, SA, ms);
    case 6:
      return handlers.overtime!({ kind: "overtime" }, SA, ms);
    case 7:
      tally.lost++;
      return handlers.create_child_failed!(
        { kind: "create_child_failed", old: undefined, failure },
        SA,
        ms,
      );
    case 8:
      return handlers.refused!({ kind: "refused", exchange: 36, failure }, SA, ms);
    default:
      return handlers.closed!({ kind: "closed", unanswered: false }, SA, ms);
  }
}

/** The part of an SA that is used. */
const SA = {
  index: 0,
  closeCode: CloseCode.INITIAL_CONTACT,
  spiI: 1n,
  spiR: 2n,
  originalInitiator: true,
  path: {
    ownAddress: Uint8Array.of(10, 0, 0, 1),
    ownPort: 500,
    peerAddress: Uint8Array.of(10, 0, 0, 2),
    peerPort: 500,
  },
  peer: { ownId: undefined, id: undefined },
} as unknown as IkeSa;
