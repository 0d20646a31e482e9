/**
 * Fuzzes every decoder of IKE messages and prints what each accepted and refused.
 *
 * Run: deno run --allow-read tests/fuzz/fuzz.ts [--messages N] [--seed N]
 * @module
 */
import { FuzzFailure, type FuzzResult, runFuzz } from "./run.ts";

const messages = numberOption("--messages", 10_000_000), seed = numberOption("--seed", 1);
const startedMs = performance.now();
try {
  const progress = (done: number) => console.error(`${done} messages`);
  print(runFuzz({ messages, seed, progress }));
} catch (e) {
  if (!(e instanceof FuzzFailure)) throw e;
  console.error(e.message);
  console.error(e.cause instanceof Error ? e.cause.stack : e.cause);
  Deno.exit(1);
}

function print({ messages, chains, decoders }: FuzzResult): void {
  const seconds = (performance.now() - startedMs) / 1000;
  console.log(
    `${messages} messages of seed ${seed} in ${seconds.toFixed(1)} s, ` +
      `${chains} of them mutated inside a decrypted chain with lengths repaired`,
  );
  console.log(["decoder".padEnd(16), ...["calls", "accepted", "refused"].map(right)].join(" "));
  for (const { name, calls, accepted, refused } of decoders) {
    const share = `${(100 * accepted / calls).toFixed(1)} %`;
    const counts = [calls, accepted, refused].map(String).map(right).join(" ");
    console.log(`${name.padEnd(16)} ${counts}  ${share} accepted`);
  }
}

function right(text: string): string {
  return text.padStart(10);
}

function numberOption(name: string, otherwise: number): number {
  const at = Deno.args.indexOf(name);
  if (at < 0) return otherwise;
  const value = Number(Deno.args[at + 1]);
  if (!Number.isSafeInteger(value) || value < 0) {
    console.error(`Cannot use ${name} ${Deno.args[at + 1]}, it must be a whole number`);
    Deno.exit(2);
  }
  return value;
}
