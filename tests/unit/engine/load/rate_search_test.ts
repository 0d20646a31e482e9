/**
 * The search for the highest rate, against peers whose rate is known.
 * @module
 */
import assert from "node:assert/strict";
import { type RateSearch, searchRate } from "@/engine/load/rate_search.ts";

const SEARCH: RateSearch = {
  first: 50,
  max: 100_000,
  precision: 1.1,
  trialsMax: 40,
  isOver: () => false,
};

/** A peer that serves so many a second. */
const peer = (limit: number) => (rate: number) =>
  Promise.resolve({ held: rate <= limit, words: `${rate} of ${limit}` });

Deno.test("the rate of a peer is found to within the precision, and tried twice", async () => {
  for (const limit of [1, 7, 50, 500, 5_000, 73_000]) {
    const { ratePerSec, isConfirmed, isCeiling, trials } = await searchRate(SEARCH, peer(limit));
    assert.ok(
      ratePerSec! <= limit && ratePerSec! * 1.1 * 1.01 >= limit,
      `${ratePerSec} of ${limit}`,
    );
    assert.deepEqual([isConfirmed, isCeiling], [true, false]);
    assert.equal(trials.at(-1)!.step, "confirm");
    assert.ok(trials.length < 25, `${trials.length} trials`);
  }
});

Deno.test("the trace has every trial, in order, with its reason", async () => {
  const { trials } = await searchRate({ ...SEARCH, first: 100 }, peer(250));
  assert.deepEqual(trials.map(({ ratePerSec, step, held }) => [ratePerSec, step, held]), [
    [100, "double", true],
    [200, "double", true],
    [400, "double", false],
    [283, "between", false],
    [238, "between", true],
    [260, "between", false],
    [238, "confirm", true],
  ]);
  const down = await searchRate({ ...SEARCH, first: 100 }, peer(30));
  assert.deepEqual(down.trials.slice(0, 3).map(({ ratePerSec, step }) => [ratePerSec, step]), [
    [100, "double"],
    [50, "halve"],
    [25, "halve"],
  ]);
});

Deno.test("a peer that does nothing has no rate, and one that does everything has the highest", async () => {
  const none = await searchRate(SEARCH, peer(0));
  assert.deepEqual([none.ratePerSec, none.isConfirmed], [undefined, false]);
  const all = await searchRate({ ...SEARCH, max: 1_000 }, peer(1e9));
  assert.deepEqual([all.ratePerSec, all.isConfirmed, all.isCeiling], [1_000, true, true]);
});

Deno.test("a rate that does not hold the second time is left for a lower one", async () => {
  let isTired = false;
  const { ratePerSec, isConfirmed } = await searchRate({ ...SEARCH, first: 100 }, (rate) => {
    const held = rate <= (isTired ? 200 : 250);
    if (rate === 238) isTired = true;
    return Promise.resolve({ held, words: "" });
  });
  assert.ok(ratePerSec! <= 200 && ratePerSec! > 170, `${ratePerSec}`);
  assert.equal(isConfirmed, true);
});

Deno.test("the search is bounded by trials and by time, and says what it has not confirmed", async () => {
  const few = await searchRate({ ...SEARCH, trialsMax: 3 }, peer(5_000));
  assert.deepEqual([few.trials.length, few.ratePerSec, few.isConfirmed], [3, 200, false]);
  let left = 2;
  const short = await searchRate({ ...SEARCH, isOver: () => left-- <= 0 }, peer(5_000));
  assert.equal(short.isConfirmed, false);
  assert.ok(short.trials.length <= 2);
});
