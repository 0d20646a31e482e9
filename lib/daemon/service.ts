/**
 * The Daemon API (`proto/myikev2/daemonapi/daemonapi.proto`): the instances of one host, defined,
 * watched and destroyed over gRPC. This file only translates messages; `instances.ts` makes the
 * decisions.
 * @module
 */
import { type Server, status } from "@grpc/grpc-js";
import {
  type CallerJudge,
  type CallOrigin,
  judgeByCredentials,
  judgeByOwner,
  type TrustRules,
} from "@/api/caller.ts";
import { DAEMON_API, TEST_API } from "@/api/definitions.ts";
import {
  addCommonServices,
  listen,
  listenUnix,
  newServer,
  shutDown,
  type UnixUsers,
} from "@/api/listen.ts";
import type { Listening } from "@/api/socket_listener.ts";
import { serverCredentials, type TlsFiles, type TlsOptionNames } from "@/api/credentials.ts";
import { changeHandler, queryHandler } from "@/api/calls.ts";
import type { SummaryResp } from "@/api/proto/api.ts";
import type { ListTestStatusEntry, MyIKEv2DaemonAPISvc } from "@/api/proto/daemonapi.ts";
import { Refusal } from "@/api/refusal.ts";
import { addService, DAEMON_SERVICE, fullName, type Handlers } from "@/api/typed_service.ts";
import { type IpAddress, parseAddress } from "@/base/address.ts";
import { SetupError } from "@/base/errors.ts";
import { checkDefinition, checkName } from "@/daemon/definition.ts";
import type { Instance } from "@/daemon/instance.ts";
import type { Instances } from "@/daemon/instances.ts";
import { type InstanceRecord, InstanceState, InstanceType } from "@/daemon/record.ts";
import type { DaemonContext } from "@/daemon/daemon_context.ts";

/** Default port of the Daemon API. */
export const DAEMON_PORT = 12_240;

/** Where a Daemon API listens and whom it trusts. */
export interface DaemonApiOptions {
  readonly address: string;
  /** The TCP port; 0 means any free port. */
  readonly port: number;
  readonly tls: TlsFiles;
  /** Path of a Unix socket on which the daemon listens as well; empty: none. */
  readonly socket: string;
  /** Whether the daemon starts without that socket when it cannot be made. */
  readonly socketIsOptional: boolean;
  /** Which callers may define and destroy instances. */
  readonly trust: TrustRules;
}

/** A Daemon API that listens. */
export interface DaemonApi {
  /** The TCP port it listens on. */
  readonly port: number;
  /** Stops listening, and gives open calls half a second to finish. */
  close(): Promise<void>;
}

/** Command-line options that name the TLS files. */
export const DAEMON_TLS_NAMES: TlsOptionNames = {
  certificate: "--tls-cert",
  key: "--tls-key",
  clientCa: "--tls-client-ca",
};

/**
 * Largest request in octets: a setup of half a million characters in UTF-8, and the other fields.
 */
const REQUEST_OCTETS_MAX = 4 << 20;
/**
 * Length of a refusal's details once encoded; they travel in a header, and common clients accept 8
 * KiB.
 */
const DETAILS_MAX = 2_000;
/** Time that open calls have to finish when the server closes, in milliseconds. */
const CLOSE_GRACE_MS = 500;

/**
 * Serves the Daemon API.
 * @throws {SetupError} naming the option when it cannot listen there or use those TLS files.
 */
export async function startDaemonApi(
  instances: Instances,
  context: DaemonContext,
  options: DaemonApiOptions,
): Promise<DaemonApi> {
  const { address, port, socket, trust } = options;
  const credentials = serverCredentials(options.tls, DAEMON_TLS_NAMES);
  const serve = (judge: CallerJudge) => {
    const server = newServer(REQUEST_OCTETS_MAX);
    addService(server, DAEMON_SERVICE, handlersOf(instances, context, judge));
    addCommonServices(server, [TEST_API, DAEMON_API], [fullName(DAEMON_SERVICE)]);
    return server;
  };
  const ends: (() => Promise<void>)[] = [];
  const endWith = (server: Server, listening: Listening) =>
    ends.push(() => shutDown(server, [listening], CLOSE_GRACE_MS));
  const close = async () => void await Promise.all(ends.map((end) => end()));
  const server = serve(judgeByOwner(trust));
  const names = { addressName: "--listen", portName: "--listen" };
  const listening = await listen(server, { address, port, credentials, trust, ...names });
  endWith(server, listening);
  if (socket === "") return { port: listening.port, close };
  try {
    const users: UnixUsers = new WeakMap();
    const unixServer = serve(judgeByCredentials((session) => users.get(session), trust));
    const unix = await listenUnix(unixServer, socket, { option: "--socket", trust, users });
    endWith(unixServer, unix);
  } catch (e) {
    if (!options.socketIsOptional || !(e instanceof SetupError)) {
      await close();
      throw e;
    }
    context.tell(3, e.message);
  }
  return { port: listening.port, close };
}

