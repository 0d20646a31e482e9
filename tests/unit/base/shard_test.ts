/** Which worker an SPI belongs to. */
import assert from "node:assert/strict";
import { shardOfSpi, shardOfWord, sliceOfShard, spiInShard, wordInShard } from "@/base/shard.ts";
import { indexInSlice, sizeOfSlice } from "@/base/slice.ts";

const WORDS = [0, 1, 2, 255, 256, 0x7fff_ffff, 0x8000_0000, 0xffff_fffd, 0xffff_fffe, 0xffff_ffff];

Deno.test("a number that is drawn for a worker belongs to it, and stays within four octets", () => {
  for (const workers of [1, 2, 3, 7, 64]) {
    for (const random of WORDS) {
      for (let number = 0; number < workers; number++) {
        const word = wordInShard(random, { number, of: workers });
        assert.equal(shardOfWord(word, workers), number);
        assert.ok(word >= 0 && word < 2 ** 32, `${word}`);
        assert.ok(Math.abs(word - random) < workers, `${random} ${word}`);
      }
    }
  }
});

Deno.test("an SPI of IKE keeps its first four octets, and its last four say the worker", () => {
  for (const random of [0n, 1n, 0xffff_ffff_ffff_ffffn, 0x0123_4567_89ab_cdefn]) {
    for (let number = 0; number < 3; number++) {
      const spi = spiInShard(random, { number, of: 3 });
      assert.equal(spi >> 32n, random >> 32n);
      assert.equal(shardOfSpi(spi, 3), number);
    }
  }
});

Deno.test("the workers of all slices together have each tunnel once", () => {
  const tunnels = 103;
  const indices: number[] = [];
  for (let number = 1; number <= 3; number++) {
    for (let worker = 0; worker < 4; worker++) {
      const slice = sliceOfShard({ number: worker, of: 4 }, { number, of: 3 });
      for (let nth = 0; nth < sizeOfSlice(slice, tunnels); nth++) {
        const index = indexInSlice(slice, nth);
        assert.equal(index % 3, number - 1, "a tunnel stays in the slice of its process");
        indices.push(index);
      }
    }
  }
  assert.deepEqual(indices.sort((a, b) => a - b), Array.from({ length: tunnels }, (_, i) => i));
});
