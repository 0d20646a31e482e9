/**
 * Runs the interop rows against strongSwan and libreswan in network namespaces (as root), prints the matrix
 * and writes `docs/interop.md`.
 *
 *  deno task test:interop [--only PATTERN] [--lanes N] [--outcomes FILE [--rest]] [--list]
 *
 * The plain file `rows` beside this one lists every row. A row that did not run or is not listed is a
 * failure, and under CI=true a missing peer as well; otherwise the rows of a missing libreswan are left out,
 * and the document is not written. With `--outcomes` a run in parts keeps what became of each row in a file,
 * and the part that completes it writes the document. The exit status is 0 if all rows passed.
 * @module
 */
import { FEATURES_MIN } from "./features.ts";
import { readOutcomes, writeOutcomes } from "./outcomes.ts";
import { run, sweepLeftovers } from "./harness.ts";
import { type AnyRow, Lane, type Outcome, withStrongSwan } from "./lane.ts";
import { LIBRESWAN_5, libreswanVersion } from "./libreswan.ts";
import { Matrix } from "./matrix.ts";
import { rowKey } from "./row.ts";
import { AUTH_METHOD_ROWS, LIBRESWAN_AUTH_METHOD_ROWS } from "./rows_auth_methods.ts";
import { CERTIFICATE_ROWS } from "./rows_certificates.ts";
import { KEY_EXCHANGE_ROWS } from "./rows_key_exchange.ts";
import { CHILD_ROWS } from "./rows_child.ts";
import { COLLISION_ROWS } from "./rows_collisions.ts";
import { CONFIGURATION_ROWS, LIBRESWAN_CONFIGURATION_ROWS } from "./rows_configuration.ts";
import { EAP_ROWS } from "./rows_eap.ts";
import { EXTENSION_ROWS } from "./rows_extensions.ts";
import { FIELD_ROWS } from "./rows_field.ts";
import { FRAGMENT_ROWS } from "./rows_fragments.ts";
import { IPTFS_ROWS, LIBRESWAN_IPTFS_ROWS } from "./rows_iptfs.ts";
import { MOBIKE_NAT_ROWS } from "./rows_mobike_nat.ts";
import { MOBIKE_ROWS } from "./rows_mobike.ts";
import { LIBRESWAN_MOBIKE_ROWS } from "./rows_mobike_libreswan.ts";
import { NATT_ROWS } from "./rows_natt.ts";
import { LIBRESWAN_PPK_ROWS, PPK_ROWS } from "./rows_ppk.ts";
import { PPK_EAP_ROWS } from "./rows_ppk_eap.ts";
import { POOL_ROWS } from "./rows_pool.ts";
import { LIBRESWAN_ROWS } from "./rows_libreswan.ts";
import { LIBRESWAN_CERTIFICATE_ROWS } from "./rows_libreswan_certificates.ts";
import { LIFE_ROWS } from "./rows_life.ts";
import { LIVENESS_ROWS } from "./rows_liveness.ts";
import { PSK_ROWS } from "./rows_psk.ts";
import { LIBRESWAN_RAW_KEY_ROWS, RAW_KEY_ROWS } from "./rows_raw_keys.ts";
import { REAUTH_ROWS } from "./rows_reauth.ts";
import { REFUSAL_ROWS } from "./rows_refusals.ts";
import { THROTTLING_ROWS } from "./rows_throttling.ts";
import { TOOL_ROWS, tsharkVersion } from "./rows_tools.ts";
import { USERLAND_ROWS } from "./rows_userland.ts";
import { LIBRESWAN_5_ROWS } from "./rows_libreswan_5.ts";
import { LIBRESWAN_RESUMPTION_ROWS, RESUMPTION_ROWS } from "./rows_resumption.ts";
import { RESOURCE_ROWS } from "./rows_resources.ts";
import { SECOND_AUTH_ROWS } from "./rows_second_auth.ts";
import { STRONGSWAN_6, strongSwanVersion } from "./strongswan.ts";

