/**
 * What a run prints and writes to `docs/interop.md`: the matrix with a line for each feature and a column for
 * each direction and peer, what a peer does not offer in its own words, and every row.
 * @module
 */
import { type Feature, FEATURES, FEATURES_MIN, featuresOf } from "./features.ts";
import type { AnyRow, Outcome } from "./lane.ts";
import { rowKey } from "./row.ts";

/** Versions of the programs of a run. */
export interface Versions {
  readonly strongSwan: string;
  readonly libreswan: string;
  readonly tshark: string;
}

/** Columns of the matrix. Rows that check the harness itself are only in the list of rows. */
const COLUMNS = [
  "ours → strongSwan",
  "strongSwan → ours",
  "ours → libreswan",
  "libreswan → ours",
] as const;

const ITSELF = "strongSwan ↔ strongSwan";

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  return [line(head), line(head.map(() => "---")), ...lines.map(line)].join("\n");
}

/** All rows that are defined, and the outcomes of those that ran. */
export class Matrix {
  readonly #outcomes: ReadonlyMap<string, Outcome>;

  constructor(private readonly rows: readonly AnyRow[], outcomes: readonly Outcome[]) {
    this.#outcomes = new Map(outcomes.map((outcome) => [rowKey(outcome.row), outcome]));
  }

  #of(feature: Feature, direction: string): (Outcome | undefined)[] {
    return this.rows.filter((row) => row.direction === direction && feature.rows.test(row.name))
      .map((row) => this.#outcomes.get(rowKey(row)));
  }

  #cell(feature: Feature, direction: string): string {
    const outcomes = this.#of(feature, direction);
    const count = (result: Outcome["result"]) =>
      outcomes.filter((outcome) => outcome?.result === result).length;
    const passed = count("passed");
    const failed = count("failed");
    const absent = count("not offered");
    const parts: string[] = [];
    if (passed > 0 || failed > 0) parts.push(`${passed}/${passed + failed}`);
    if (failed > 0) parts[0] = `**${parts[0]}**`;
    if (absent > 0) parts.push(`${absent} not offered`);
    if (outcomes.some((outcome) => !outcome)) parts.push("**did not run**");
    return parts.join(", ");
  }

  /** Features all of whose rows with strongSwan passed, in every direction that they have. */
  get passingWithStrongSwan(): Feature[] {
    return FEATURES.filter((feature) => {
      const outcomes = COLUMNS.slice(0, 2).flatMap((column) => this.#of(feature, column));
      return outcomes.length > 0 && outcomes.every((outcome) => outcome?.result === "passed");
    });
  }

  /** The matrix as Markdown. A cell says how many of its rows passed. */
  features(): string {
    const cells = (feature: Feature) => COLUMNS.map((column) => this.#cell(feature, column));
    const lines = FEATURES.map((feature) => [feature.name, ...cells(feature)])
      .filter(([, ...found]) => found.some((cell) => cell !== ""));
    return table(["feature", ...COLUMNS], lines);
  }

  /** The rows that a peer does not offer, with its words, as Markdown. */
  notOffered(): string {
    const absent = [...this.#outcomes.values()].filter(({ result }) => result === "not offered");
    const words = new Map(absent.map(({ row, why }) => [row.name, why]));
    return [...words].map(([name, why]) => `- ${name}: “${why}”`).sort().join("\n");
  }

  /** Every row as Markdown. */
  everyRow(): string {
    const names = [...new Set(this.rows.map((row) => row.name))];
    const columns = [...COLUMNS, ITSELF];
    const cell = (name: string, direction: string): string => {
      const defined = this.rows.some((row) => row.name === name && row.direction === direction);
      if (!defined) return "";
      const outcome = this.#outcomes.get(rowKey({ name, direction }));
      if (!outcome) return "**did not run**";
      return outcome.result === "failed" ? "**failed**" : outcome.result;
    };
    const lines = names.map((name) => [name, ...columns.map((column) => cell(name, column))]);
    return table(["row", ...columns], lines);
  }

  /** Describes errors in the assignment of rows to features. */
  wrongFeatures(): string[] {
    const names = [...new Set(this.rows.map((row) => row.name))];
    const wrong = names.filter((name) => featuresOf(name).length !== 1).map((name) =>
      `In ${featuresOf(name).length} features of tests/interop/features.ts, not in one: ${name}`
    );
    for (const feature of FEATURES) {
      if (!names.some((name) => feature.rows.test(name))) {
        wrong.push(`A feature without rows: ${feature.name}`);
      }
    }
    return wrong;
  }

  /** The whole document. */
  document({ strongSwan, libreswan, tshark }: Versions): string {
    const count = (result: Outcome["result"]) =>
      [...this.#outcomes.values()].filter((outcome) => outcome.result === result).length;
    const failed = this.rows.length - count("passed") - count("not offered");
    return `# Interoperability

Written by \`deno task test:interop\`. Peers: strongSwan ${strongSwan}, libreswan ${libreswan};
tshark ${tshark} reads the captures. Rows: ${count("passed")} passed, ${failed} failed, ${
      count("not offered")
    } not offered by the peer.
Features whose every row passed with strongSwan: ${this.passingWithStrongSwan.length}, of at least ${FEATURES_MIN}.

A row that establishes a tunnel compares both ends: the SPIs of the IKE SA and of the CHILD_SA, and
the octets of the keys, ours from \`--keylog\`. strongSwan logs all SK_* and the ESP keys; libreswan
logs SK_a* and SK_e*, and its ESP keys are read from what it asks of the kernel. Suites read: IKE
encryption, integrity, PRF, group / ESP encryption, integrity.

## Features

Who initiates → who responds. A cell says how many rows passed of how many; an empty one has no row.

${this.features()}

## What the peers do not have

No row can show these with a peer; our two roles, tshark and tests without a peer do.

- Raw public keys in CERT payloads (RFC 7670): strongSwan 6 and libreswan 5 know the keys of a peer
  only by configuration. They send none, and ignore ours, as they say in their logs.
- OCSP responses of the peer in IKE_AUTH (RFC 4806): strongSwan 6 sends what a plugin has fetched by
  HTTP, and the build that is used here has no such plugin. libreswan has none in IKE_AUTH.
- An IKE SA that is resumed to its end (RFC 5723): libreswan 5.4 issues tickets, presents them and derives
  the same keys, but its AUTH is prf(SK_px, message), without the nonce and the identity of RFC 7296
  §2.15, to which RFC 5723 §5.1 refers. Each end refuses the other's AUTH, and a whole set-up follows.
- EAP of libreswan as the initiator: its only method is EAP-TLS, and it only answers.
- EAP-AKA' of strongSwan: it relays the method to a RADIUS server, as in the row with hostapd.

## Not offered by libreswan

libreswan is given the connection and refuses to load it in these words. Such a row never counts as
passed. Its \`ike=\` has one name for the PRF and the integrity algorithm; where a suite has two, it
takes the second for a group.

${this.notOffered()}

## Rows

${this.everyRow()}
`;
  }
}
