/**
 * Processes that outlive the daemon, told apart by more than their number: a number is given again to
 * another process, and after a reboot so is the time at which it started.
 * @module
 */
import process from "node:process";

/** One process, for ever. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks since boot at which it started: field 22 of `/proc/PID/stat` (proc(5)). */
  readonly startTicks: number;
  /** The boot in which it ran. */
  readonly bootId: string;
}

/** How often a process is looked at that is about to end. */
const LOOK_MS = 20;

/** The boot we are in. */
export function bootId(): string {
  return Deno.readTextFileSync("/proc/sys/kernel/random/boot_id").trim();
}

/** The process that has this number now; undefined where there is none, or only its exit status. */
export function processOf(pid: number): ProcessId | undefined {
  const startTicks = startTicksOf(pid);
  return startTicks === undefined ? undefined : { pid, startTicks, bootId: bootId() };
}

/** Whether it still runs. */
export function isAlive({ pid, startTicks, bootId: boot }: ProcessId): boolean {
  return startTicksOf(pid) === startTicks && boot === bootId();
}

/** Sends a signal, where it still runs. */
export function signal(id: ProcessId, name: Deno.Signal): void {
  if (!isAlive(id)) return;
  try {
    Deno.kill(id.pid, name);
  } catch {
    // It ended in between.
  }
}

/** Sends SIGKILL to a whole process group. */
export function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // All of it has ended.
  }
}

/** Resolves to whether it has ended within `ms`, or until `hurry` is raised. */
export async function hasEnded(id: ProcessId, ms: number, hurry?: AbortSignal): Promise<boolean> {
  const deadline = Date.now() + ms;
  while (isAlive(id)) {
    if (Date.now() >= deadline || hurry?.aborted) return false;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return true;
}

function startTicksOf(pid: number): number | undefined {
  let stat: string;
  try {
    stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  } catch {
    return undefined;
  }
  return parseStartTicks(stat);
}

/**
 * Field 22 of a line of `/proc/PID/stat`; undefined of a process that is dead and only waits for its
 * parent (states Z and X). Field 2, the name, is in parentheses and may hold any character.
 */
export function parseStartTicks(stat: string): number | undefined {
  const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (state === "Z" || state === "X") return undefined;
  const ticks = Number(fields[18]);
  return Number.isFinite(ticks) ? ticks : undefined;
}
