/**
 * The command-line options of `myikev2 test`, as its parts use them.
 * @module
 */
import type { Slice } from "@/base/slice.ts";
import type { OutputFlags } from "@/cli/output_options.ts";

/** The command-line options of a run, beside the setup. */
export interface RunSetupOptions {
  readonly json: boolean;
  readonly logFile: string;
  readonly crashFile: string;
  readonly flush: boolean | "force";
  /** Whether limits of the kernel that do not suffice are raised for as long as the test runs. */
  readonly tune: boolean;
  readonly verify: boolean;
  readonly lenient: boolean;
  /**
   * Names or numbers of users of this host whom the API trusts, beside root and the user of this
   * process.
   */
  readonly allowUser: readonly string[];
  /** Whether the API trusts callers on other hosts without a certificate. */
  readonly insecure: boolean;
  readonly hold: boolean;
  /** Whether the shell of the test is opened on its terminal. */
  readonly shell: boolean;
  /** Whether a CPU profile is written beside the log file. */
  readonly profile: boolean;
  readonly pcap: string | undefined;
  readonly pcapTunnel: number | undefined;
  /** MB. */
  readonly pcapSize: number | undefined;
  readonly keylog: string | undefined;
  /** Which of the tunnels are made; undefined: all. */
  readonly slice: Slice | undefined;
  /** When the run begins, in milliseconds since 1970; undefined: at once. */
  readonly startAtMs: number | undefined;
  readonly outputs: OutputFlags;
}
