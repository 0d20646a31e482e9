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

/** The same words with `--` before the long options. */
export function withTwoDashes(words: readonly string[]): string[] {
  return words.map((word) => ONE_DASH.test(word) ? `-${word}` : word);
}
