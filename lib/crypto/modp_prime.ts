/**
 * The primes of the MODP groups (RFC 2409 §6.1–6.2, RFC 3526 §2–7). All of them are
 *
 *     p = 2^n - 2^(n-64) - 1 + 2^64 * ([2^(n-130) pi] + k)
 *
 * with the smallest k that makes p a safe prime, so they are computed from n and k as the RFCs give
 * them, once, when a group is first used. The generator is 2 in every group.
 * @module
 */
import { must } from "@/base/errors.ts";
import { KeGroup } from "@/iana/ke_group.ts";

/** Bits of the modulus, and k of the formula, by Transform Type 4 number. */
const FORMULA: Readonly<Record<number, readonly [bits: number, k: number]>> = {
  [KeGroup.MODP_768]: [768, 149686],
  [KeGroup.MODP_1024]: [1024, 129093],
  [KeGroup.MODP_1536]: [1536, 741804],
  [KeGroup.MODP_2048]: [2048, 124476],
  [KeGroup.MODP_3072]: [3072, 1690314],
  [KeGroup.MODP_4096]: [4096, 240904],
  [KeGroup.MODP_6144]: [6144, 929484],
  [KeGroup.MODP_8192]: [8192, 4743158],
};

/** Additional bits, in which the rounding error of the series stays. */
const GUARD_BITS = 64n;

const computed = new Map<number, bigint>();

/** The prime of a MODP group by its Transform Type 4 number. */
export function modpPrime(group: number): bigint {
  const known = computed.get(group);
  if (known !== undefined) return known;
  const formula = FORMULA[group];
  must(formula !== undefined, `${group} is a MODP group`);
  const n = BigInt(formula[0]);
  const k = BigInt(formula[1]);
  const prime = (1n << n) - (1n << n - 64n) - 1n + ((piTimes2To(n - 130n) + k) << 64n);
  computed.set(group, prime);
  return prime;
}

/** The value [2^bits pi], by Machin's formula: pi = 16 arctan(1/5) - 4 arctan(1/239). */
function piTimes2To(bits: bigint): bigint {
  const one = 1n << bits + GUARD_BITS;
  return 16n * arctanOfInverse(5n, one) - 4n * arctanOfInverse(239n, one) >> GUARD_BITS;
}

/** The value arctan(1/x) in units of 1/one. */
function arctanOfInverse(x: bigint, one: bigint): bigint {
  const square = x * x;
  let power = one / x;
  let sum = power;
  let sign = -1n;
  for (let divisor = 3n; power !== 0n; divisor += 2n, sign = -sign) {
    power /= square;
    sum += sign * (power / divisor);
  }
  return sum;
}
