/**
 * What the daemon asks the API of one instance of Type 1, and how old its last answer is.
 * @module
 */
import { status } from "@grpc/grpc-js";
import type { SummaryRespRead } from "@/api/proto/api_read.ts";
import { Refusal } from "@/api/refusal.ts";
import { parseAddress } from "@/base/address.ts";
import { must } from "@/base/errors.ts";
import { InstanceApi } from "@/daemon/instance_api.ts";
import { isAlive } from "@/daemon/process.ts";
import { type InstanceRecord, InstanceState } from "@/daemon/record.ts";

/** Longest wait for an answer of an instance's API, in milliseconds. */
const ANSWER_MS = 2_000;
/** Longest wait of `List` for an instance, in milliseconds. */
const LIST_MS = 500;

/** Who hears of the answers to `GetSummary`. They are not called for calls of which nobody waits for the answer. */
export interface SummaryListener {
  readonly answered: (summary: SummaryRespRead) => void;
  readonly refused: (refusal: Refusal) => void;
}

/** The questions to one instance. */
export class InstanceQueries {
  readonly #record: InstanceRecord;
  readonly #listener: SummaryListener;
  #api: InstanceApi | undefined;
  /**
   * When its API answered last, in milliseconds since 1970; undefined: it never answered this
   * daemon.
   */
  #answeredMs: number | undefined;
  /** Whether the last `List` waited for its answer in vain. */
  #isSilent = false;
  /** A GetSummary call that is under way; concurrent callers share its answer. */
  #asking: Promise<void> | undefined;

  constructor(record: InstanceRecord, listener: SummaryListener) {
    this.#record = record;
    this.#listener = listener;
  }

  /** Whether its process runs, so that its API can be asked. */
  get isAnswering(): boolean {
    const { process, hasNetwork } = this.#record;
    return hasNetwork && process !== null && isAlive(process);
  }

  /** Says why the last summary is not of this moment; undefined where it is. */
  get whyOutdated(): string | undefined {
    const { state, reason } = this.#record;
    if (state === InstanceState.DIED) return reason;
    if (!this.isAnswering || !this.#isSilent) return undefined;
    const when = this.#answeredMs === undefined
      ? "an earlier daemon's"
      : `of ${new Date(this.#answeredMs).toISOString()}`;
    return `Its API does not answer; these figures are ${when}`;
  }

  /** Asks for the summary, and tells the listener the answer. */
  askSummary(): Promise<void> {
    return this.#asking ??= this.#askSummary().finally(() => this.#asking = undefined);
  }

  async #askSummary(): Promise<void> {
    let summary: SummaryRespRead;
    try {
      summary = await this.#connect().call("GetSummary", {}, ANSWER_MS);
    } catch (e) {
      if (!(e instanceof Refusal)) throw e;
      return this.#listener.refused(e);
    }
    this.#answeredMs = Date.now();
    this.#isSilent = false;
    this.#listener.answered(summary);
  }

  /**
   * Refreshes summary and ping results, with at most `pingRows` ping tasks; keeps the last ones
   * without an answer.
   */
  async refresh(pingRows: number): Promise<void> {
    const ping = this.#connect().call("GetPingSummary", { Start: 0, Len: pingRows }, ANSWER_MS)
      .then((answer) => this.#record.ping = answer, () => {});
    const asked = Promise.all([this.askSummary(), ping]);
    const begunMs = Date.now();
    // An instance that hangs does not delay `List`: an answer that comes later is in the next list.
    await Promise.race([asked, pause(LIST_MS)]);
    this.#isSilent = (this.#answeredMs ?? 0) < begunMs;
    asked.catch(() => {}); // The listener hears of refusals; the next `List` asks again.
  }

  /**
   * Resets its ping counters. @throws {Refusal} with the status of its API, or FAILED_PRECONDITION.
   */
  async clearPing(): Promise<void> {
    if (!this.isAnswering) {
      throw new Refusal(status.FAILED_PRECONDITION, `${this.#record.name} has no ping tasks`);
    }
    await this.#connect().call("ClearPingStats", {}, ANSWER_MS);
  }

  /** Asks it to end at once, without telling any peer. */
  async stopNow(): Promise<void> {
    await this.#connect().call("Stop", { Gracefully: false }, ANSWER_MS);
  }

  /** Ends the connection. */
  close(): void {
    this.#api?.close();
    this.#api = undefined;
  }

  #connect(): InstanceApi {
    const { address, apiPort, apiTls } = this.#record;
    const octets = parseAddress(address);
    must(octets !== undefined, "a record holds an address");
    return this.#api ??= new InstanceApi(octets, apiPort, apiTls);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
