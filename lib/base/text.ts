/**
 * Shortens texts, such as those of a peer, to a bounded length.
 * @module
 */

/** The text, or its first `max` characters and the number of the others. */
export function clipped(text: string, max: number): string {
  if (text.length <= max) return text;
  return `${text.slice(0, max)}… (${text.length - max} characters more)`;
}
