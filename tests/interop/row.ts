/**
 * A row of the interop matrix: who initiates, our setup file, the peer's swanctl.conf, and what must
 * hold. {@linkcode RowRun} is what a row's check has at hand, above all the comparison of both ends:
 * SPIs and the octets of all SK_* and the ESP keys.
 * @module
 */
import type { CharonSa } from "./charon_log.ts";
import { type Lab, until } from "./harness.ts";
import type { Keylog } from "./keylog.ts";
import type { Ours, Setup, TestResult } from "./ours.ts";
import type { Charon } from "./strongswan.ts";

/** Who sends IKE_SA_INIT to whom; the last is the harness's check of itself. */
export type Direction =
  | "ours → strongSwan"
  | "strongSwan → ours"
  | "strongSwan ↔ strongSwan";

/** One row. Its key is direction and name. */
export interface Row {
  readonly name: string;
  readonly direction: Direction;
  /** Our setup file; of the peer standing in for us (its swanctl.conf) where direction is ↔. */
  readonly setup: Setup | string;
  /** The peer's swanctl.conf. */
  readonly swanctl: string;
  /** Further lines of its strongswan.conf; rows with the same lines share one charon. */
  readonly settings?: string;
  /** What happens when strongSwan is configured and we have not begun. */
  readonly before?: (run: RowRun) => Promise<void>;
  /** Undoes what `before` did, however the row ends. */
  readonly after?: (lab: Lab) => Promise<void>;
  /** @throws whatever is wrong, in words. */
  readonly check: (run: RowRun) => Promise<void>;
}

/** The key of a row in the list of rows. */
export function rowKey(row: { readonly direction: string; readonly name: string }): string {
  return `${row.direction}: ${row.name}`;
}

