/**
 * Finds out who makes a call, and what that caller may do: the caller is the user of this host who
 * owns the other end of the connection, or an address of another host. Everybody who reaches the
 * API may read; only root, the user who runs the server, the users named by `--allow-user` and
 * callers with a client certificate may see keys and passwords or change something.
 * @module
 */
import { status } from "@grpc/grpc-js";
import type { Holder } from "@/api/caller_quota.ts";
import { type GrpcSession, sessionOf } from "@/api/grpc_connections.ts";
import { type IpAddress, parseAddress } from "@/base/address.ts";
import { ownUser } from "@/files/directory.ts";
import { socketOwner, type TcpEnd } from "@/native/socket_owner.ts";

/** The methods that this file needs of a call of the gRPC library. */
export interface CallOrigin {
  /** `address:port`; an IPv6 address without brackets. */
  getPeer(): string;
  getAuthContext(): { readonly sslPeerCertificate?: unknown };
}

/** The option `apisecrets`: who sees keys and PSK in dumps. */
export type SecretsRule = "auto" | "always" | "never";

/** A caller, and whether it is trusted. */
export interface Caller {
  readonly isTrusted: boolean;
  /**
   * Names the caller in logs and refusals: `user 1000 at 127.0.0.1:4711`. If the caller has a port,
   * the text ends with it.
   */
  readonly description: string;
}

/** Decides for each call of one server whether its caller is trusted. */
export type CallerJudge = (call: CallOrigin) => Promise<Caller>;

/** Whom a server trusts beside root, its own user and callers with a certificate. */
export interface TrustRules {
  /** Numeric user ids of this host. */
  readonly users?: readonly number[];
  /** Whether callers on other hosts are trusted without a certificate (`--insecure`). */
  readonly trustsOtherHosts?: boolean;
  /**
   * The id of a process in the network namespace of the host, when this server runs in a namespace
   * of its own: callers that connect over the management link have their sockets in the host's
   * namespace. It returns undefined when there is no such process, or no longer one.
   */
  readonly hostProcess?: () => number | undefined;
}

/** The time within which the client of a connection must answer a PING. */
const PING_MS = 5_000;

/**
 * Whether the user with this id is trusted: root, the user who runs this server, or a user the
 * rules name.
 */
export function isTrustedUser(user: number, { users = [] }: TrustRules): boolean {
  return user === 0 || user === ownUser() || users.includes(user);
}

/**
 * Trusts callers by their certificate, or by the user who owns the other end of their TCP
 * connection.
 */
export function judgeByOwner(rules: TrustRules): CallerJudge {
  // All calls on a connection are made by one caller, and share one decision.
  const judged = new WeakMap<GrpcSession, Promise<Caller | undefined>>();
  return async (call) => {
    const at = call.getPeer();
    if (call.getAuthContext().sslPeerCertificate !== undefined) {
      return { isTrusted: true, description: `the client with a certificate at ${at}` };
    }
    const session = sessionOf(call);
    if (!session) return { isTrusted: false, description: `a caller at ${at}` };
    const known = judged.get(session) ?? judgeConnection(session, at, rules);
    judged.set(session, known);
    const caller = await known;
    // An owner that could not be found now may be found at the next call.
    if (!caller) judged.delete(session);
    return caller ??
      { isTrusted: false, description: `a caller who did not answer a PING, at ${at}` };
  };
}

/** Resolves to undefined when the client did not answer a PING. */
async function judgeConnection(
  session: GrpcSession,
  at: string,
  rules: TrustRules,
): Promise<Caller | undefined> {
  const owner = ownerOf(session, rules);
  // When a connection is reset, another user's socket may take its port. The owner that was found
  // is therefore valid only if the connection is still alive afterwards.
  return await stillLives(session) ? callerOf(owner, at, rules) : undefined;
}

/** Trusts callers of a Unix socket by the user that the kernel reports for each connection. */
export function judgeByCredentials(
  userOf: (session: GrpcSession) => number | undefined,
  rules: TrustRules,
): CallerJudge {
  return (call) => {
    const session = sessionOf(call);
    return Promise.resolve(callerOf(session && userOf(session), "the Unix socket", {
      ...rules,
      trustsOtherHosts: false,
    }));
  };
}

