/**
 * Measures what it costs to make an array of octets: with memory of its own, as a copy of another one,
 * and as a view of a larger piece of memory (`lib/base/octets.ts`). The figures are nanoseconds of CPU,
 * those of the garbage collector included, and their ratios.
 *
 * Run: deno run -A tests/bench/octets_bench.ts
 * @module
 */
import process from "node:process";
import { messageCopy, messageOctets } from "@/base/octets.ts";

const TIMES = 500_000;
const WARM_UP = 50_000;
const source = new Uint8Array(4_096);

/** The last array that was made. It is kept so that the engine cannot optimize the work away. */
let made: Uint8Array = source;

/** Nanoseconds of CPU that `make` takes. */
function nanoseconds(make: () => Uint8Array): number {
  for (let i = 0; i < WARM_UP; i++) made = make();
  const before = process.cpuUsage();
  for (let i = 0; i < TIMES; i++) made = make();
  const { user, system } = process.cpuUsage(before);
  return (user + system) * 1_000 / TIMES;
}

for (const octets of [8, 32, 200, 1_000]) {
  const part = source.subarray(0, octets);
  const own = nanoseconds(() => new Uint8Array(octets));
  const view = nanoseconds(() => messageOctets(octets));
  const slice = nanoseconds(() => part.slice());
  const copy = nanoseconds(() => messageCopy(part));
  console.log(
    `${String(octets).padStart(5)} octets: own memory ${own.toFixed(0)} ns, view ${
      view.toFixed(0)
    } ` +
      `(1/${(own / view).toFixed(1)}); slice ${slice.toFixed(0)} ns, copied view ` +
      `${copy.toFixed(0)} (1/${(slice / copy).toFixed(1)})`,
  );
}
if (made.length === 0) throw new Error("no array was made");
