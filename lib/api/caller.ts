/**
 * Who calls: the connection a call came by, the user of this host who has its other end, and what that
 * caller may do. Reading is for everybody who reaches the API; keys, passwords and whatever changes
 * something are for root, for the user who runs the server, for users that were named, and for callers with
 * a client certificate.
 * @module
 */
import { status } from "@grpc/grpc-js";
import type { Holder } from "@/api/connection_bounds.ts";
import { type GrpcSession, sessionOf } from "@/api/grpc_door.ts";
import { type IpAddress, parseAddress } from "@/base/address.ts";
import { ownUser } from "@/files/directory.ts";
import { socketOwner, type TcpEnd } from "@/native/socket_owner.ts";

/** What is asked of a call of the gRPC library. */
export interface CallOrigin {
  /** `address:port`; an IPv6 address without brackets. */
  getPeer(): string;
  getAuthContext(): { readonly sslPeerCertificate?: unknown };
}

/** The option `apisecrets`: who sees keys and PSK in dumps. */
export type SecretsRule = "auto" | "always" | "never";

/** A caller, judged. */
export interface Caller {
  readonly isTrusted: boolean;
  /** Who it is, for logs and refusals: `user 1000 at 127.0.0.1:4711`. Ends with the port, if there is one. */
  readonly words: string;
}

/** Judges the callers of one server. */
export type CallerJudge = (call: CallOrigin) => Promise<Caller>;

/** Whom a judge trusts beside root, the server's own user and certificates. */
export interface TrustRules {
  /** Numbers of users of this host. */
  readonly users?: readonly number[];
  /** Whether callers on other hosts are trusted without a certificate (`--insecure`). */
  readonly trustsOtherHosts?: boolean;
  /**
   * A process in the network namespace of the host, where this server is in one of its own: callers over
   * the management link have their sockets there. Undefined: there is none (any more).
   */
  readonly hostProcess?: () => number | undefined;
}

/** How long the far end of a connection may take to show that it is still there. */
const PING_MS = 5_000;

/** Whether one of the users who are always trusted, or named by the rules, has this number. */
export function isTrustedUser(user: number, { users = [] }: TrustRules): boolean {
  return user === 0 || user === ownUser() || users.includes(user);
}

/** Judges callers by their certificate, or by who has the other end of their TCP connection. */
export function judgeByOwner(rules: TrustRules): CallerJudge {
  // All calls of a connection are one caller's, and wait for the same judgement.
  const judged = new WeakMap<GrpcSession, Promise<Caller | undefined>>();
  return async (call) => {
    const at = call.getPeer();
    if (call.getAuthContext().sslPeerCertificate !== undefined) {
      return { isTrusted: true, words: `the client with a certificate at ${at}` };
    }
    const session = sessionOf(call);
    if (!session) return { isTrusted: false, words: `a caller at ${at}` };
    const known = judged.get(session) ?? judgeConnection(session, at, rules);
    judged.set(session, known);
    const caller = await known;
    // What could not be seen now may be seen at the next call.
    if (!caller) judged.delete(session);
    return caller ?? { isTrusted: false, words: `a caller who did not answer a PING, at ${at}` };
  };
}

/** Undefined where the far end did not prove to be there. */
async function judgeConnection(
  session: GrpcSession,
  at: string,
  rules: TrustRules,
): Promise<Caller | undefined> {
  const owner = ownerOf(session, rules);
  // A connection that was reset frees its port for another user's socket: what was looked up belongs to
  // this connection only if it still lives afterwards.
  return await stillLives(session) ? callerOf(owner, at, rules) : undefined;
}

/** Judges callers of a Unix socket, each of whom the kernel has named. */
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

/** The caller is this process itself, as in the shell of `test -i`. */
export const judgeOneself: CallerJudge = () =>
  Promise.resolve({ isTrusted: true, words: "this process" });

/** What is said to a caller who may not do something. */
export function notTrusted(caller: Caller, what: string): { code: status; details: string } {
  return {
    code: status.PERMISSION_DENIED,
    details: `${what} is for root and the user who runs this server, for users named by ` +
      `--allow-user, and for clients with a certificate; this call came from ${caller.words}`,
  };
}

/** What places are counted by: the same for all connections of one caller, whatever their ports are. */
export function holderOf({ isTrusted, words }: Caller): Holder {
  return { isTrusted, key: words.replace(/:\d+$/, "") };
}

/** Names the caller's connection: no two open ones share an address and port. */
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

/** The two ends of a socket of ours, `own` first; undefined where it is no TCP connection (any more). */
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

/** The user who has the far end of a connection on this host, or on the host of our namespace. */
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
    return { isTrusted: rules.trustsOtherHosts ?? false, words: `a caller at ${at}` };
  }
  const words = owner === 0 ? `root at ${at}` : `user ${owner} at ${at}`;
  return { isTrusted: isTrustedUser(owner, rules), words };
}

/** Whether the far end answers a PING (RFC 9113 §6.7) that is sent now. */
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
