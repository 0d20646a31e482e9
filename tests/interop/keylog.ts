/**
 * Reads the tables that `--keylog` writes in Wireshark's form: `ikev2_decryption_table` (SPIs, SK_e*, SK_a*
 * of each IKE SA), `esp_sa` (SPI and keys of each ESP SA), `other_keys` (lines of both kinds with algorithms
 * that Wireshark does not know), and `ike_secrets` (all SK_* of each IKE SA).
 * @module
 */
import type { EspKeys } from "./charon_log.ts";

/** A line of `ikev2_decryption_table`; octets are lower-case hex, empty if the suite has none. */
export interface KeylogIke {
  readonly spiI: string;
  readonly spiR: string;
  readonly skEi: string;
  readonly skEr: string;
  readonly encryption: string;
  readonly skAi: string;
  readonly skAr: string;
  readonly integrity: string;
}

/** One line of `esp_sa`. */
export interface KeylogEsp extends EspKeys {
  /** `IPv4` or `IPv6`. */
  readonly family: string;
  readonly from: string;
  readonly to: string;
  /** SPI in 8 digits. */
  readonly spi: string;
}

/** A line of `ike_secrets`: SPIs, and octets by the names of RFC 7296 §2.14 (`SK_d`, `SK_ai`, …). */
export interface KeylogSecrets {
  readonly spiI: string;
  readonly spiR: string;
  readonly octets: ReadonlyMap<string, string>;
}

/** All tables; one that does not exist yet is empty. */
export interface Keylog {
  /** Absent if the source of the keys does not have SK_d and SK_p*. */
  readonly secrets?: readonly KeylogSecrets[];
  readonly ike: readonly KeylogIke[];
  readonly esp: readonly KeylogEsp[];
}

/** Reads what is in `directory` now. */
export async function readKeylog(directory: string): Promise<Keylog> {
  const read = (name: string) => Deno.readTextFile(`${directory}/${name}`).catch(() => "");
  const others = (await read("other_keys")).split("\n");
  const ofEsp = (line: string) => line.startsWith('"IPv');
  const tables = (known: string, more: string[]) => `${known}\n${more.join("\n")}`;
  const ikeTable = await read("ikev2_decryption_table");
  const espTable = await read("esp_sa");
  return {
    secrets: parseSecrets(await read("ike_secrets")),
    ike: parseIkeTable(tables(ikeTable, others.filter((line) => !ofEsp(line)))),
    esp: parseEspTable(tables(espTable, others.filter(ofEsp))),
  };
}

/** Lines of `ikev2_decryption_table`. @throws Error for a line without its eight columns. */
export function parseIkeTable(text: string): KeylogIke[] {
  return rows(text, 8).map((columns) => {
    const [spiI, spiR, skEi, skEr, encryption, skAi, skAr, integrity] = columns as Eight;
    return {
      spiI: hex(spiI),
      spiR: hex(spiR),
      skEi: hex(skEi),
      skEr: hex(skEr),
      encryption,
      skAi: hex(skAi),
      skAr: hex(skAr),
      integrity,
    };
  });
}

const SECRETS = ["SK_d", "SK_ai", "SK_ar", "SK_ei", "SK_er", "SK_pi", "SK_pr"] as const;

/** Lines of `ike_secrets`. @throws Error for a line without its nine columns. */
export function parseSecrets(text: string): KeylogSecrets[] {
  return rows(text, 2 + SECRETS.length).map(([spiI, spiR, ...octets]) => ({
    spiI: hex(spiI!),
    spiR: hex(spiR!),
    octets: new Map(SECRETS.map((name, i) => [name, hex(octets[i]!)])),
  }));
}

/** Lines of `esp_sa`. @throws Error for a line with less than its eight columns. */
export function parseEspTable(text: string): KeylogEsp[] {
  return rows(text, 8).map((columns) => {
    const [family, from, to, spi, , encryption, , integrity] = columns as Eight;
    return {
      family,
      from,
      to,
      spi: hex(spi).padStart(8, "0"),
      encryption: hex(encryption),
      integrity: hex(integrity),
    };
  });
}

type Eight = [string, string, string, string, string, string, string, string];

function rows(text: string, columnsMin: number): string[][] {
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"));
  return lines.map((line) => {
    const columns = [...line.matchAll(/(?:"([^"]*)"|([^,"]*))(?:,|$)/g)];
    if (columns.length < columnsMin) throw new Error(`Not a line of a key table: ${line}`);
    return columns.map((column) => column[1] ?? column[2] ?? "");
  });
}

function hex(text: string): string {
  return text.trim().toLowerCase().replace(/^0x/, "");
}
