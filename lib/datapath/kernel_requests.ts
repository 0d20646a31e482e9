/**
 * Requests for states and policies, which go to the kernel in batches.
 * @module
 */
import { type NetlinkRefusal, type NetlinkSocket, showRefusal } from "@/native/netlink.ts";

/** A request that waits for the next batch. */
interface PendingRequest {
  readonly message: Uint8Array;
  /** Completes "the kernel refuses …". */
  readonly what: string;
  /** The inbound SPI of the pair that needs it; undefined: a refusal is only reported. */
  readonly needed: number | undefined;
  /** Whether the kernel may answer that there is nothing to remove. */
  readonly removes: boolean;
  /** What is done about a refusal, in place of a report. */
  readonly otherwise?: (refusal: NetlinkRefusal) => void;
}

/** Reports that the kernel refuses a request. `needed` is the inbound SPI of the pair that needs it. */
export type RequestRefused = (why: string, needed: number | undefined) => void;

/** Errno names that mean that nothing is left to be removed. */
const ALREADY_GONE: ReadonlySet<string> = new Set(["ESRCH", "ENOENT"]);

/** The requests of one data path. */
export class KernelRequests {
  readonly #socket: NetlinkSocket;
  readonly #refused: RequestRefused;
  #pending: PendingRequest[] = [];

  constructor(socket: NetlinkSocket, refused: RequestRefused) {
    this.#socket = socket;
    this.#refused = refused;
  }

  /** Adds a request that the pair with the inbound SPI `needed` cannot do without, if it is given. */
  add(message: Uint8Array, what: string, needed?: number): void {
    this.#pending.push({ message, what, needed, removes: false });
  }

  /** Adds a request that the kernel may refuse, after which `otherwise` is called. */
  try(message: Uint8Array, otherwise: (refusal: NetlinkRefusal) => void): void {
    this.#pending.push({ message, what: "", needed: undefined, removes: false, otherwise });
  }

  /** Adds a request to remove something, which may be gone already. */
  remove(message: Uint8Array, what: string): void {
    this.#pending.push({ message, what, needed: undefined, removes: true });
  }

  /** Sends all requests, and reports those that the kernel refuses. */
  flush(): void {
    const requests = this.#pending.splice(0);
    if (requests.length === 0) return;
    const outcomes = this.#socket.request(requests.map(({ message }) => message));
    outcomes.forEach((refusal, i) => refusal && this.#report(requests[i]!, refusal));
    // What was tried in vain is done in another way.
    if (this.#pending.length > 0) this.flush();
  }

  #report({ what, needed, removes, otherwise }: PendingRequest, refusal: NetlinkRefusal): void {
    if (otherwise) return otherwise(refusal);
    if (removes && ALREADY_GONE.has(refusal.errno)) return;
    const why = `The kernel refuses ${what}: ${showRefusal(refusal)}${hintOf(refusal.errno)}`;
    this.#refused(why, needed);
  }
}

function hintOf(errno: string): string {
  if (errno === "EPROTONOSUPPORT") return ". This kernel has no ESP or AH";
  if (errno === "ENOENT" || errno === "ENOSYS") return ". This kernel lacks the algorithm";
  if (errno === "EPERM") return ". It needs CAP_NET_ADMIN";
  return "";
}
