/**
 * Starts the command line; everything else is in `lib/`.
 * @module
 */
import { main } from "@/cli/program.ts";

if (import.meta.main) Deno.exit(await main(Deno.args));
