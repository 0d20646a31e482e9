/**
 * The messages of `proto/myikev2/daemonapi/daemonapi.proto` as they are sent, and its calls.
 *
 * Written by scripts/api_types.ts: change the proto file, and run that.
 * @module
 */
import type { UnaryCall } from "@/api/call_types.ts";
import type { ListPingResult, SummaryResp } from "@/api/proto/api.ts";
import type {
  ClearPingStatsReqRead,
  DefineGenericTestReqRead,
  DestroyReqRead,
  EmptyRead,
  ListTestStatusRespRead,
  StatusReqRead,
  StatusRespRead,
} from "@/api/proto/daemonapi_read.ts";

/** No arguments, or nothing to say. */
export type Empty = Readonly<Record<string, never>>;

/** An instance that runs a myikev2 test (Type 1). */
export interface DefineMyIKEv2TestReq {
  /**
   * The setup's text; relative paths in it start at LogDir. One that does not verify is
   * INVALID_ARGUMENT with the words of `test --verify`, its file called NAME.yaml. An apilistenaddr that
   * is empty or loopback becomes the next free management address, an apilistenport of 0 becomes 12330.
   */
  readonly Setup?: string | undefined;
  /**
   * Directory on the daemon's host, absolute, created if missing; empty: /var/log/myikev2/NAME. In it are
   * NAME.yaml (the setup as it runs), NAME.result.json (docs/results.md), NAME.log, NAME.output, and
   * NAME.crash where there was one.
   */
  readonly LogDir?: string | undefined;
}

/**
 * Any other program, run by commands in a network namespace of its own. Several commands are
 * separated by semicolons outside quotes; each is run by `/bin/sh -c` with MYIKEV2_NAME,
 * MYIKEV2_DATAIF and MYIKEV2_MGMTADDR set, in /var/log/myikev2/NAME, where NAME.log has output and
 * status. One that fails or takes longer than `--cmdtimeout` stops the rest: DestroyCMDs are run,
 * everything is undone, and Define is ABORTED. What a command has left in the background goes on until
 * the test is destroyed.
 */
export interface DefineOtherTestReq {
  /** Run first, when namespace and interface are ready. */
  readonly SetupCMDs?: string | undefined;
  /** Run after them; they start the program. When all have ended well, the test is running. */
  readonly UpCMDs?: string | undefined;
  /**
   * Run at the end, all of them, whatever the others say; then what still runs in the namespace is
   * ended.
   */
  readonly DestroyCMDs?: string | undefined;
  /**
   * Interface that is moved into the namespace, and given back at the end with the addresses and
   * routes that it had; empty: none.
   */
  readonly DataIf?: string | undefined;
  /** Address and prefix length of that interface inside; empty: none. */
  readonly DataIfAddr?: string | undefined;
}

/** A test to start. Exactly the sub-message of Type is set. */
export interface DefineGenericTestReq {
  /** 1: a myikev2 test; 2: another program. */
  readonly Type?: number | undefined;
  /** The name that the other calls know it by. */
  readonly Name?: string | undefined;
  /** Set with Type 1. */
  readonly MyIKEv2Test?: DefineMyIKEv2TestReq | null | undefined;
  /** Set with Type 2. */
  readonly OtherTest?: DefineOtherTestReq | null | undefined;
  /**
   * Whether a test of the same name is destroyed first; otherwise a taken name is ALREADY_EXISTS, unless
   * that test could not start.
   */
  readonly Override?: boolean | undefined;
}

/** Which test is wanted. */
export interface StatusReq {
  /** Its name; an unknown one is NOT_FOUND. */
  readonly Name?: string | undefined;
}

/** How a test stands. */
export interface StatusResp {
  /**
   * 1 starting, 2 running, 3 ended passed (or stopped with nothing failed), 4 ended failed, 5 could not
   * start, 6 destroying, 7 died without a result. Type 2 knows 1, 2, 5 and 6: 5 also where its last
   * process has ended; one whose commands left no process running stays in 2.
   */
  readonly State?: number | undefined;
}

/** One test of the list. */
export interface ListTestStatusEntry {
  /** Its name. */
  readonly Name?: string | undefined;
  /** 1: a myikev2 test; 2: another program. */
  readonly Type?: number | undefined;
  /** Management address of its Test API, reachable from the host; Type 2, or a test that is dead: empty. */
  readonly APIAddr?: Uint8Array | undefined;
  /** Port of its Test API; Type 2, or a test that is dead: 0. */
  readonly APIPort?: number | undefined;
  /**
   * Its summary, asked live. Of one that does not answer within half a second the last one known, and
   * LastErrMsg says of when; of one that died without a result the last one too, with Result 2 and
   * LastErrMsg; of one that never had any, LastErrMsg alone says why. Type 2: absent.
   */
  readonly Status?: SummaryResp | null | undefined;
  /** Its ping results; of many tasks the first ones, the totals of all. */
  readonly PingResults?: ListPingResult | null | undefined;
}

/** All tests of the host. */
export interface ListTestStatusResp {
  /** One entry a test. */
  readonly results?: readonly ListTestStatusEntry[] | undefined;
}

/** Which test is destroyed, and how. */
export interface DestroyReq {
  /** Its name; an unknown one is gone already, and that is OK. */
  readonly Name?: string | undefined;
  /** Whether its peers are told first. */
  readonly Gracefully?: boolean | undefined;
}

/** Whose ping counters are set to zero. */
export interface ClearPingStatsReq {
  /** Its name; an unknown one is NOT_FOUND. */
  readonly Name?: string | undefined;
}

/** The tests of one host. */
export interface MyIKEv2DaemonAPISvc {
  /**
   * Starts a test. Type 1: answers when its process is started, and Status tells how it goes on; Type 2:
   * when all its commands have ended.
   */
  readonly Define: UnaryCall<DefineGenericTestReq, DefineGenericTestReqRead, Empty, EmptyRead>;
  /** How one test stands. */
  readonly Status: UnaryCall<StatusReq, StatusReqRead, StatusResp, StatusRespRead>;
  /** All tests, asked live. */
  readonly List: UnaryCall<Empty, EmptyRead, ListTestStatusResp, ListTestStatusRespRead>;
  /** Ends a test and removes what was made for it; commands under way are ended, too. */
  readonly Destroy: UnaryCall<DestroyReq, DestroyReqRead, Empty, EmptyRead>;
  /** Sets ping counters to zero. */
  readonly ClearPingStats: UnaryCall<ClearPingStatsReq, ClearPingStatsReqRead, Empty, EmptyRead>;
}