/** Trusts every caller, as the caller is this process itself: the shell of `test -i`. */
export const trustOwnProcess: CallerJudge = () =>
  Promise.resolve({ isTrusted: true, description: "this process" });

/** The status for a caller that may not do `what`. */
export function notTrusted(caller: Caller, what: string): { code: status; details: string } {
  return {
    code: status.PERMISSION_DENIED,
    details: `${what} is for root and the user who runs this server, for users named by ` +
      `--allow-user, and for clients with a certificate; this call came from ${caller.description}`,
  };
}

/**
 * The caller as its quota is counted: the same for all of its connections, whatever their ports
 * are.
 */
export function holderOf({ isTrusted, description }: Caller): Holder {
  return { isTrusted, key: description.replace(/:\d+$/, "") };
}

/** An identifier of the connection of a call: no two open connections share an address and port. */
export function connectionOf(call: CallOrigin): string {
  return call.getPeer();
}

/** Whether the caller may see keys and passwords in dumps. */
export async function maySeeSecrets(
  rule: SecretsRule,
  call: CallOrigin,
  judge: CallerJudge,
): Promise<boolean> {
  if (rule !== "auto") return rule === "always";
  return (await judge(call)).isTrusted;
}

/** Whether the address of `address:port` is 127.0.0.0/8 or ::1, IPv4-mapped or not. */
export function isLoopback(peer: string): boolean {
  const host = peer.slice(0, peer.lastIndexOf(":")).replace(/^\[(.*)\]$/, "$1");
  const address = parseAddress(host);
  if (!address) return false;
  if (address.length === 4) return address[0] === 127;
  if (address.subarray(0, 10).some((octet) => octet !== 0)) return false;
  const mapped = address[10] === 0xff && address[11] === 0xff;
  if (mapped) return address[12] === 127;
  return address.subarray(10, 15).every((octet) => octet === 0) && address[15] === 1;
}

/** Both ends of one of our sockets, or undefined when it is not, or no longer, a TCP connection. */
export function endsOf(socket: {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}): { readonly own: TcpEnd; readonly peer: TcpEnd } | undefined {
  const own = endOf(socket.localAddress, socket.localPort);
  const peer = endOf(socket.remoteAddress, socket.remotePort);
  return own && peer ? { own, peer } : undefined;
}

/**
 * The user who owns the other end of a connection, on this host or on the host that our namespace
 * belongs to.
 */
export function ownerOfEnds(
  { own, peer }: { readonly own: TcpEnd; readonly peer: TcpEnd },
  rules: TrustRules,
): number | undefined {
  const here = socketOwner(peer, own);
  if (here !== undefined || !rules.hostProcess) return here;
  const host = rules.hostProcess();
  return host === undefined ? undefined : socketOwner(peer, own, host);
}

function ownerOf(session: GrpcSession, rules: TrustRules): number | undefined {
  const ends = session.destroyed ? undefined : endsOf(session.socket);
  return ends && ownerOfEnds(ends, rules);
}

function callerOf(owner: number | undefined, at: string, rules: TrustRules): Caller {
  if (owner === undefined) {
    return { isTrusted: rules.trustsOtherHosts ?? false, description: `a caller at ${at}` };
  }
  const description = owner === 0 ? `root at ${at}` : `user ${owner} at ${at}`;
  return { isTrusted: isTrustedUser(owner, rules), description };
}

/** Whether the client answers a PING (RFC 9113 §6.7) that is sent now. */
function stillLives(session: GrpcSession): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), PING_MS);
    const done = (lives: boolean) => {
      clearTimeout(timer);
      resolve(lives);
    };
    try {
      if (!session.ping((error) => done(error === null))) done(false);
    } catch {
      done(false);
    }
  });
}

function endOf(address: string | undefined, port: number | undefined): TcpEnd | undefined {
  const octets: IpAddress | undefined = address === undefined ? undefined : parseAddress(address);
  return octets && port !== undefined ? { address: octets, port } : undefined;
}
