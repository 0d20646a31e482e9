/**
 * What this program calls itself; the same as in `deno.json`, which `scripts/check_docs.ts` holds.
 * @module
 */

/** Semantic version. */
export const VERSION = "0.1.0";
