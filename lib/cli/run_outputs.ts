/**
 * The files that a run writes at its end, and the timeline that they need.
 * @module
 */
import { DEFAULT_STEP_MS, type OutputFlags } from "@/cli/output_options.ts";
import { adviceOf as advice } from "@/cli/explain.ts";
import type { RunHooks } from "@/engine/run/hooks.ts";
import { TunnelLog } from "@/engine/show/tunnel_log.ts";
import type { FinalResult, RunView } from "@/engine/show/view.ts";
import { tellLine } from "@/files/terminal.ts";
import { csvLines } from "@/report/csv.ts";
import { hdrLogLines } from "@/report/hdr_log.ts";
import { junitOf } from "@/report/junit.ts";
import { reportPage } from "@/report/report_page.ts";
import { resultOf, type RunResultJson } from "@/report/result.ts";
import { SecretFile } from "@/report/secret_file.ts";
import { TimelineClock } from "@/report/timeline_clock.ts";
import type { Timeline } from "@/report/timeline.ts";
import type { WebServerOptions } from "@/web/http_server.ts";
import type { RunSite } from "@/web/run_site.ts";

/** Octets that are gathered before they are written. */
const CHUNK_OCTETS = 1 << 16;

/** The output files of one run. */
export class RunOutputs {
  /** What the run must record for these files. */
  readonly hooks: Pick<RunHooks, "tunnels">;
  readonly #flags: OutputFlags;
  readonly #csv: SecretFile | undefined;
  readonly #junit: SecretFile | undefined;
  readonly #hdrLog: SecretFile | undefined;
  readonly #report: SecretFile | undefined;
  readonly #tunnels: TunnelLog | undefined;
  #site: RunSite | undefined;
  #clock: TimelineClock | undefined;
  #timeline: Timeline | undefined;

  /**
   * Opens the files, so that a file which cannot be written is reported before the run. @throws
   * {SetupError}
   */
  constructor(flags: OutputFlags) {
    const open = (path: string | undefined, option: string) =>
      path === undefined ? undefined : new SecretFile(path, option);
    this.#flags = flags;
    this.#csv = open(flags.csv, "--csv");
    this.#junit = open(flags.junit, "--junit");
    this.#hdrLog = open(flags.hdrlog, "--hdrlog");
    this.#report = open(flags.report, "--report");
    this.#tunnels = this.#csv && new TunnelLog();
    this.hooks = this.#tunnels ? { tunnels: this.#tunnels } : {};
  }

  /** Serves the live page of a run, where `--web` asks for it. @throws {SetupError} */
  async serve(run: RunView, how: Pick<WebServerOptions, "tls" | "trust">): Promise<void> {
    const { web, maskIdentities } = this.#flags;
    if (!web) return;
    // Loaded where it is asked for alone: a web server takes 5 MB.
    const { serveRun } = await import("@/web/run_site.ts");
    const timeline = () => this.#clock?.timeline;
    const masks = maskIdentities ?? false;
    this.#site = await serveRun(run, { ...web, ...how, timeline, masks, advice });
    tellLine(`live page at ${this.#site.url}, metrics at ${this.#site.url}metrics`);
  }

  /** Closes the live page, after its last change has left. */
  async closeSite(): Promise<void> {
    await this.#site?.close();
  }

  /** Begins the timeline with the run. */
  begin(run: RunView): void {
    const { timeline, web } = this.#flags;
    if (timeline === undefined && !this.#hdrLog && !this.#report && !web) return;
    this.#clock = new TimelineClock(run, timeline ?? DEFAULT_STEP_MS);
  }

  /** The result of the run, with its timeline if that was asked for. */
  resultOf(final: FinalResult): RunResultJson {
    this.#timeline = this.#clock?.finish(final);
    this.#site?.finish(final);
    return resultOf(final, this.#timeline);
  }

  /** Writes the files. A run that never began has neither tunnels nor latencies. */
  write(result: RunResultJson): void {
    const masks = this.#flags.maskIdentities ?? false;
    if (this.#junit) writeAll(this.#junit, [junitOf(result, masks)]);
    if (this.#report) writeAll(this.#report, [reportPage(result, { masks, advice })]);
    if (this.#hdrLog && this.#timeline) writeAll(this.#hdrLog, hdrLogLines(this.#timeline));
    if (!this.#csv || !this.#tunnels) return;
    writeAll(this.#csv, csvLines(this.#tunnels.records(), masks));
    const { leftOut } = this.#tunnels;
    if (leftOut > 0) {
      tellLine(`myikev2: ${this.#flags.csv} lacks ${leftOut} tunnels, as their number is limited`);
    }
  }

  /** Ends the timeline, and closes the files. */
  close(): void {
    this.#clock?.stop();
    for (const file of [this.#csv, this.#junit, this.#hdrLog, this.#report]) file?.close();
  }
}

/** Writes lines, several at a time. */
function writeAll(file: SecretFile, lines: Iterable<string>): void {
  const encoder = new TextEncoder();
  let chunk = "";
  for (const line of lines) {
    chunk += line;
    if (chunk.length < CHUNK_OCTETS) continue;
    file.write(encoder.encode(chunk));
    chunk = "";
  }
  if (chunk) file.write(encoder.encode(chunk));
}