const ALL: readonly AnyRow[] = [
  ...TOOL_ROWS,
  ...PSK_ROWS,
  ...REFUSAL_ROWS,
  ...CERTIFICATE_ROWS,
  ...RAW_KEY_ROWS,
  ...EAP_ROWS,
  ...FIELD_ROWS,
  ...SECOND_AUTH_ROWS,
  ...LIFE_ROWS,
  ...LIVENESS_ROWS,
  ...THROTTLING_ROWS,
  ...FRAGMENT_ROWS,
  ...POOL_ROWS,
  ...COLLISION_ROWS,
  ...CHILD_ROWS,
  ...USERLAND_ROWS,
  ...NATT_ROWS,
  ...KEY_EXCHANGE_ROWS,
  ...PPK_ROWS,
  ...MOBIKE_ROWS,
  ...MOBIKE_NAT_ROWS,
  ...REAUTH_ROWS,
  ...PPK_EAP_ROWS,
  ...EXTENSION_ROWS,
  ...AUTH_METHOD_ROWS,
  ...RESUMPTION_ROWS,
  ...CONFIGURATION_ROWS,
  ...IPTFS_ROWS,
  ...RESOURCE_ROWS,
  ...LIBRESWAN_ROWS,
  ...LIBRESWAN_PPK_ROWS,
  ...LIBRESWAN_CERTIFICATE_ROWS,
  ...LIBRESWAN_RAW_KEY_ROWS,
  ...LIBRESWAN_MOBIKE_ROWS,
  ...LIBRESWAN_AUTH_METHOD_ROWS,
  ...LIBRESWAN_RESUMPTION_ROWS,
  ...LIBRESWAN_5_ROWS,
  ...LIBRESWAN_CONFIGURATION_ROWS,
  ...LIBRESWAN_IPTFS_ROWS,
];
const LIST = new URL("rows", import.meta.url);
const DOCUMENT = new URL("../../docs/interop.md", import.meta.url);
const LANES = "abcdefgh";
const MARKS = { "passed": "pass", "failed": "FAIL", "not offered": "none" } as const;
const PACKAGES =
  "apt-get install iproute2 conntrack gcc libc6-dev strongswan-charon strongswan-swanctl strongswan-pki " +
  "libstrongswan-standard-plugins libstrongswan-extra-plugins libcharon-extra-plugins tshark nftables";

/** Options of the command line. */
interface Options {
  readonly only: RegExp | undefined;
  readonly lanes: number;
  /** The file in which the parts of a run keep their outcomes. */
  readonly outcomes: string | undefined;
  /** Whether rows that this file has as passed, or as not offered, are left out. */
  readonly rest: boolean;
}

/**
 * Orders rows so that those with the same peer and settings follow each other, which saves restarts of
 * charon.
 */
function inOrder(rows: readonly AnyRow[]): AnyRow[] {
  const place = (row: AnyRow) =>
    withStrongSwan(row) ? ` ${row.strongSwan?.charon ?? ""} ${row.settings ?? ""}` : "libreswan";
  return rows.toSorted((a, b) => place(a) < place(b) ? -1 : place(a) > place(b) ? 1 : 0);
}

