/**
 * A CPU profile of this process by V8's sampling profiler, in the form that Chrome's and other
 * developers' tools open (`.cpuprofile`).
 * @module
 */
import { tellLine } from "@/files/terminal.ts";
import { Session } from "node:inspector/promises";
import { SecretFile } from "@/report/secret_file.ts";

/** Between two samples: a second of profile takes some kilobytes. */
const INTERVAL_US = 2_000;
/** A profile is kept in memory until it is written: it ends here, whatever goes on. */
const LENGTH_MS_MAX = 30 * 60_000;

/** A profile that is being taken. */
export class CpuProfile {
  readonly #path: string;
  readonly #file: SecretFile;
  readonly #session = new Session();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #over: Promise<void> | undefined;

  /**
   * Begins it; `option` is what asked for it on the command line.
   * @throws {SetupError} where the file cannot be written.
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
    // It keeps nothing from ending.
    Deno.unrefTimer(Number(this.#timer));
  }

  /** Ends it and writes the file; again it does nothing. */
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
