/**
 * Settings of the kernel below `/proc/sys`, read and changed.
 * @module
 */

/** The number that a setting has, such as `net/core/rmem_max`; undefined: there is no such setting here. */
export function readSetting(name: string): number | undefined {
  try {
    const value = Number(Deno.readTextFileSync(`/proc/sys/${name}`).trim().split(/\s+/)[0]);
    return Number.isFinite(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Changes a setting; returns whether the kernel has taken it. */
export function writeSetting(name: string, value: number): boolean {
  try {
    Deno.writeTextFileSync(`/proc/sys/${name}`, `${value}\n`, { create: false });
    return readSetting(name) === value;
  } catch {
    return false;
  }
}