async function runAll(
  rows: readonly AnyRow[],
  lanes: number,
  keep: (outcomes: readonly Outcome[]) => void,
): Promise<Outcome[]> {
  const queue = inOrder(rows);
  const outcomes: Outcome[] = [];
  const opened: Lane[] = [];
  const close = () => Promise.all(opened.map((lane) => lane.close()));
  let interrupted = false;
  const onSignal = () => {
    interrupted = true;
    void close().then(() => Deno.exit(1));
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, onSignal);
  const work = async (letter: string) => {
    const lane = await Lane.open(letter);
    opened.push(lane);
    for (let row = queue.shift(); row; row = queue.shift()) {
      const outcome = await lane.run(row);
      // A failure after the removal of the lab is no result of the row.
      if (interrupted) return;
      outcomes.push(outcome);
      keep(outcomes);
      console.log(`${MARKS[outcome.result]}  ${rowKey(row)}  (${outcome.ms} ms)`);
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

/** Describes the differences between the list of rows and the rows that are defined. */
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

const USAGE = `Runs every row of tests/interop/rows against strongSwan and libreswan, as root.
  --list          the rows' names, and nothing else
  --only REGEXP   rows whose name matches
  --lanes N       rows at a time (2)
  --outcomes FILE keeps what became of each row, beside what earlier parts have put there
  --rest          leaves out what FILE has already, unless it failed`;

function parseOptions(args: readonly string[]): Options {
  const value = (name: string) => {
    const at = args.indexOf(name);
    return at < 0 ? undefined : args[at + 1];
  };
  const only = value("--only");
  return {
    only: only === undefined ? undefined : new RegExp(only, "i"),
    lanes: Math.min(Number(value("--lanes") ?? 2), LANES.length),
    outcomes: value("--outcomes"),
    rest: args.includes("--rest"),
  };
}

function isSettled(outcomes: readonly Outcome[], row: AnyRow): boolean {
  return outcomes.some((outcome) => outcome.row === row && outcome.result !== "failed");
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
  const versions = {
    strongSwan: await strongSwanVersion() ?? "",
    libreswan: await libreswanVersion() ?? "",
    tshark: await tsharkVersion() ?? "",
  };
  const gcc = await run("gcc", ["--version"]).then(() => true, () => false);
  const there = { ...versions, gcc, "root": Deno.uid() === 0 };
  const missing = Object.entries(there).filter(([, found]) => !found).map(([name]) => name);
  if (missing.length > 0) {
    console.log(`Interop rows left out: there is no ${missing.join(", no ")}. Debian: ${PACKAGES}`);
    console.log("libreswan is unpacked by tests/interop/unpack_libreswan.sh");
  }
  if (missing.some((name) => ci || name !== "libreswan")) {
    console.log(`0 passed, ${ci ? ALL.length : 0} failed`);
    return ci ? 1 : 0;
  }
  const options = parseOptions(args);
  const newer = await strongSwanVersion(STRONGSWAN_6);
  if (!newer) {
    console.log("Rows with strongSwan 6 left out: STRONGSWAN6 names no prefix that has it");
  }
  await sweepLeftovers();
  const earlier = options.outcomes ? await readOutcomes(options.outcomes, ALL) : [];
  const newest = await libreswanVersion(LIBRESWAN_5);
  if (!newest) console.log("Rows with libreswan 5 left out: LIBRESWAN5 names no directory with it");
  const rows = ALL.filter((row) => options.only?.test(rowKey(row)) ?? true)
    .filter((row) => missing.length === 0 || withStrongSwan(row))
    .filter((row) => newer || !withStrongSwan(row) || !row.strongSwan)
    .filter((row) => newest || withStrongSwan(row) || !row.libreswan)
    .filter((row) => !options.rest || !isSettled(earlier, row));
  const others = earlier.filter(({ row }) => !rows.includes(row));
  const outcomes = await runAll(rows, options.lanes, (found) => {
    if (options.outcomes) writeOutcomes(options.outcomes, [...others, ...found]);
  });
  const known = [...others, ...outcomes];
  const matrix = new Matrix(ALL, known);
  const wrong = [...await listedWrongly(), ...matrix.wrongFeatures()];
  if (known.length === ALL.length) {
    const passing = matrix.passingWithStrongSwan.length;
    if (passing < FEATURES_MIN) wrong.push(`Only ${passing} features pass with strongSwan`);
    const strongSwan =
      `${versions.strongSwan}, and ${newer} for several key exchanges, EAP-PEAP, SIM and AKA`;
    const libreswan = `${versions.libreswan}, and ${newest} for certificates and EAP-TLS`;
    await Deno.writeTextFile(DOCUMENT, matrix.document({ ...versions, strongSwan, libreswan }));
    await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", DOCUMENT.pathname] })
      .output();
    console.log(`\n${matrix.features()}\n`);
  } else {
    console.log(`${ALL.length - rows.length} rows not selected`);
  }
  for (const words of wrong) console.log(`FAIL  ${words}`);
  const count = (result: Outcome["result"]) =>
    outcomes.filter((outcome) => outcome.result === result).length;
  const failed = count("failed") + wrong.length;
  if (count("not offered") > 0) console.log(`${count("not offered")} not offered by the peer`);
  console.log(`${count("passed")} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
