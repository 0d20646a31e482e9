/**
 * Fuzzes every decoder of IKE messages, then the methods of EAP and RADIUS, then certificates and EAP
 * inside IKE_AUTH, and prints what each accepted and refused.
 *
 * Run: deno run -A tests/fuzz/fuzz.ts [--messages N] [--rounds N] [--tunnels N] [--seed N]
 * @module
 */
import { type EapFuzzResult, runEapFuzz } from "./eap.ts";
import { fuzzIkeAuth } from "./ike_auth.ts";
import { FuzzFailure, type FuzzResult, runFuzz, type Tally } from "./run.ts";

const messages = numberOption("--messages", 10_000_000);
const seed = numberOption("--seed", 1);
const rounds = numberOption("--rounds", 20_000);
const tunnels = numberOption("--tunnels", 2_000);
const startedMs = performance.now();
try {
  const progress = (done: number) => console.error(`${done} messages`);
  if (messages > 0) print(runFuzz({ messages, seed, progress }));
  if (rounds > 0) printEap(runEapFuzz({ rounds, seed }));
  if (tunnels > 0) await fuzzInIke();
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
  table(decoders);
}

function printEap({ tallies }: EapFuzzResult): void {
  console.log(`${rounds} rounds of EAP and RADIUS of seed ${seed}`);
  table(tallies);
}

/** Fuzzes certificates and EAP inside IKE_AUTH, at both ends. */
async function fuzzInIke(): Promise<void> {
  console.log(`${tunnels} tunnels of seed ${seed} with changed IKE_AUTH messages, at each end`);
  const tallies: Tally[] = [];
  for (const content of ["certificates", "eap"] as const) {
    for (const role of ["gateway", "client"] as const) {
      const { changed, up } = await fuzzIkeAuth({ content, role, tunnels, seed });
      const name = `${content} at a ${role}`;
      tallies.push({ name, calls: changed, accepted: up, refused: changed - up });
    }
  }
  table(tallies);
}

function table(tallies: readonly Tally[]): void {
  console.log(["decoder".padEnd(24), ...["calls", "accepted", "refused"].map(right)].join(" "));
  for (const { name, calls, accepted, refused } of tallies) {
    const share = `${(100 * accepted / calls).toFixed(1)} %`;
    const counts = [calls, accepted, refused].map(String).map(right).join(" ");
    console.log(`${name.padEnd(24)} ${counts}  ${share} accepted`);
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
