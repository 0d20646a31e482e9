/**
 * A row of the interop matrix: who initiates, our setup file, the peer's swanctl.conf, and a check.
 * {@linkcode RowRun} helps the check, above all by comparing both ends: SPIs, all SK_* and the keys of ESP.
 * @module
 */
import type { CharonSa } from "./charon_log.ts";
import { type Lab, until } from "./harness.ts";
import type { Keylog } from "./keylog.ts";
import type { Ours, Setup, TestResult } from "./ours.ts";
import type { Server } from "./servers.ts";
import type { Charon, StrongSwan } from "./strongswan.ts";

/** The direction of the first IKE_SA_INIT; the last value is the check of the harness itself. */
export type Direction =
  | "ours → strongSwan"
  | "strongSwan → ours"
  | "strongSwan ↔ strongSwan";

/** One row, identified by direction and name. */
export interface Row {
  readonly name: string;
  readonly direction: Direction;
  /** Our setup file; in the check of the harness the swanctl.conf of the strongSwan in our place. */
  readonly setup: Setup | string;
  /** The peer's swanctl.conf. */
  readonly swanctl: string;
  /** Which strongSwan is the peer; absent: Debian's. */
  readonly strongSwan?: StrongSwan;
  /** Further lines of its strongswan.conf; rows with the same lines share one charon. */
  readonly settings?: string;
  /** A RADIUS server of one of the ends. */
  readonly server?: (lab: Lab, pki: string) => Promise<Server>;
  /** Is run when strongSwan is configured and our end has not started. */
  readonly before?: (run: RowRun) => Promise<void>;
  /** Undoes what `before` did, also after a failure. */
  readonly after?: (lab: Lab) => Promise<void>;
  /** Checks the row. @throws an error that describes what is wrong. */
  readonly check: (run: RowRun) => Promise<void>;
}

/** The key of a row in the list of rows. */
export function rowKey(row: { readonly direction: string; readonly name: string }): string {
  return `${row.direction}: ${row.name}`;
}

/** Throws an error with the text `what` unless `holds`. */
export function expect(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

/** A row that is running. */
export class RowRun {
  constructor(
    readonly lab: Lab,
    readonly charon: Charon,
    /** Our process; undefined in the check of the harness. */
    private readonly process: Ours | undefined,
    /** The strongSwan in our place, in the check of the harness. */
    readonly standIn: Charon | undefined,
  ) {}

  /** The RADIUS server of the row. */
  server: Server | undefined;

  /** Our process. */
  get ours(): Ours {
    expect(this.process !== undefined, "This row runs without us");
    return this.process;
  }

  /** Waits until the peer has `count` established IKE SAs, each with its CHILD_SA. */
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
    // strongSwan has the keys of a rekey when it answers, and we have them a moment later.
    const esp = Math.max(2 * sas.length, sas.reduce((sum, sa) => sum + sa.esp.size, 0));
    await until("our key tables", 5_000, async () => {
      keylog = await this.ours.keylog();
      return keylog.ike.length >= sas.length && keylog.esp.length >= esp;
    }).catch(() => {});
    for (const sa of sas) compareSa(sa, keylog);
  }

  /** Waits for a line of the peer's log. */
  async peerLogs(pattern: RegExp, timeoutMs = 10_000): Promise<void> {
    await until(`${pattern} in strongSwan's log`, timeoutMs, async () => {
      return pattern.test(await this.charon.log());
    });
  }

  /** How often a pattern occurs in the peer's log. */
  async peerLogged(pattern: RegExp): Promise<number> {
    const all = new RegExp(pattern.source, `${pattern.flags.replace("g", "")}g`);
    return [...(await this.charon.log()).matchAll(all)].length;
  }

  /**
   * The check of most rows: `count` tunnels with the same keys at both ends, which still exist a moment
   * later; then a graceful stop, after which the peer has none and our result counts all, and no failure.
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

  /** Waits until our test fails, or stops it; one failure must match all patterns. */
  async failure(words: readonly RegExp[], timeoutMs = 20_000): Promise<TestResult> {
    return await failedWith(this.ours, words, timeoutMs);
  }
}

/** Waits until our test has failed by itself; one failure must match all patterns. */
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

/** Checks the numbers of tunnels in a result. @throws Error if they differ. */
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

/**
 * Checks that one failure, or stranger, matches all patterns in its cause and example. @throws Error if none
 * does.
 */
export function expectFailure(result: TestResult, words: readonly RegExp[]): void {
  const texts = [...result.failures, ...result.strangers].map((failure) =>
    `${failure.cause}: ${failure.example}`
  );
  const missing = (text: string) => words.filter((pattern) => !pattern.test(text));
  if (texts.some((text) => missing(text).length === 0)) return;
  const lacks = texts.map((text) => `"${text}" lacks ${missing(text).join(" and ")}`);
  throw new Error(texts.length === 0 ? "The result names no failure" : lacks.join("; "));
}

/** Compares an SA with our key tables. @throws Error naming the first SPI or key that differs. */
export function compareSa(sa: CharonSa, keylog: Keylog): void {
  // An IKE SA has a line for each key exchange, and one with its PPK: the last one has its present keys.
  const ike = keylog.ike.findLast((entry) => entry.spiI === sa.spiI && entry.spiR === sa.spiR);
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
    const all = keylog.secrets.findLast((entry) =>
      entry.spiI === sa.spiI && entry.spiR === sa.spiR
    );
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
