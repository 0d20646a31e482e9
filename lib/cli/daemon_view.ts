/**
 * The instances of a daemon as its page shows them.
 * @module
 */
import type { Instance } from "@/daemon/instance.ts";
import type { Instances } from "@/daemon/instances.ts";
import { InstanceState, InstanceType } from "@/daemon/record.ts";
import { LEFT_OUT } from "@/report/masking.ts";
import type { DaemonView, InstanceFigures, InstanceRow } from "@/web/instance_row.ts";

const STATES: Readonly<Record<InstanceState, string>> = {
  [InstanceState.STARTING]: "starting",
  [InstanceState.RUNNING]: "running",
  [InstanceState.PASSED]: "passed",
  [InstanceState.FAILED]: "failed",
  [InstanceState.COULD_NOT_START]: "could not start",
  [InstanceState.DESTROYING]: "being destroyed",
  [InstanceState.DIED]: "died",
};

/** `Role` and `Result` of a SummaryResp in words. */
const ROLES: readonly string[] = ["–", "client", "gateway"];
const VERDICTS: readonly string[] = ["running", "passed", "failed", "stopped"];

/** What the page of a daemon asks. With `masks`, sentences that may contain an identity are left out. */
export function daemonView(instances: Instances, masks: boolean): DaemonView {
  return {
    instances: async () => (await instances.list()).map((one) => rowOf(one, masks)),
    serverOf: (name) => instances.named(name)?.webServer,
    resultOf: (name) => instances.named(name)?.resultText(),
  };
}

function rowOf(instance: Instance, masks: boolean): InstanceRow {
  const { record, whyOutdated, webServer } = instance;
  const { summary } = record;
  const reason = whyOutdated ?? ((summary?.LastErrMsg ?? "") || record.reason);
  return {
    name: record.name,
    type: record.type === InstanceType.OURS ? "myikev2" : "other",
    state: STATES[record.state],
    verdict: summary ? VERDICTS[summary.Result] : undefined,
    reason: masks && reason !== "" ? LEFT_OUT : reason,
    figures: figuresOf(instance),
    hasPage: webServer !== undefined || instance.hasResult,
  };
}

function figuresOf({ record: { summary, ping } }: Instance): InstanceFigures | undefined {
  if (!summary) return undefined;
  return {
    role: ROLES[summary.Role] ?? "–",
    configured: Number(summary.Configured_count),
    established: Number(summary.NumOfCreatedTunnel),
    live: Number(summary.Live_count),
    halfOpen: Number(summary.Ikesa_state_init) + Number(summary.Ikesa_state_created),
    setupRate: Number(summary.SetupRate),
    pingsSent: Number(ping?.TotalSent ?? 0),
    pingsAnswered: Number(ping?.TotalRecv ?? 0),
  };
}
