/**
 * Makes the run of a setup, by this thread or by several workers, with what it needs to be closed again.
 * @module
 */
import type { Slice } from "@/base/slice.ts";
import { Progress } from "@/cli/progress.ts";
import type { RunSetupOptions } from "@/cli/run_setup_options.ts";
import {
  environment,
  openAuth,
  openShardSockets,
  openTransport,
  type PositionOf,
  prepareRun,
} from "@/engine/run/prepare.ts";
import type { RunHooks } from "@/engine/run/hooks.ts";
import { RunAnswers } from "@/engine/run/run_answers.ts";
import { warmUpFirst } from "@/engine/run/warm_up.ts";
import { ShardedRun } from "@/engine/shards/sharded_run.ts";
import type { EventHub } from "@/engine/show/event_hub.ts";
import type { RunView } from "@/engine/show/view.ts";
import type { IkeEnv } from "@/ike/records/sa.ts";
import type { OpenedAuth } from "@/engine/run/prepare.ts";
import { openRunFiles } from "@/report/run_files.ts";
import type { Setup } from "@/setup/setup.ts";
import type { Transport } from "@/transport/transport.ts";

/** A run that can begin. */
export interface PreparedRun {
  readonly view: RunView;
  /** Its ports and its means, for the user. */
  readonly ports: string;
  readonly means: string;
  start(): void;
}

/** What a run is made of. */
export interface RunParts {
  readonly setup: Setup;
  readonly text: string;
  readonly file: string;
  readonly positionOf: PositionOf;
  readonly notYet: readonly string[];
  readonly options: RunSetupOptions;
  readonly events: EventHub;
  readonly hooks: RunHooks;
  /** The number of workers. */
  readonly shards: number;
  /** Reports a warning. */
  readonly warn: (words: string) => void;
  /** Registers what has to be closed at the end. */
  readonly atEnd: (undo: () => void | Promise<void>) => void;
}

/** The environment and the authentication of a run, which are made before anything of the host is changed. */
export interface RunBasis {
  readonly env: IkeEnv;
  readonly auth: OpenedAuth;
}

/** Checks algorithms and files of a setup, and opens what authentication needs. @throws {SetupError} */
export async function prepareBasis(parts: RunParts): Promise<RunBasis> {
  const { setup, positionOf, events, warn, atEnd, shards } = parts;
  const env = await environment(setup, positionOf);
  const note = (words: string) => events.publish(4, words);
  if (shards === 1) await warmUpFirst(setup, env.crypto, { note, warn });
  const reading = new Progress("reading certificates");
  const auth = await openAuth(setup, env, {
    positionOf,
    progress: (done, of) => reading.told(done, of, "pairs of certificate and key"),
    note,
    warn,
  }).finally(() => reading.end());
  // Each worker opens its own, once it is known that this can be done.
  if (shards > 1) auth.close();
  else atEnd(() => auth.close());
  return { env, auth };
}

/** Makes the run. @throws {SetupError | SystemError} */
export function makeRun(parts: RunParts, basis: RunBasis): Promise<PreparedRun> {
  return parts.shards > 1 ? bySeveral(parts) : Promise.resolve(byOne(parts, basis));
}

function byOne(parts: RunParts, { env, auth }: RunBasis): PreparedRun {
  const { setup, options, events, file, hooks, notYet, warn, atEnd } = parts;
  const { slice } = options;
  const transport = openTransport(setup, warn, slice);
  atEnd(() => transport.close());
  for (const note of transport.notes ?? []) warn(note);
  const recorders = openRunFiles(options);
  atEnd(() => recorders.close());
  const run = prepareRun(setup, {
    env,
    auth,
    transport,
    events,
    setupFileName: file,
    hooks: { ...recorders.hooks, ...hooks },
    notYet,
    slice,
  });
  return {
    view: new RunAnswers(run),
    ports: showPorts(transport),
    means: `${transport.name} transport, ${env.crypto.name} crypto`,
    start: () => run.start(),
  };
}

async function bySeveral(parts: RunParts): Promise<PreparedRun> {
  const { setup, text, file, options, events, shards, atEnd } = parts;
  const { lenient } = options;
  const slice: Slice | undefined = options.slice;
  const recorders = openRunFiles(options);
  atEnd(() => recorders.close());
  const hooks = { ...recorders.hooks, ...parts.hooks };
  const sockets = openShardSockets(setup, shards, slice);
  const run = new ShardedRun({ setup, text, file, lenient, slice, sockets, events, hooks });
  atEnd(() => run.close());
  const ready = await run.make();
  const { ikePort, nattPort, transport, crypto } = ready;
  return {
    view: run,
    ports: showPorts({ ikePort, nattPort }),
    means: `${transport} transport, ${crypto} crypto, ${shards} workers`,
    start: () => run.start(),
  };
}

function showPorts(
  { ikePort, nattPort, connections }: Pick<Transport, "ikePort" | "nattPort" | "connections">,
): string {
  const tcp = connections && `TCP port ${connections.port}`;
  // A transport of TCP alone uses the same port as the IKE port.
  if (tcp && nattPort === undefined && connections.port === ikePort) return tcp;
  const udp = `UDP port ${ikePort}${nattPort === undefined ? "" : ` and ${nattPort}`}`;
  return tcp ? `${udp}, ${tcp}` : udp;
}
