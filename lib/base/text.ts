/**
 * Texts of bounded length: what a peer sent may be said, but not all of it.
 * @module
 */

/** The text, or its first `max` characters and how many more there are. */
export function clipped(text: string, max: number): string {
  if (text.length <= max) return text;
  return `${text.slice(0, max)}… (${text.length - max} characters more)`;
}