/** @throws Error with `what` unless it holds. */
export function expect(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

/** A row under way. */
export class RowRun {
  constructor(
    readonly lab: Lab,
    readonly charon: Charon,
    /** Undefined in a row without us. */
    private readonly process: Ours | undefined,
    /** The charon in our place, in a row without us. */
    readonly standIn: Charon | undefined,
  ) {}

  /** Our process. */
  get ours(): Ours {
    expect(this.process !== undefined, "This row runs without us");
    return this.process;
  }

  /** Waits until the peer has `count` IKE SAs established, each with its CHILD_SA. */
  async established(count: number, timeoutMs = 15_000): Promise<CharonSa[]> {
    let sas: CharonSa[] = [];
    try {
      return await until(`${count} tunnels established at the peer`, timeoutMs, async () => {
        this.process?.mustRun();
        sas = (await this.charon.sas()).filter((sa) => sa.established && sa.esp.size >= 2);
        return sas.length >= count ? sas : undefined;
      });
    } catch (error) {
      throw new Error(`${(error as Error).message} (there are ${sas.length})`);
    }
  }

  /** Compares every IKE SA and ESP SA of `sas` with our key tables. */
  async sameKeys(sas: readonly CharonSa[]): Promise<void> {
    let keylog: Keylog = { ike: [], esp: [] };
    await until("our key tables", 5_000, async () => {
      keylog = await this.ours.keylog();
      return keylog.ike.length >= sas.length && keylog.esp.length >= 2 * sas.length;
    }).catch(() => {});
    for (const sa of sas) compareSa(sa, keylog);
  }

  /** Waits for a line of the peer's log. */
  async peerLogs(pattern: RegExp, timeoutMs = 10_000): Promise<void> {
    await until(`${pattern} in strongSwan's log`, timeoutMs, async () => {
      return pattern.test(await this.charon.log());
    });
  }

  /** How often the peer logged it. */
  async peerLogged(pattern: RegExp): Promise<number> {
    const all = new RegExp(pattern.source, `${pattern.flags.replace("g", "")}g`);
    return [...(await this.charon.log()).matchAll(all)].length;
  }

  /**
   * The usual row: `count` tunnels, the same keys at both ends, still there a moment later; then a
   * graceful stop after which the peer has none and our result counts all, none failed.
   */
  async wholeLife(count = 1): Promise<void> {
    await this.sameKeys(await this.established(count));
    const listed = await this.charon.list();
    const up = listed.filter((sa) => sa.state === "ESTABLISHED" && sa.children.length > 0).length;
    expect(up === count, `strongSwan lists ${up} tunnels, not ${count}`);
    const result = await this.ours.stop();
    expectCounts(result, { established: count, failed: 0 });
    expect(result.failures.length === 0, `Failures: ${JSON.stringify(result.failures)}`);
    expect(result.retransmissions === 0, `${result.retransmissions} retransmissions`);
    await until("no IKE SA left at strongSwan", 5_000, async () => {
      return (await this.charon.list()).length === 0;
    });
  }

  /** Our test fails by itself or is stopped; one failure must match every one of `words`. */
  async failure(words: readonly RegExp[], timeoutMs = 20_000): Promise<TestResult> {
    return await failedWith(this.ours, words, timeoutMs);
  }
}

/** Waits until our test has failed by itself; one failure must match every one of `words`. */
export async function failedWith(
  ours: Ours,
  words: readonly RegExp[],
  timeoutMs = 20_000,
): Promise<TestResult> {
  const result = await ours.ended(timeoutMs);
  expectFailure(result, words);
  expect(result.result === "failed", `The result is ${result.result}, not failed`);
  expect(ours.exitCode === 1, `The exit status is ${ours.exitCode}, not 1`);
  return result;
}

/** @throws Error unless the result counts these tunnels. */
export function expectCounts(
  result: TestResult,
  counts: { readonly established: number; readonly failed: number },
): void {
  const { established, failed } = result.tunnels;
  expect(
    established === counts.established && failed === counts.failed,
    `The result counts ${established} established and ${failed} failed tunnels, not ` +
      `${counts.established} and ${counts.failed}: ${JSON.stringify(result.failures)}`,
  );
}

/** @throws Error unless one failure, or stranger (cause and example together) matches every pattern. */
export function expectFailure(result: TestResult, words: readonly RegExp[]): void {
  const texts = [...result.failures, ...result.strangers].map((failure) =>
    `${failure.cause}: ${failure.example}`
  );
  const missing = (text: string) => words.filter((pattern) => !pattern.test(text));
  if (texts.some((text) => missing(text).length === 0)) return;
  const lacks = texts.map((text) => `"${text}" lacks ${missing(text).join(" and ")}`);
  throw new Error(texts.length === 0 ? "The result names no failure" : lacks.join("; "));
}

/** @throws Error naming the first SPI or key that differs. */
export function compareSa(sa: CharonSa, keylog: Keylog): void {
  const ike = keylog.ike.find((entry) => entry.spiI === sa.spiI && entry.spiR === sa.spiR);
  expect(
    ike !== undefined,
    `Our key table has no IKE SA ${sa.spiI}_i ${sa.spiR}_r of strongSwan's`,
  );
  const ours = new Map([
    ["SK_ei", ike.skEi],
    ["SK_er", ike.skEr],
    ["SK_ai", ike.skAi],
    ["SK_ar", ike.skAr],
  ]);
  if (keylog.secrets) {
    const all = keylog.secrets.find((entry) => entry.spiI === sa.spiI && entry.spiR === sa.spiR);
    expect(all !== undefined, `Our ike_secrets has no IKE SA ${sa.spiI}_i ${sa.spiR}_r`);
    for (const [name, octets] of all.octets) {
      expect((ours.get(name) ?? octets) === octets, `Our two tables differ in ${name}`);
      ours.set(name, octets);
    }
  }
  for (const [name, octets] of ours) {
    const theirs = sa.secrets.get(name) ?? "";
    expect(octets === theirs, `${name} differs: ours ${octets}, strongSwan's ${theirs}`);
  }
  expect(sa.esp.size >= 2, `strongSwan has ${sa.esp.size} ESP SAs`);
  for (const [spi, keys] of sa.esp) {
    const esp = keylog.esp.find((entry) => entry.spi === spi);
    expect(esp !== undefined, `Our key table has no ESP SA ${spi} of strongSwan's`);
    for (const name of ["encryption", "integrity"] as const) {
      const what = `ESP ${name} key of ${spi} differs`;
      expect(esp[name] === keys[name], `${what}: ours ${esp[name]}, strongSwan's ${keys[name]}`);
    }
  }
}
