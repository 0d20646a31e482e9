import assert from "node:assert/strict";
import { SeededRandom } from "@/base/random.ts";
import { ReplayWindow } from "@/esp/replay.ts";

const WORD = 2 ** 32;
const SIZES = [1, 32, 64, 256, 1000, 4096];
const STEPS = 100_000;

/**
 * A model of RFC 4303 without a ring and without cases: every accepted number is remembered, and the whole
 * number is the only one of 2^32 that begin at the left edge of the window (appendix A2.2).
 */
class Model {
  highest = 0;
  readonly #seen = new Set<number>();

  constructor(readonly size: number, readonly esn: boolean) {}

  judge(low: number): number | undefined {
    const sequence = this.esn ? this.#whole(low) : low;
    if (this.size === 0 && !this.esn) return sequence;
    if (sequence <= 0) return undefined;
    if (this.size === 0) return sequence;
    if (sequence <= this.highest - this.size || this.#seen.has(sequence)) return undefined;
    return sequence;
  }

  accept(sequence: number): void {
    if (this.size > 0) this.#seen.add(sequence);
    this.highest = Math.max(this.highest, sequence);
  }

  #whole(low: number): number {
    const left = this.highest - Math.max(this.size, 32) + 1;
    const over = (low - left) % WORD;
    return left + (over < 0 ? over + WORD : over);
  }
}

/** A number that a network may bring after `highest`: the next one, a neighbour, an old one, a jump. */
function drawn(random: SeededRandom, highest: number, size: number): number {
  const kind = random.below(20);
  const edge = highest - size;
  if (kind < 8) return highest + 1;
  if (kind < 12) return highest - random.below(size + 40) + 20;
  if (kind < 14) return edge + random.below(5) - 2;
  if (kind < 16) return highest + random.below(3 * size + 3);
  if (kind === 16) return highest - random.below(2 ** 20);
  if (kind === 17) return highest + random.below(2 ** 20);
  return kind === 18 ? random.u32() : highest - random.below(70);
}

function low(sequence: number): number {
  return ((sequence % WORD) + WORD) % WORD;
}

/** Gives the same numbers to both, some of them as forged ones, which are judged and never accepted. */
function compare(window: ReplayWindow, model: Model, seed: number): void {
  const random = new SeededRandom(seed);
  const { size, esn } = model;
  for (let step = 0; step < STEPS; step++) {
    const number = low(drawn(random, model.highest, size));
    const told = window.judge(number);
    const wanted = model.judge(number);
    if (told !== wanted) {
      assert.fail(
        `size ${size}, ESN ${esn}, seed ${seed}, step ${step}: ${number} after ` +
          `${model.highest} is ${told}, not ${wanted}`,
      );
    }
    if (wanted === undefined || random.chance(0.05)) continue;
    // Large steps are rare, so that the window is used.
    if (wanted - model.highest > 2 ** 21 && !random.chance(0.001)) continue;
    model.accept(wanted);
    window.accept(wanted);
    assert.equal(window.highest, model.highest);
  }
}

for (const size of [0, ...SIZES]) {
  for (const esn of [false, true]) {
    Deno.test(`a replay window of ${size}, ESN ${esn}, judges as a list of all numbers would`, () => {
      // In the middle of a word, and where the lower half turns over soon.
      for (const start of esn ? [0, WORD - 3000, 7 * WORD - 20, 5 * WORD + 12] : [0, 2 ** 31]) {
        const window = new ReplayWindow(size, esn);
        const model = new Model(size, esn);
        if (start > 0) {
          window.accept(start);
          model.accept(start);
        }
        compare(window, model, size + 7 * start);
      }
    });
  }
}

/** A window whose highest number is `highest`. */
function at(highest: number, size: number, esn: boolean): ReplayWindow {
  const window = new ReplayWindow(size, esn);
  window.accept(highest);
  return window;
}

Deno.test("a replay window: a number comes once, and the left edge is as far as its size", () => {
  for (const size of SIZES) {
    const window = at(10_000, size, false);
    assert.equal(window.judge(10_000), undefined);
    assert.equal(window.judge(10_000 - size), undefined);
    if (size === 1) continue;
    assert.equal(window.judge(10_000 - size + 1), 10_000 - size + 1);
    window.accept(10_000 - size + 1);
    assert.equal(window.judge(10_000 - size + 1), undefined);
    assert.equal(window.highest, 10_000);
  }
});

