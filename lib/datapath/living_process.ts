/**
 * Tells whether a process that has a journal on this machine still lives, and identifies network namespaces.
 * @module
 */

/** A process by its number and its start time, as numbers are used again. */
export interface ProcessName {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, in clock ticks since boot. */
  readonly startTime: string;
}

/** The number and the start time of this process. */
export function ownProcess(): ProcessName {
  return { pid: Deno.pid, startTime: startTimeOf(Deno.pid) ?? "" };
}

/** Whether a process lives. */
export function isLiving({ pid, startTime }: ProcessName): boolean {
  return startTimeOf(pid) === startTime;
}

/** The number of this process's network namespace, or of one that is named by a path. */
export function namespaceNumber(path?: string): number {
  return Deno.statSync(path ?? "/proc/self/ns/net").ino ?? 0;
}

/** The start time of a process; undefined: there is no such process. */
function startTimeOf(pid: number): string | undefined {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    // The process's name stands before it, and may hold anything, parentheses too.
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