/** The caller's address without the port; undefined for a caller at the Unix socket. */
function addressOf(caller: CallOrigin): IpAddress | undefined {
  const peer = caller.getPeer();
  return parseAddress(
    peer.slice(0, peer.lastIndexOf(":")).replace(/^\[?(?:::ffff:(?=.*\.))?|\]$/g, ""),
  );
}

function handlersOf(
  instances: Instances,
  context: DaemonContext,
  judge: CallerJudge,
): Handlers<MyIKEv2DaemonAPISvc> {
  const guarded = <T>(method: string, answer: Promise<T>) =>
    answer.catch((e) => refuse(method, e, context));
  const call = <R, A>(method: string, answer: (request: R) => Promise<NoInfer<A>>) =>
    queryHandler<R, A>((request) => guarded(method, answer(request)));
  /**
   * The handler of a call that changes something: it refuses callers who are not trusted, and logs
   * the others.
   */
  const change = <R extends { readonly Name: string }, A>(
    method: string,
    answer: (request: R, caller: CallOrigin) => Promise<NoInfer<A>>,
  ) =>
    changeHandler<R, A>(method, judge, (request, caller, origin) => {
      context.tell(4, `${method} ${request.Name} by ${caller.description}`);
      return guarded(method, answer(request, origin));
    });
  return {
    Define: change("Define", async (request, caller) => {
      const definition = await checkDefinition(request, context.verify);
      await instances.define(definition, addressOf(caller));
      return {};
    }),
    Status: call("Status", async ({ Name }) => {
      return { State: await instances.state(checkName(Name)) };
    }),
    List: call("List", async () => ({ results: (await instances.list()).map(entry) })),
    Destroy: change("Destroy", async ({ Name, Gracefully }) => {
      await instances.destroy(checkName(Name), Gracefully);
      return {};
    }),
    ClearPingStats: change("ClearPingStats", async ({ Name }) => {
      await instances.clearPing(checkName(Name));
      return {};
    }),
  };
}

function entry({ record, whyOutdated }: Instance): ListTestStatusEntry {
  const { name, type, address, apiPort, hasNetwork } = record;
  if (type === InstanceType.OTHER) return { Name: name, Type: type };
  return {
    Name: name,
    Type: type,
    APIAddr: hasNetwork ? parseAddress(address) : undefined,
    APIPort: hasNetwork ? apiPort : undefined,
    Status: statusOf(record, whyOutdated),
    PingResults: record.ping,
  };
}

/** Values of `SummaryResp.Result`. */
const RUNNING = 0;
const FAILED = 2;

/**
 * The last known summary, with a note if it is not up to date; without one, a summary that has
 * only the reason why there is none.
 */
function statusOf(
  { summary, reason, state }: InstanceRecord,
  whyOutdated: string | undefined,
): SummaryResp | null {
  if (summary && whyOutdated !== undefined && summary.Result === RUNNING) {
    const Result = state === InstanceState.DIED ? FAILED : RUNNING;
    return { ...summary, Result, LastErrMsg: whyOutdated };
  }
  return summary ?? (reason === "" ? null : { LastErrMsg: reason });
}

/** Passes refusals on; any other exception is a bug, which is logged and answered as INTERNAL. */
function refuse(method: string, e: unknown, context: DaemonContext): never {
  if (e instanceof Refusal) throw new Refusal(e.code, shortened(e.details));
  const story = e instanceof Error ? e.stack ?? e.message : String(e);
  context.tell(2, `Internal error in ${method}: ${story}`);
  const text = e instanceof Error ? e.message : String(e);
  throw new Refusal(status.INTERNAL, shortened(`Internal error in ${method}: ${text}`));
}

/** Shortens details to as many whole lines as fit in a header. */
function shortened(details: string): string {
  // gRPC percent-encodes details: every octet that is not printable ASCII takes three.
  const cost = (text: string) => encodeURI(text.toWellFormed()).length;
  if (cost(details) <= DETAILS_MAX) return details;
  const lines = details.split("\n");
  let kept = lines.length;
  while (kept > 0 && cost(lines.slice(0, kept).join("\n")) > DETAILS_MAX) kept--;
  if (kept > 0) {
    return [...lines.slice(0, kept), `and ${lines.length - kept} more lines`].join("\n");
  }
  return `${lines[0]!.slice(0, DETAILS_MAX / 9)}…`;
}
