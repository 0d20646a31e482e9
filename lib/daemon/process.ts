/**
 * Identifies processes that outlive the daemon. A process number is reused by later processes, and its start
 * time in clock ticks may repeat after a reboot, so an identity has number, start time and boot.
 * @module
 */
import process from "node:process";

/** Identity of one process, never shared with another one. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks since boot at which it started: field 22 of `/proc/PID/stat` (proc(5)). */
  readonly startTicks: number;
  /** The boot in which it ran. */
  readonly bootId: string;
}

/** Polling interval while a process is expected to end, in milliseconds. */
const LOOK_MS = 20;

/** Identifier of the present boot. */
export function bootId(): string {
  return Deno.readTextFileSync("/proc/sys/kernel/random/boot_id").trim();
}

/** Identity of the process that has this number now; undefined if there is none, or it is a zombie. */
export function processOf(pid: number): ProcessId | undefined {
  const startTicks = startTicksOf(pid);
  return startTicks === undefined ? undefined : { pid, startTicks, bootId: bootId() };
}

/** Whether the process still runs. */
export function isAlive({ pid, startTicks, bootId: boot }: ProcessId): boolean {
  return startTicksOf(pid) === startTicks && boot === bootId();
}

/** Sends a signal if the process still runs. */
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

/** Waits until the process ends, for at most `ms` milliseconds or until `hurry` is aborted; says whether it has. */
export async function hasEnded(id: ProcessId, ms: number, hurry?: AbortSignal): Promise<boolean> {
  const deadline = Date.now() + ms;
  while (isAlive(id)) {
    if (Date.now() >= deadline || hurry?.aborted) return false;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return true;
}

/** Inode numbers of the network namespaces in which something runs. */
export function namespacesInUse(): Set<number> {
  const inUse = new Set<number>();
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const [, inode] = /^net:\[(\d+)\]$/.exec(Deno.readLinkSync(`/proc/${name}/ns/net`)) ?? [];
      if (inode !== undefined) inUse.add(Number(inode));
    } catch {
      // It ended in between, or only waits for its parent.
    }
  }
  return inUse;
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
