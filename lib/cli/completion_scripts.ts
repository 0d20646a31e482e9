/**
 * What bash, zsh and fish are told so that Tab asks this program itself: `myikev2 __complete -- WORD...`
 * with the words up to the cursor answers what may stand in place of the last. Its first line says
 * whether names of `files`, of `directories` or `none` fit as well; each further one is a word, and
 * behind a tab what it means. What was typed is passed on as it is, and never evaluated.
 * @module
 */
import BASH from "@/cli/completion.bash" with { type: "text" };
import FISH from "@/cli/completion.fish" with { type: "text" };
import ZSH from "@/cli/completion.zsh" with { type: "text" };
import type { Offers } from "@/cli/completion.ts";

/** The scripts by their shells. */
const SCRIPTS = { bash: BASH, zsh: ZSH, fish: FISH };

/** A shell there is a script for. */
export type SystemShell = keyof typeof SCRIPTS;
/** All of them. */
export const SHELLS = Object.keys(SCRIPTS) as SystemShell[];
/** What the scripts call: not for people, so it is in no help. */
export const ASK = "__complete";
/** Behind {@linkcode ASK}: words without what they mean. */
export const BARE = "--no-descriptions";

/** The script for `shell`, which has Tab show what words mean where `describe` says so. */
export function completionScript(shell: SystemShell, describe: boolean): string {
  return describe ? SCRIPTS[shell] : SCRIPTS[shell].replaceAll(`${ASK} --`, `${ASK} ${BARE} --`);
}

/** The answer to a script: one line each. */
export function answerLines({ offers, files }: Offers, describe: boolean): string[] {
  const line = (value: string, does: string) => describe && does ? `${value}\t${does}` : value;
  return [files, ...offers.map(({ value, does }) => line(value, does))];
}
