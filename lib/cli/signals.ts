/**
 * Ends a run from outside: on SIGINT and SIGTERM (the first asks for a graceful end, the second
 * ends at once, a third does not wait for anything), when the terminal goes away, and on errors
 * that nobody has caught.
 * @module
 */

/** Number of requests to end after which the process still cleans up. */
const GRACEFUL_REQUESTS_MAX = 2;
/** Bit of SIGHUP in the `SigIgn` mask of `/proc/self/status`. */
const SIGHUP_BIT = 1n;

/**
 * Calls `stop` at each signal, with `again` from the second on; returns a function that stops
 * listening.
 */
export function onSignals(stop: (again: boolean) => void): () => void {
  let seen = 0;
  const heard = () => {
    if (++seen > GRACEFUL_REQUESTS_MAX) Deno.exit(1);
    stop(seen > 1);
  };
  const signals: Deno.Signal[] = ["SIGINT", "SIGTERM"];
  // Under nohup a test continues when its terminal goes away.
  if (!isHangUpIgnored()) signals.push("SIGHUP");
  for (const signal of signals) Deno.addSignalListener(signal, heard);
  return () => {
    for (const signal of signals) Deno.removeSignalListener(signal, heard);
  };
}

function isHangUpIgnored(): boolean {
  try {
    const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1];
    return (BigInt(`0x${mask ?? "0"}`) & SIGHUP_BIT) !== 0n;
  } catch {
    return false;
  }
}

/** Watches for an error that nobody catches. */
export interface CrashWatch {
  /** Never resolves; rejects with the first uncaught error. */
  readonly crashed: Promise<never>;
  /** Stops watching, so that the runtime again ends the process at such an error. */
  forget(): void;
}

/**
 * Begins to watch. An error that would end the process ends the run instead, and is reported in its
 * result.
 */
export function watchForCrash(): CrashWatch {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => {}); // Whoever runs something races it; nobody else need hear of it.
  const threw = (event: ErrorEvent) => {
    event.preventDefault();
    reject(event.error);
  };
  const rejected = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    reject(event.reason);
  };
  globalThis.addEventListener("error", threw);
  globalThis.addEventListener("unhandledrejection", rejected);
  return {
    crashed: promise,
    forget() {
      globalThis.removeEventListener("error", threw);
      globalThis.removeEventListener("unhandledrejection", rejected);
    },
  };
}
