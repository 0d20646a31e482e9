/**
 * Splits a line of the shell into words with quotes, and accepts long options with one dash.
 * @module
 */

/** Long options of the shell that may be written `-start` as well as `--start`. */
const ONE_DASH = /^-(start|len|kw|json|level)(?=$|=)/;

/**
 * Splits a line at blanks outside of `'…'` and `"…"`. A backslash escapes the next character, but not within
 * `'…'`. Undefined if a quote is not closed.
 */
export function splitLine(line: string): string[] | undefined {
  const words: string[] = [];
  const part = /\s*((?:[^\s"'\\]|\\[^]|'[^']*'|"(?:[^"\\]|\\[^])*")+)\s*/y;
  while (part.lastIndex < line.length) {
    if (/^\s*$/.test(line.slice(part.lastIndex))) break;
    const found = part.exec(line);
    if (!found) return undefined;
    words.push(unquoted(found[1]!));
  }
  return words;
}

function unquoted(word: string): string {
  return word.replaceAll(
    /\\([^])|'([^']*)'|"((?:[^"\\]|\\[^])*)"/g,
    (_, escaped?: string, single?: string, double?: string) =>
      escaped ?? single ?? double!.replaceAll(/\\([^])/g, "$1"),
  );
}

/** A short option with its value: `-g=false`. */
const SHORT_WITH_VALUE = /^(-[a-z])=(.*)$/s;

/**
 * Rewrites words so that long options have two dashes and the value of a short option is a word of its own,
 * as `-g=false` may be written for `-g false`.
 */
export function withTwoDashes(words: readonly string[]): string[] {
  return words.flatMap((word) => {
    if (ONE_DASH.test(word)) return [`-${word}`];
    const [, option, value] = SHORT_WITH_VALUE.exec(word) ?? [];
    return option !== undefined ? [option, value!] : [word];
  });
}
