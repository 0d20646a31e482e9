/**
 * A line of the shell as words: quotes, and the options that the field writes with one dash.
 * @module
 */

/** Long options of the shell that are written `-start` as well as `--start`. */
const ONE_DASH = /^-(start|len|kw|json|level)(?=$|=)/;

/**
 * The words of a line: split at blanks outside `'…'` and `"…"`; a backslash takes the next character as
 * it is, but not within `'…'`. Nothing where a quote is open.
 */
export function wordsOf(line: string): string[] | undefined {
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

/** `-g=false`: a short option and its value. */
const SHORT_WITH_VALUE = /^(-[a-z])=(.*)$/s;

/**
 * The same words with `--` before the long options, and with the value of a short option as a word of
 * its own: the field writes `-g=false` for `-g false`.
 */
export function withTwoDashes(words: readonly string[]): string[] {
  return words.flatMap((word) => {
    if (ONE_DASH.test(word)) return [`-${word}`];
    const [, option, value] = SHORT_WITH_VALUE.exec(word) ?? [];
    return option !== undefined ? [option, value!] : [word];
  });
}
