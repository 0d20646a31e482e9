/**
 * Text from elsewhere that is to be read by people: what a peer, another host or a file says may hold
 * sequences that steer a terminal, or marks that make a line look like another one.
 * @module
 */

/** Controls but line feed and tab, marks without a shape of their own, other line ends, half characters. */
const INVISIBLE = /(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;

/**
 * The same text with a JSON escape (`\u001b`) in place of each character that cannot be seen; lines and tabs
 * stay. A line of JSON means the same afterwards.
 */
export function printable(text: string): string {
  return text.replace(INVISIBLE, escaped);
}

/** The same in one line. */
export function printableLine(text: string): string {
  return printable(text).replaceAll("\n", "\\n").replaceAll("\t", "\\t");
}

/** The same for a line of a log: what follows the first line is indented, so that it looks like no other entry. */
export function printableEntry(text: string): string {
  return printable(text).replaceAll("\n", "\n  ");
}

/** One escape for each UTF-16 code unit. */
function escaped(character: string): string {
  let words = "";
  for (let i = 0; i < character.length; i++) {
    words += `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`;
  }
  return words;
}
