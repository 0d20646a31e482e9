/**
 * What a run sends through its tunnels to measure them, pings and traffic, as its end sees it.
 * @module
 */

/** Something that is measured until the end. */
export interface Probe {
  /**
   * Stops sending. `done` is called when all answers have come or time is up; within the turn if nothing is
   * waited for.
   */
  end(nowMs: number, isPatient: boolean, done: () => void): void;
  /** Ends the wait at once. */
  hurry(): void;
  /** The reason why it makes the test fail; undefined: it does not. */
  shortfall(): string | undefined;
}

/** Several of them as one. */
export function allProbes(probes: readonly Probe[]): Probe {
  return {
    end(nowMs, isPatient, done) {
      let left = probes.length;
      for (const probe of probes) {
        probe.end(nowMs, isPatient, () => {
          if (--left === 0) done();
        });
      }
    },
    hurry() {
      for (const probe of probes) probe.hurry();
    },
    shortfall() {
      for (const probe of probes) {
        const why = probe.shortfall();
        if (why) return why;
      }
      return undefined;
    },
  };
}
