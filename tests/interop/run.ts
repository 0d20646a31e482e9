/**
 * Runs the interop rows against strongSwan in network namespaces (needs root), prints the matrix and
 * writes `docs/interop.md`.
 *
 *   deno task test:interop [--only PATTERN] [--lanes N] [--list]
 *
 * The plain file `rows` beside this one lists every row. One that did not run is a failure, so is one
 * that is not listed, and under CI=true so is a missing peer. Exit status 0 when all passed.
 * @module
 */
import { atSite } from "./ends.ts";
import { Lab, run, sweepLeftovers } from "./harness.ts";
import { Ours } from "./ours.ts";
import { type Direction, type Row, rowKey, RowRun } from "./row.ts";
import { CHILD_ROWS } from "./rows_child.ts";
import { COLLISION_ROWS } from "./rows_collisions.ts";
import { FRAGMENT_ROWS } from "./rows_fragments.ts";
import { NATT_ROWS } from "./rows_natt.ts";
import { POOL_ROWS } from "./rows_pool.ts";
import { LIFE_ROWS } from "./rows_life.ts";
import { LIVENESS_ROWS } from "./rows_liveness.ts";
import { PSK_ROWS } from "./rows_psk.ts";
import { REFUSAL_ROWS } from "./rows_refusals.ts";
import { TOOL_ROWS, tsharkVersion } from "./rows_tools.ts";
import { Charon, strongSwanVersion } from "./strongswan.ts";

const ALL: readonly Row[] = [
  ...TOOL_ROWS,
  ...PSK_ROWS,
  ...REFUSAL_ROWS,
  ...LIFE_ROWS,
  ...LIVENESS_ROWS,
  ...FRAGMENT_ROWS,
  ...POOL_ROWS,
  ...COLLISION_ROWS,
  ...CHILD_ROWS,
  ...NATT_ROWS,
];
const LIST = new URL("rows", import.meta.url);
const DOCUMENT = new URL("../../docs/interop.md", import.meta.url);
const LANES = "abcdefgh";
const ROW_LIMIT_MS = 90_000;
const PACKAGES =
  "apt-get install iproute2 conntrack gcc libc6-dev strongswan-charon strongswan-swanctl " +
  "libstrongswan-standard-plugins libstrongswan-extra-plugins libcharon-extra-plugins tshark nftables";

/** How a row ended; `why` is empty when it passed. */
interface Outcome {
  readonly row: Row;
  readonly why: string;
  readonly ms: number;
}

/** What the command line says. */
interface Options {
  readonly only: RegExp | undefined;
  readonly lanes: number;
}

/** One lab and the charon in it, restarted when a row wants other settings. */
class Lane {
  #charon: Charon | undefined;
  #settings: string | undefined;

  private constructor(readonly lab: Lab) {}

  static async open(letter: string): Promise<Lane> {
    return new Lane(await Lab.open(letter));
  }

  async #charonWith(settings: string): Promise<Charon> {
    if (this.#charon && this.#settings === settings) return this.#charon;
    await this.#charon?.stop();
    this.#settings = settings;
    return this.#charon = await Charon.start(this.lab, this.lab.theirs, settings);
  }

  async run(row: Row): Promise<Outcome> {
    const beganMs = performance.now();
    let ours: Ours | undefined, standIn: Charon | undefined, why = "";
    try {
      const charon = await this.#charonWith(row.settings ?? "");
      await charon.load(row.swanctl);
      await row.before?.(new RowRun(this.lab, charon, undefined, undefined));
      if (typeof row.setup === "string") {
        standIn = await Charon.start(this.lab, this.lab.ours);
        await standIn.load(row.setup);
      } else {
        ours = await Ours.start(this.lab, this.lab.ours, atSite(row.setup, this.lab.ours));
      }
      await within(ROW_LIMIT_MS, row.check(new RowRun(this.lab, charon, ours, standIn)));
    } catch (error) {
      why = `${(error as Error).message}${await this.#context(ours)}`;
    }
    await standIn?.stop();
    await ours?.abandon();
    await row.after?.(this.lab);
    // What a failed row left in charon is not worth deleting SA by SA.
    if (why !== "") this.#settings = undefined;
    return { row, why, ms: Math.round(performance.now() - beganMs) };
  }

  async #context(ours: Ours | undefined): Promise<string> {
    const log = (await this.#charon?.log() ?? "").split("\n");
    const telling = log.filter((line) =>
      !/\[(IKE|CHD)\].* (\d+:|activating|queueing|=>) /.test(line)
    );
    const parts = [["strongSwan's log", telling.slice(-25).join("\n")]];
    if (ours) parts.unshift(["what we said", ours.said()]);
    return parts.map(([title, text]) => `\n--- ${title}\n${text}`).join("");
  }

