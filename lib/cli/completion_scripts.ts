/**
 * The scripts by which bash, zsh and fish ask this program for completions. They call `myikev2 __complete --
 * WORD...` with the words up to the cursor. The first line of the answer says whether names of `files`, of
 * `directories` or `none` complete the last word; each further line is a word, with its meaning after a tab.
 * What was typed is passed on unchanged and never evaluated.
 * @module
 */
import BASH from "@/cli/completion.bash" with { type: "text" };
import FISH from "@/cli/completion.fish" with { type: "text" };
import ZSH from "@/cli/completion.zsh" with { type: "text" };
import type { Offers } from "@/cli/completion.ts";

/** The script of each shell. */
const SCRIPTS = { bash: BASH, zsh: ZSH, fish: FISH };

/** A shell for which there is a script. */
export type SystemShell = keyof typeof SCRIPTS;
/** The names of all these shells. */
export const SHELLS = Object.keys(SCRIPTS) as SystemShell[];
/** Name of the command that the scripts call. It is not for people, and so in no help. */
export const ASK = "__complete";
/** Option of {@linkcode ASK} that leaves out the meanings of words. */
export const BARE = "--no-descriptions";

/** The script for `shell`; `describe`: whether Tab shows the meaning of words. */
export function completionScript(shell: SystemShell, describe: boolean): string {
  return describe ? SCRIPTS[shell] : SCRIPTS[shell].replaceAll(`${ASK} --`, `${ASK} ${BARE} --`);
}

/** The lines of the answer to a script. */
export function answerLines({ offers, files }: Offers, describe: boolean): string[] {
  const line = (value: string, does: string) => describe && does ? `${value}\t${does}` : value;
  return [files, ...offers.map(({ value, does }) => line(value, does))];
}
