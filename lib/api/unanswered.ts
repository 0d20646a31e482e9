/**
 * Why a server does not answer, in words for people: the library tells a story of which one sentence
 * matters.
 * @module
 */

/** The other end went away, or never took the connection. */
export const CONNECTION_LOST = "the connection is lost";

/** The last error of a call that is UNAVAILABLE, by its details; without the target's name. */
export function reasonIn(details: string): string {
  const [, last] = /Last error: (.*?)\.?(?: ?Resolution note:.*)?$/s.exec(details) ?? [];
  const words = (last ?? details).replace(/^Error(?: \[\w+\])?: /, "").replace(TIME, "").trim();
  if (/ECONNREFUSED/.test(words)) return "the connection is refused";
  if (/ENOTFOUND|Name resolution failed/.test(words)) return "the name is unknown";
  if (
    /^(?:Connection dropped|read ECONNRESET|Stream refused|Failed to connect|write EPIPE)/.test(
      words,
    )
  ) {
    return CONNECTION_LOST;
  }
  return words || CONNECTION_LOST;
}

/** When the library heard of an error. */
const TIME = / \(\d{4}-\d\d-\d\dT[\d:.]+Z\)$/;
