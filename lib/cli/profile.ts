/**
 * Takes a CPU profile of this process by V8's sampling profiler, in the format (`.cpuprofile`) that the
 * developer tools of Chrome and others read.
 * @module
 */
import { tellLine } from "@/files/terminal.ts";
import { Session } from "node:inspector/promises";
import { SecretFile } from "@/report/secret_file.ts";

/** Microseconds between two samples; a second of profile takes some kilobytes. */
const INTERVAL_US = 2_000;
/** Longest duration of a profile in milliseconds, as it is kept in memory until it is written. */
const LENGTH_MS_MAX = 30 * 60_000;

/** A profile that is being taken. */
export class CpuProfile {
  readonly #path: string;
  readonly #file: SecretFile;
  readonly #session = new Session();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #over: Promise<void> | undefined;

  /**
   * Starts a profile; `option` is the command-line option that asked for it.
   * @throws {SetupError} if the file cannot be written.
   */
  static async start(path: string, option: string): Promise<CpuProfile> {
    const profile = new CpuProfile(path, option);
    await profile.#begin();
    return profile;
  }

  private constructor(path: string, option: string) {
    this.#path = path;
    this.#file = new SecretFile(path, option);
  }

  async #begin(): Promise<void> {
    this.#session.connect();
    await this.#session.post("Profiler.enable");
    await this.#session.post("Profiler.setSamplingInterval", { interval: INTERVAL_US });
    await this.#session.post("Profiler.start");
    this.#timer = setTimeout(() => this.stop(), LENGTH_MS_MAX);
    // The timer does not keep the process alive.
    Deno.unrefTimer(Number(this.#timer));
  }

  /** Ends the profile and writes the file. Later calls do nothing. */
  stop(): Promise<void> {
    return this.#over ??= this.#end();
  }

  async #end(): Promise<void> {
    clearTimeout(this.#timer);
    const { profile } = await this.#session.post("Profiler.stop") as { profile: unknown };
    this.#session.disconnect();
    this.#file.write(new TextEncoder().encode(`${JSON.stringify(profile)}\n`));
    this.#file.close();
    tellLine(`wrote the CPU profile ${this.#path}`);
  }
}
