/**
 * Tells people why a server does not answer. The gRPC library describes a failure in a long text,
 * of which only the last error matters.
 * @module
 */

/** The server closed the connection, or never accepted it. */
export const CONNECTION_LOST = "the connection is lost";

/**
 * The last error in the details of a call that failed with UNAVAILABLE, without the name of the
 * target.
 */
export function reasonIn(details: string): string {
  const [, last] = /Last error: (.*?)\.?(?: ?Resolution note:.*)?$/s.exec(details) ?? [];
  const text = (last ?? details).replace(/^Error(?: \[\w+\])?: /, "").replace(TIME, "").trim();
  if (/ECONNREFUSED/.test(text)) return "the connection is refused";
  if (/ENOTFOUND|Name resolution failed/.test(text)) return "the name is unknown";
  if (
    /^(?:Connection dropped|read ECONNRESET|Stream refused|Failed to connect|write EPIPE)/.test(
      text,
    )
  ) {
    return CONNECTION_LOST;
  }
  return text || CONNECTION_LOST;
}

/** The time that the library appends to an error. */
const TIME = / \(\d{4}-\d\d-\d\dT[\d:.]+Z\)$/;
