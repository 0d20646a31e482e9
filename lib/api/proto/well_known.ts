/**
 * The messages of google.protobuf that our proto files use, as types.
 * @module
 */

/** A point in time; what is left out is 0. */
export interface Timestamp {
  /** Whole seconds since 1970, in UTC. */
  readonly seconds?: number | string | undefined;
  /** Nanoseconds behind them, 0 to 999,999,999. */
  readonly nanos?: number | undefined;
}

/** `Timestamp` as it is read. */
export interface TimestampRead {
  /** Whole seconds since 1970, in UTC, as decimal text. */
  readonly seconds: string;
  /** Nanoseconds behind them, 0 to 999,999,999. */
  readonly nanos: number;
}

/** A span of time; what is left out is 0. */
export interface Duration {
  /** Whole seconds. */
  readonly seconds?: number | string | undefined;
  /** Nanoseconds beside them, of the same sign. */
  readonly nanos?: number | undefined;
}

/** `Duration` as it is read. */
export interface DurationRead {
  /** Whole seconds, as decimal text. */
  readonly seconds: string;
  /** Nanoseconds beside them, of the same sign. */
  readonly nanos: number;
}