Deno.test("a replay window: what is judged and not accepted may still come", () => {
  const window = at(100, 64, false);
  assert.equal(window.judge(2000), 2000);
  assert.equal(window.judge(101), 101);
  assert.equal(window.judge(2000), 2000);
  assert.equal(window.highest, 100);
});

Deno.test("a replay window: after a jump nothing of before counts as seen", () => {
  for (const size of SIZES) {
    for (const jump of [size, size + 31, size + 32, 2 * size + 64, 1_000_000]) {
      const window = new ReplayWindow(size, false);
      for (let i = 1; i <= 2 * size + 64; i++) window.accept(i);
      const highest = 2 * size + 64 + jump;
      window.accept(highest);
      for (let i = highest - size + 1; i < highest; i++) {
        assert.equal(window.judge(i), i <= 2 * size + 64 ? undefined : i, `${size}: ${i}`);
      }
    }
  }
});

Deno.test("a replay window: 0 is no number where replays are looked for (RFC 4303 §3.3.2)", () => {
  for (const size of SIZES) {
    assert.equal(new ReplayWindow(size, false).judge(0), undefined);
    assert.equal(new ReplayWindow(size, true).judge(0), undefined);
    assert.equal(at(WORD - 1, size, true).judge(0), WORD);
  }
});

Deno.test("without a replay window all comes as often as it likes, over the end too (§3.3.3)", () => {
  const window = at(WORD - 1, 0, false);
  for (const number of [WORD - 1, 0, 1, 0, 5]) {
    assert.equal(window.judge(number), number);
    window.accept(number);
  }
});

Deno.test("ESN, appendix A2.2 case A: the window within one lower half", () => {
  for (const size of [32, 64, 1000]) {
    const highest = 3 * WORD + 5000;
    const window = at(highest, size, true);
    const left = 5000 - size + 1;
    assert.equal(window.judge(left), 3 * WORD + left);
    assert.equal(window.judge(left - 1), 4 * WORD + left - 1);
    assert.equal(window.judge(5001), 3 * WORD + 5001);
    assert.equal(window.judge(WORD - 1), 4 * WORD - 1);
    assert.equal(window.judge(0), 4 * WORD);
  }
  // The left edge exactly at the boundary is case A still.
  assert.equal(at(3 * WORD + 63, 64, true).judge(0), 3 * WORD);
  assert.equal(at(3 * WORD + 63, 64, true).judge(WORD - 1), 4 * WORD - 1);
});

Deno.test("ESN, appendix A2.2 case B: the window lies over the boundary", () => {
  for (const size of [32, 64, 1000]) {
    const highest = 3 * WORD + 10;
    const window = at(highest, size, true);
    const left = WORD + 10 - size + 1;
    assert.equal(window.judge(left), 2 * WORD + left);
    assert.equal(window.judge(left - 1), 3 * WORD + left - 1);
    assert.equal(window.judge(WORD - 1), 3 * WORD - 1);
    assert.equal(window.judge(0), 3 * WORD);
    assert.equal(window.judge(11), 3 * WORD + 11);
    window.accept(3 * WORD - 1);
    assert.equal(window.judge(WORD - 1), undefined);
  }
});

Deno.test("ESN: nothing lies before the first number", () => {
  const window = new ReplayWindow(64, true);
  assert.equal(window.judge(WORD - 1), undefined);
  assert.equal(window.judge(WORD - 63), undefined);
  assert.equal(window.judge(WORD - 64), WORD - 64);
});

Deno.test("ESN: packets run over the boundary in disorder, each once", () => {
  for (const size of SIZES.filter((size) => size > 1)) {
    const window = at(2 * WORD - 4 * size, size, true);
    const random = new SeededRandom(size);
    const numbers = Array.from({ length: 8 * size }, (_, i) => 2 * WORD - 4 * size + 1 + i);
    // Each step back is smaller than a window.
    const key = new Map(numbers.map((n) => [n, n + random.below(size >> 1)]));
    numbers.sort((a, b) => key.get(a)! - key.get(b)!);
    for (const number of numbers) {
      assert.equal(window.judge(number % WORD), number);
      window.accept(number);
      assert.equal(window.judge(number % WORD), undefined);
    }
    assert.equal(window.highest, 2 * WORD + 4 * size);
  }
});
