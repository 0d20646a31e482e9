/**
 * Answers questions about a run. Every answer is a promise, so that a run which is spread over several
 * threads can be asked in the same way.
 * @module
 */
import type { TestRun } from "@/engine/run/test_run.ts";
import type { EventHub } from "@/engine/show/event_hub.ts";
import type { RunFigures } from "@/engine/show/figures.ts";
import type { PingTaskView } from "@/engine/show/ping_table.ts";
import type {
  ChildSaDump,
  FinalResult,
  IkeSaDump,
  IkeSaSummary,
  PoolsUsage,
  RekeyIkeOutcome,
  RekeyOutcome,
  RunSummary,
  RunView,
} from "@/engine/show/view.ts";
import type { AddressPool } from "@/ike/records/pool.ts";
import type { Setup } from "@/setup/setup.ts";

/** The answers of a run in this thread. */
export class RunAnswers implements RunView {
  readonly setup: Setup;
  readonly events: EventHub;
  readonly finalResult: Promise<FinalResult>;
  readonly #run: TestRun;

  constructor(run: TestRun) {
    this.#run = run;
    this.setup = run.setup;
    this.events = run.events;
    this.finalResult = run.finalResult;
  }

  summary(): Promise<RunSummary> {
    return Promise.resolve(this.#run.summary());
  }

  figures(): Promise<RunFigures> {
    return Promise.resolve(this.#run.figures());
  }

  listIkeSas(start: number, len: number): Promise<IkeSaSummary[]> {
    return Promise.resolve(this.#run.sas.ikeSas(start, len));
  }

  ikeSa(spi: bigint): Promise<IkeSaDump | undefined> {
    return Promise.resolve(this.#run.sas.ikeSa(spi));
  }

  childSas(ikeSpi: bigint): Promise<number[] | undefined> {
    return Promise.resolve(this.#run.sas.childSas(ikeSpi));
  }

  childSa(spi: number): Promise<ChildSaDump | undefined> {
    return Promise.resolve(this.#run.sas.childSa(spi));
  }

  poolUsage(): Promise<PoolsUsage> {
    const { pools } = this.#run.loop.endpoint.env;
    const usage = (pool: AddressPool | undefined) =>
      pool && { start: pool.plan.first, assigned: pool.assigned };
    return Promise.resolve({ v4: usage(pools?.v4), v6: usage(pools?.v6) });
  }

  pings(start: number, len: number): Promise<PingTaskView[]> {
    return Promise.resolve(this.#run.ping.list(start, len));
  }

  pingTotals(): Promise<{ readonly sent: number; readonly received: number }> {
    return Promise.resolve(this.#run.ping.totals);
  }

  clearPings(): Promise<void> {
    return Promise.resolve(this.#run.ping.clear());
  }

  rekeyChild(spi: number): Promise<RekeyOutcome> {
    return this.#run.rekeys.child(spi);
  }

  rekeyIke(spi: bigint): Promise<RekeyIkeOutcome> {
    return this.#run.rekeys.ikeSa(spi);
  }

  stop(gracefully: boolean): void {
    this.#run.stop(gracefully);
  }
}
