/**
 * SIGINT and SIGTERM: the first asks for a graceful end, the second ends at once.
 * @module
 */

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Calls `stop` for each signal, `again` from the second on; the function returned forgets them. */
export function onSignals(stop: (again: boolean) => void): () => void {
  let seen = 0;
  const heard = () => stop(seen++ > 0);
  for (const signal of SIGNALS) Deno.addSignalListener(signal, heard);
  return () => {
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, heard);
  };
}
