/**
 * A shard is one of several workers of a process that share a test, each with sockets and IKE SAs of its own.
 * Our SPIs say to which worker an SA belongs: the last four octets of an SPI, as a number, are the number of the
 * worker modulo the number of workers. The kernel steers datagrams by that (`ffi/udp_steer.c`).
 * @module
 */
import { type Slice, WHOLE } from "@/base/slice.ts";

/** One of the workers of a process. */
export interface Shard {
  /** Its number, from 0. */
  readonly number: number;
  /** How many workers there are, at least 1. */
  readonly of: number;
}

/** The most workers of a process. */
export const SHARDS_MAX = 64;
/** Numbers of four octets are below this one. */
const WORD_END = 2 ** 32;

/** The number of the worker to which an SPI belongs, whose last four octets are `word` (uint32). */
export function shardOfWord(word: number, of: number): number {
  return word % of;
}

/** The number of the worker to which an SPI of IKE (uint64) belongs. */
export function shardOfSpi(spi: bigint, of: number): number {
  return shardOfWord(Number(spi & 0xffff_ffffn), of);
}

/** The number that is nearest to a random one and belongs to a worker; both are uint32. */
export function wordInShard(random: number, { number, of }: Shard): number {
  const word = random - random % of + number;
  return word < WORD_END ? word : word - of;
}

/** The SPI of IKE (uint64) that is nearest to a random one and belongs to a worker. */
export function spiInShard(random: bigint, shard: Shard): bigint {
  const word = Number(random & 0xffff_ffffn);
  return random - BigInt(word) + BigInt(wordInShard(word, shard));
}

/** The tunnels of a worker, if its process has the tunnels of a slice: every `of`-th of them. */
export function sliceOfShard(shard: Shard, { number, of }: Slice = WHOLE): Slice {
  return { number: number + of * shard.number, of: of * shard.of };
}
