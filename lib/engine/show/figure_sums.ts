/**
 * Figures that are sums: of counters by name, and of a number with its causes.
 * @module
 */
import { causeLines, type CountedCauses, figure, mergeCauses } from "@/engine/show/figure.ts";

/** The list of causes in a figure that has one; its `doc` is to be added. */
export const CAUSES = { path: "causes", type: "list of {cause, count, example}" } as const;

/** A figure with a number and its causes. */
export function counted<P extends string>(path: P, doc: string, lineOf: (cause: string) => string) {
  return figure({
    path,
    type: "object",
    doc,
    parts: [
      { path: "count", type: "number", doc: "how many" },
      { ...CAUSES, doc: "the same by cause, the most frequent first" },
    ],
    none: { count: 0, causes: [] } as CountedCauses,
    merge: (parts: readonly CountedCauses[]): CountedCauses => ({
      count: parts.reduce((sum, { count }) => sum + count, 0),
      causes: mergeCauses(parts.flatMap(({ causes }) => causes)),
    }),
    json: (counts) => counts,
    lines: ({ causes }) => causeLines(causes, lineOf),
  });
}

/** The sums of counters with equal names. */
export function summed<T extends object>(parts: readonly T[]): T {
  const sums: Record<string, number> = {};
  for (const part of parts) {
    for (const [name, n] of Object.entries(part)) sums[name] = (sums[name] ?? 0) + n;
  }
  return sums as T;
}
