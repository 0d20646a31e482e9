/**
 * The outcomes of rows in a file, to which each part of a run adds its own.
 * @module
 */
import type { AnyRow, Outcome } from "./lane.ts";
import { rowKey } from "./row.ts";

/** An outcome in the file, in which the row is named by its key. */
type Kept = Omit<Outcome, "row"> & { readonly key: string };

/** The outcomes in a file, of rows that exist; none if there is no file. */
export async function readOutcomes(file: string, rows: readonly AnyRow[]): Promise<Outcome[]> {
  const text = await Deno.readTextFile(file).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return "[]";
    throw error;
  });
  const byKey = new Map(rows.map((row) => [rowKey(row), row]));
  return (JSON.parse(text) as Kept[]).flatMap(({ key, ...outcome }) => {
    const row = byKey.get(key);
    return row ? [{ row, ...outcome }] : [];
  });
}

/**
 * Replaces the file by one with these outcomes, atomically, as a part of a run may be ended at any moment.
 */
export function writeOutcomes(file: string, outcomes: readonly Outcome[]): void {
  const kept: Kept[] = outcomes.map(({ row, ...outcome }) => ({ key: rowKey(row), ...outcome }));
  Deno.writeTextFileSync(`${file}.new`, JSON.stringify(kept, undefined, 1));
  Deno.renameSync(`${file}.new`, file);
}
