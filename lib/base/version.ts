/**
 * The version of this program, which must equal that in `deno.json`; `scripts/check_docs.ts` compares them.
 * @module
 */

/** The semantic version. */
export const VERSION = "0.1.0";
