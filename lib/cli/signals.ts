/**
 * What ends a run from outside: SIGINT and SIGTERM (the first asks for a graceful end, the second ends
 * at once, a third does not wait for anything), the terminal that goes, and errors nobody caught.
 * @module
 */

/** Requests that are still answered by tidying up. */
const PATIENT_REQUESTS = 2;
/** Bit of SIGHUP in the `SigIgn` mask of `/proc/self/status`. */
const SIGHUP_BIT = 1n;

/** Calls `stop` for each signal, `again` from the second on; the function returned forgets them. */
export function onSignals(stop: (again: boolean) => void): () => void {
  let seen = 0;
  const heard = () => {
    if (++seen > PATIENT_REQUESTS) Deno.exit(1);
    stop(seen > 1);
  };
  const signals: Deno.Signal[] = ["SIGINT", "SIGTERM"];
  // Under nohup a test goes on when its terminal is gone.
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

/** The first error that nobody catches, while it is watched for. */
export interface CrashWatch {
  /** Never resolves; rejects with that error. */
  readonly crashed: Promise<never>;
  /** From now on the runtime ends the process, as usual. */
  forget(): void;
}

/** Begins to watch: what would end the process ends the run instead, and so is told in its result. */
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
