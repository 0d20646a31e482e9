/**
 * The program of a worker: it makes its part of a run from the text of the setup, with sockets that it is given,
 * and does what the main thread says.
 * @module
 */
import { Bug, SetupError, SystemError } from "@/base/errors.ts";
import { showEndpoint } from "@/base/address.ts";
import { type Shard, sliceOfShard } from "@/base/shard.ts";
import { sharesIdentity } from "@/engine/load/client.ts";
import { environment, openAuth, openShardTransport, prepareRun } from "@/engine/run/prepare.ts";
import type { RunPart } from "@/engine/run/part.ts";
import { RunAnswers } from "@/engine/run/run_answers.ts";
import type { TestRun } from "@/engine/run/test_run.ts";
import { warmUpFirst } from "@/engine/run/warm_up.ts";
import { EventPump } from "@/engine/shards/event_pump.ts";
import type { FromShard, InitialContact, ShardTask, ToShard } from "@/engine/shards/messages.ts";
import { plainCopy } from "@/engine/shards/plain_copy.ts";
import { RecordPump } from "@/engine/shards/record_pump.ts";
import { TunnelLog, type TunnelRecord } from "@/engine/show/tunnel_log.ts";
import { shareOf } from "@/engine/shards/share.ts";
import { sharedCountsOf, sharedPoolsOf } from "@/engine/shards/shared_state.ts";
import { EventHub, type EventLevel } from "@/engine/show/event_hub.ts";
import { identityKey } from "@/ike/negotiate/identity.ts";
import { displacedFrom } from "@/ike/endpoint.ts";
import { readSetup } from "@/setup/read.ts";
import type { Setup } from "@/setup/setup.ts";

/** The global object of a worker, as far as it is used here. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<ToShard>) => void) | null;
  postMessage(message: FromShard): void;
}

const scope = globalThis as unknown as WorkerScope;

/** The number of a tunnel in the whole test; a gateway numbers in the order of arrival at each worker. */
function tunnelOf(tunnel: number, role: Setup["role"], { number, of }: Shard): number {
  return role === "client" ? tunnel : tunnel * of + number;
}

/** What is recorded of a run in this worker. */
interface Records {
  readonly pump: RecordPump;
  readonly tunnels: TunnelLog | undefined;
}

/** A part of a run in this worker. */
class ShardRun {
  readonly #hub: EventHub;
  readonly #run: TestRun;
  readonly #answers: RunAnswers;
  readonly #pump: EventPump;
  readonly #records: Records;
  readonly #closeAuth: () => void;

  constructor(
    run: TestRun,
    { hub, pump, records, closeAuth }: {
      readonly hub: EventHub;
      readonly pump: EventPump;
      readonly records: Records;
      readonly closeAuth: () => void;
    },
  ) {
    this.#run = run;
    this.#hub = hub;
    this.#pump = pump;
    this.#records = records;
    this.#closeAuth = closeAuth;
    this.#answers = new RunAnswers(run);
    run.finalResult.then(async (final) => {
      this.#tellLoss();
      await this.#pump.settled();
      this.#records.pump.flush();
      const tunnels = { records: this.#tunnels(), leftOut: this.#records.tunnels?.leftOut ?? 0 };
      scope.postMessage({ kind: "final", final: plainCopy(final), tunnels });
    });
  }

  #tellLoss(): void {
    const { lost, keysLost } = this.#records.pump;
    const tell = (words: string) =>
      this.#hub.publish(3, `${words}, as they came faster than they could be written`);
    if (lost > 0) tell(`${lost} datagrams are not in the capture`);
    if (keysLost > 0) tell(`The keys of ${keysLost} SAs are in no file`);
  }

  /** The records of tunnels; a gateway numbers them in the order of arrival at this worker. */
  #tunnels(): TunnelRecord[] {
    const { role, shard } = this.#run.plan;
    const records = [...this.#records.tunnels?.records() ?? []];
    return records.map((record) => ({ ...record, tunnel: tunnelOf(record.tunnel, role, shard!) }));
  }

  /** Does what a message says. */
  take(message: ToShard): void {
    switch (message.kind) {
      case "start":
        return this.#run.start();
      case "stop":
        return this.#run.stop(message.gracefully);
      case "end":
        return this.#run.ending ? undefined : this.#run.stop(true);
      case "level":
        return this.#pump.want(message.level);
      case "written":
        return this.#records.pump.written(message.records);
      case "read":
        return this.#pump.read();
      case "ask":
        return void this.#answer(message);
      case "created":
        return this.#run.loop.turn((nowMs) => this.#run.allCreated(nowMs));
      case "displace":
        return this.#displace(message.contact);
      case "release":
        return release();
      case "close":
        return this.#close();
      case "break":
        throw new Bug("Invariant broken: a test asked for it");
    }
  }

