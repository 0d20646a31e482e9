/**
 * Escapes text from elsewhere before people read it: text of a peer, another host or a file may contain
 * sequences that steer a terminal, or characters that make a line look different.
 * @module
 */

/**
 * Control characters except line feed and tab, characters without a glyph, other line ends, and lone
 * surrogates.
 */
const INVISIBLE = /(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;

/**
 * A text with a JSON escape (`\u001b`) in place of each invisible character, except line feeds and tabs. The
 * meaning of a line of JSON stays the same.
 */
export function printable(text: string): string {
  return text.replace(INVISIBLE, escaped);
}

/** The escaped text in one line. */
export function printableLine(text: string): string {
  return printable(text).replaceAll("\n", "\\n").replaceAll("\t", "\\t");
}

/** The escaped text for a log: further lines are indented, so that none looks like another entry. */
export function printableEntry(text: string): string {
  return printable(text).replaceAll("\n", "\n  ");
}

/** An escape for each UTF-16 code unit. */
function escaped(character: string): string {
  let words = "";
  for (let i = 0; i < character.length; i++) {
    words += `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`;
  }
  return words;
}