  async close(): Promise<void> {
    await this.lab.close();
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`The row took longer than ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Rows that want the same settings stay together, so that charon starts seldom. */
function inOrder(rows: readonly Row[]): Row[] {
  return rows.toSorted((a, b) => (a.settings ?? "").localeCompare(b.settings ?? ""));
}

async function runAll(rows: readonly Row[], lanes: number): Promise<Outcome[]> {
  const queue = inOrder(rows);
  const outcomes: Outcome[] = [];
  const opened: Lane[] = [];
  const close = () => Promise.all(opened.map((lane) => lane.close()));
  const onSignal = () => void close().then(() => Deno.exit(1));
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, onSignal);
  const work = async (letter: string) => {
    const lane = await Lane.open(letter);
    opened.push(lane);
    for (let row = queue.shift(); row; row = queue.shift()) {
      const outcome = await lane.run(row);
      outcomes.push(outcome);
      console.log(`${outcome.why === "" ? "pass" : "FAIL"}  ${rowKey(row)}  (${outcome.ms} ms)`);
      if (outcome.why !== "") console.log(outcome.why.replaceAll(/^/gm, "      "));
    }
  };
  try {
    await Promise.all([...LANES.slice(0, lanes)].map(work));
  } finally {
    await close();
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      Deno.removeSignalListener(signal, onSignal);
    }
  }
  return outcomes;
}

const COLUMNS: readonly Direction[] = [
  "ours → strongSwan",
  "strongSwan → ours",
  "strongSwan ↔ strongSwan",
];

/** The matrix as Markdown: a line a feature, a column a direction. */
function matrix(outcomes: readonly Outcome[]): string {
  const names = [...new Set(ALL.map((row) => row.name))];
  const cell = (name: string, direction: Direction): string => {
    const outcome = outcomes.find((o) => o.row.name === name && o.row.direction === direction);
    if (outcome) return outcome.why === "" ? "passed" : "**failed**";
    const exists = ALL.some((row) => row.name === name && row.direction === direction);
    return exists ? "**did not run**" : "";
  };
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const head = [line(["row", ...COLUMNS]), line(["---", ...COLUMNS.map(() => "---")])];
  return [...head, ...names.map((name) => line([name, ...COLUMNS.map((c) => cell(name, c))]))]
    .join("\n");
}

function document(outcomes: readonly Outcome[], peers: readonly string[]): string {
  const passed = outcomes.filter((outcome) => outcome.why === "").length;
  return `# Interoperability

Written by \`deno task test:interop\`. Peers: ${peers.join(", ")}. A row that establishes a tunnel
compares both ends: the SPIs of the IKE SA and of the CHILD_SA, and the octets of all SK_*
and of the ESP keys, ours from \`--keylog\`, strongSwan's from its log. Suites read: IKE
encryption, integrity, PRF, group / ESP encryption, integrity.

${passed} passed, ${ALL.length - passed} failed.

${matrix(outcomes)}
`;
}

/** Differences between the list of rows and what is defined, in words. */
async function listedWrongly(): Promise<string[]> {
  const text = await Deno.readTextFile(LIST).catch(() => "");
  const listed = new Set(text.split("\n").filter((line) => line !== "" && !line.startsWith("#")));
  const defined = new Set<string>();
  const wrong: string[] = [];
  for (const key of ALL.map(rowKey)) {
    if (defined.has(key)) wrong.push(`Defined twice: ${key}`);
    defined.add(key);
    if (!listed.has(key)) wrong.push(`Not in the list of rows: ${key}`);
  }
  for (const key of listed) if (!defined.has(key)) wrong.push(`Listed but did not run: ${key}`);
  return wrong;
}

const USAGE = `Runs every row of tests/interop/rows against strongSwan, as root.
  --list          the rows' names, and nothing else
  --only REGEXP   rows whose name matches
  --lanes N       rows at a time (2)`;

function parseOptions(args: readonly string[]): Options {
  const value = (name: string) => {
    const at = args.indexOf(name);
    return at < 0 ? undefined : args[at + 1];
  };
  const only = value("--only");
  return {
    only: only === undefined ? undefined : new RegExp(only, "i"),
    lanes: Math.min(Number(value("--lanes") ?? 2), LANES.length),
  };
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) {
    console.log(USAGE);
    return 0;
  }
  if (args.includes("--list")) {
    console.log(ALL.map(rowKey).join("\n"));
    return 0;
  }
  const ci = Deno.env.get("CI") === "true";
  const strongSwan = await strongSwanVersion();
  const tshark = await tsharkVersion();
  const gcc = await run("gcc", ["--version"]).then(() => true, () => false);
  const there = { strongSwan, tshark, gcc, "root": Deno.uid() === 0 };
  const missing = Object.entries(there).filter(([, found]) => !found).map(([name]) => name);
  if (missing.length > 0) {
    console.log(`Interop rows left out: there is no ${missing.join(", no ")}. Debian: ${PACKAGES}`);
    console.log(`0 passed, ${ci ? ALL.length : 0} failed`);
    return ci ? 1 : 0;
  }
  const options = parseOptions(args);
  await sweepLeftovers();
  const rows = ALL.filter((row) => options.only?.test(rowKey(row)) ?? true);
  const outcomes = await runAll(rows, options.lanes);
  const wrong = await listedWrongly();
  for (const words of wrong) console.log(`FAIL  ${words}`);
  const failed = outcomes.filter((outcome) => outcome.why !== "").length + wrong.length;
  if (options.only === undefined) {
    console.log(`\n${matrix(outcomes)}\n`);
    const peers = [`strongSwan ${strongSwan}`, `tshark ${tshark}`];
    await Deno.writeTextFile(DOCUMENT, document(outcomes, peers));
  } else {
    console.log(`${ALL.length - rows.length} rows not selected`);
  }
  console.log(`${outcomes.length - (failed - wrong.length)} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