  async #answer({ id, name, args }: Extract<ToShard, { kind: "ask" }>): Promise<void> {
    try {
      const ask = this.#answers[name].bind(this.#answers) as (...of: unknown[]) => Promise<unknown>;
      scope.postMessage({ kind: "answer", id, value: plainCopy(await ask(...args)) });
    } catch (e) {
      scope.postMessage({ kind: "unanswered", id, words: String(e) });
    }
  }

  /** Ends the IKE SAs of an identity that were established before its peer said INITIAL_CONTACT elsewhere. */
  #displace({ identity, epochMs, from }: InitialContact): void {
    const { loop } = this.#run;
    const age = Date.now() - epochMs;
    loop.turn((nowMs) => {
      for (const sa of [...loop.endpoint.byIdentity.get(identity) ?? []]) {
        if ((sa.establishedMs ?? Infinity) > nowMs - age) continue;
        loop.command(sa, displacedFrom(from));
      }
    });
  }

  #close(): void {
    this.#hub.end();
    this.#closeAuth();
    scope.postMessage({ kind: "closed" });
  }
}

let release = () => {};
/** Resolves when no worker needs the data path any more. */
const released = new Promise<void>((resolve) => release = resolve);

/** Tells the main thread of INITIAL_CONTACT. */
const contacts: RunPart = {
  handlers: {
    initial_contact: (_, sa) => {
      const { peerAddress, peerPort } = sa.path;
      const contact = {
        identity: identityKey(sa.peer.id!),
        epochMs: Date.now(),
        from: showEndpoint(peerAddress, peerPort),
      };
      scope.postMessage({ kind: "contact", contact });
    },
  },
};

/** Tells the main thread when the first tunnel is established or has failed. */
function firstTunnel(): RunPart {
  let isTold = false;
  const tell = () => {
    if (!isTold) scope.postMessage({ kind: "first" });
    isTold = true;
  };
  return { handlers: { established: tell, closed: tell } };
}

async function make(task: ShardTask, level: EventLevel | 0): Promise<ShardRun> {
  const { shard, slice, text, file, lenient, shared, wanted, sockets } = task;
  const reading = readSetup(text, file, { lenient });
  const setup = shareOf(reading.setup, shard);
  const hub = new EventHub();
  const pump = new EventPump(hub, level, (events) => scope.postMessage({ kind: "events", events }));
  const records = {
    pump: new RecordPump(
      wanted,
      (tunnel) => tunnelOf(tunnel, setup.role, shard),
      (all) => scope.postMessage({ kind: "records", records: all }),
    ),
    tunnels: wanted.tunnels ? new TunnelLog() : undefined,
  };
  sendMilestones(hub, pump, shard);
  const pools = shared && sharedPoolsOf(setup, shared);
  const env = { ...await environment(setup), shard, ...(pools && { pools }) };
  const note = (words: string) => hub.publish(4, words);
  const warn = (words: string) => hub.publish(3, words);
  await warmUpFirst(setup, env.crypto, { note, warn });
  // What is probably not intended was said where the setup was checked first.
  const auth = await openAuth(setup, env, { note });
  const own = setup.role === "client" ? sliceOfShard(shard, slice) : undefined;
  const transport = openShardTransport(setup, sockets, own);
  const run = prepareRun(setup, {
    env,
    auth,
    transport,
    events: hub,
    setupFileName: file,
    hooks: { ...records.pump.hooks, ...(records.tunnels && { tunnels: records.tunnels }) },
    notYet: shard.number === 0 ? reading.notYet : [],
    slice: own,
    shard,
    created: () => scope.postMessage({ kind: "created" }),
    aborting: () => scope.postMessage({ kind: "aborting" }),
    mayClose: () => {
      scope.postMessage({ kind: "over" });
      return released;
    },
    counts: shared && sharedCountsOf(setup, shared),
    parts: setup.role === "client" ? [firstTunnel()] : [contacts],
  });
  const { name, ikePort, nattPort } = transport;
  const { plan } = run;
  const isIntroduced = plan.role === "client" && sharesIdentity(run.loop.endpoint.config, plan);
  const ready = {
    transport: name,
    crypto: env.crypto.name,
    ikePort,
    nattPort,
    isIntroduced,
    figures: run.figures(),
    summary: run.summary(),
  };
  scope.postMessage({ kind: "ready", ready: plainCopy(ready) });
  return new ShardRun(run, { hub, pump, records, closeAuth: () => auth.close() });
}

/** Sends what this worker begins, which the time axis of a report has, where no level 4 is wanted. */
function sendMilestones(hub: EventHub, pump: EventPump, { number }: Shard): void {
  hub.attach({
    filter: { level: 0, keyword: "" },
    milestones: true,
    write(event) {
      if (pump.wants(4)) return;
      const msg = `Worker ${number + 1}: ${event.msg}`;
      scope.postMessage({ kind: "events", events: [{ ...event, msg }] });
    },
  });
}

/** Does what a message says, once there is a run. */
function take(message: ToShard): void {
  if (run) return run.take(message);
  // What a worker has open before it has a run is closed with its process.
  if (message.kind === "close") return scope.postMessage({ kind: "closed" });
  early.push(message);
}

let run: ShardRun | undefined;
/** Messages that came while the run was being made. */
const early: ToShard[] = [];

scope.onmessage = async ({ data }) => {
  if (data.kind !== "make") return take(data);
  try {
    run = await make(data.task, data.level);
    for (const message of early.splice(0)) run.take(message);
  } catch (e) {
    if (!(e instanceof SetupError || e instanceof SystemError)) throw e;
    const isSetup = e instanceof SetupError;
    scope.postMessage({ kind: "refused", words: e.message, isSetup });
  }
};
