/**
 * A client of the Daemon API of one host.
 * @module
 */
import { type ChannelCredentials, credentials, status } from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
import { checkServerIdentity } from "node:tls";
import { Refusal } from "@/api/refusal.ts";
import { GrpcChannel, type ServiceClient } from "@/api/grpc_channel.ts";
import type { SummaryRespRead } from "@/api/proto/api_read.ts";
import type { DefineGenericTestReq, MyIKEv2DaemonAPISvc } from "@/api/proto/daemonapi.ts";
import type { ListTestStatusEntryRead } from "@/api/proto/daemonapi_read.ts";
import type { CallOf, UnaryName } from "@/api/call_types.ts";
import { DAEMON_SERVICE } from "@/api/typed_service.ts";
import { CONNECTION_LOST, reasonIn } from "@/api/unanswered.ts";
import { type IpAddress, parseAddress } from "@/base/address.ts";
import { SetupError, systemWords } from "@/base/errors.ts";
import type { DaemonEntry } from "@/control/controller_file.ts";
import { InstanceState, type InstanceType } from "@/daemon/record.ts";

/** Time in which a daemon must answer a query, in milliseconds. */
const ANSWER_MS = 10_000;
/** Time in which a daemon must end an instance gracefully, in milliseconds: 100,000 tunnels may take 514 s. */
const DESTROY_MS = 15 * 60_000;
/** Time in which all set-up commands of an instance must end, in milliseconds. */
const DEFINE_MS = 15 * 60_000;
/** Pause between attempts to connect, in milliseconds. */
export type Summary = Pick<
  SummaryRespRead,
  | "Role"
  | "NumOfCreatedTunnel"
  | "SetupRate"
  | "Live_count"
  | "Configured_count"
  | "Result"
  | "LastErrMsg"
>;

/** One instance as its daemon lists it. */
export interface ListedInstance {
  readonly name: string;
  readonly type: InstanceType;
  /** Address of the instance's Test API; undefined: it has none at present. */
  readonly api: { readonly address: IpAddress; readonly port: number } | undefined;
  readonly summary: Summary | undefined;
  /** Number of echo requests and replies of all its ping tasks; undefined: it has no ping task. */
  readonly ping: { readonly sent: number; readonly received: number } | undefined;
}

type DaemonCall = UnaryName<MyIKEv2DaemonAPISvc>;

/** A client of one daemon. Every call that fails throws a {@linkcode Refusal} with the daemon's status. */
export class DaemonClient {
  readonly entry: DaemonEntry;
  readonly #channel: GrpcChannel;
  readonly #calls: ServiceClient<MyIKEv2DaemonAPISvc>;

  /** @throws {SetupError} if a file for TLS cannot be used. */
  constructor(entry: DaemonEntry) {
    this.entry = entry;
    const { address, port, tls } = entry;
    const target = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
    const serverName = tls.ca && parseAddress(address) ? SERVER_NAME : undefined;
    this.#channel = new GrpcChannel(target, channelCredentials(entry), serverName);
    this.#calls = this.#channel.service(DAEMON_SERVICE);
  }

  /** Lists all instances of the daemon. */
  async list(): Promise<ListedInstance[]> {
    const { results } = await this.#call("List", {}, ANSWER_MS);
    return results.map(listed);
  }

  /** The {@linkcode InstanceState} of an instance; undefined if the daemon has no such instance. */
  async state(name: string): Promise<InstanceState | undefined> {
    try {
      const { State } = await this.#call("Status", { Name: name }, ANSWER_MS);
      return Object.values(InstanceState).find((state) => state === State);
    } catch (e) {
      if (e instanceof Refusal && e.code === status.NOT_FOUND) return undefined;
      throw e;
    }
  }

  /** Starts an instance by a `DefineGenericTestReq`. */
  async define(request: DefineGenericTestReq): Promise<void> {
    await this.#call("Define", request, DEFINE_MS);
  }

  /** Ends an instance. An instance that is gone already is no error. */
  async destroy(name: string, gracefully: boolean): Promise<void> {
    await this.#call("Destroy", { Name: name, Gracefully: gracefully }, DESTROY_MS);
  }

  /** Sets the ping counters of an instance to zero. */
  async clearPing(name: string): Promise<void> {
    await this.#call("ClearPingStats", { Name: name }, ANSWER_MS);
  }

  /** Closes the connection. */
  close(): void {
    this.#channel.close();
  }

  async #call<M extends DaemonCall>(
    method: M,
    request: CallOf<MyIKEv2DaemonAPISvc, M>["request"],
    deadlineMs: number,
  ): Promise<CallOf<MyIKEv2DaemonAPISvc, M>["answerRead"]> {
    try {
      return await this.#calls.call(method, request, deadlineMs);
    } catch (e) {
      throw e instanceof Refusal ? new Refusal(e.code, this.#detailsOf(e)) : e;
    }
  }

  /**
   * Explains a lost connection: a daemon that requires TLS or another certificate closes it without a reason.
   */
  #detailsOf({ code, details }: Refusal): string {
    if (code !== status.UNAVAILABLE) return details;
    const reason = reasonIn(details);
    const { ca, certificate } = this.entry.tls;
    if (reason !== CONNECTION_LOST) return reason;
    const wanted = ca === "" ? "TLS (tlsca)" : certificate === "" ? "tlscert" : "another tlscert";
    return `${reason}; it may want ${wanted}`;
  }
}

/** Server name for TLS to a daemon that is given by its IP address. */
const SERVER_NAME = "daemon.myikev2";

/** Describes an error of a call to a daemon for people. */
export function describeError(e: unknown): string {
  if (!(e instanceof Refusal)) return e instanceof Error ? e.message : String(e);
  if (e.code === status.DEADLINE_EXCEEDED) return "the daemon does not answer in time";
  if (e.code !== status.UNAVAILABLE) return e.details;
  return `the daemon does not answer: ${e.details}`;
}

/** Whether the daemon could not be asked, so that the state of its instances is unknown. */
export function isUnreachable(e: unknown): boolean {
  return e instanceof Refusal &&
    [status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.CANCELLED].includes(e.code);
}

function listed(
  { Name, Type, APIAddr, APIPort, Status, PingResults }: ListTestStatusEntryRead,
): ListedInstance {
  return {
    name: Name,
    type: Type as InstanceType,
    api: APIPort === 0 ? undefined : { address: Uint8Array.from(APIAddr), port: APIPort },
    summary: Status ?? undefined,
    ping: PingResults && Number(PingResults.TotalSent) > 0
      ? { sent: Number(PingResults.TotalSent), received: Number(PingResults.TotalRecv) }
      : undefined,
  };
}

function channelCredentials({ name, address, tls }: DaemonEntry): ChannelCredentials {
  if (tls.ca === "") return credentials.createInsecure();
  const read = (path: string, key: string): Buffer | null => {
    if (path === "") return null;
    try {
      return Buffer.from(Deno.readFileSync(path));
    } catch (e) {
      throw new SetupError(`Cannot read ${key} of ${name}, ${path}: ${systemWords(e)}`);
    }
  };
  const ca = read(tls.ca, "tlsca");
  const key = read(tls.key, "tlskey");
  const certificate = read(tls.certificate, "tlscert");
  try {
    return credentials.createSsl(ca, key, certificate, {
      checkServerIdentity: (_, peer) => checkServerIdentity(address, peer),
    });
  } catch (e) {
    throw new SetupError(`Cannot use the TLS files of ${name}: ${systemWords(e)}`);
  }
}
