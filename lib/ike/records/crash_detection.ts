/**
 * Quick crash detection (RFC 6290): the configuration of an end that makes or accepts tokens. By a token an end
 * proves to its peer that it has lost their IKE SA.
 * @module
 */

/** The configuration of an end, which may make tokens, accept those of its peer, or both. */
export interface CrashDetectionConfig {
  /** The secret of an end that makes tokens, which must outlive its restart; absent: it makes none. */
  readonly secret?: Uint8Array;
  /** Whether it keeps the token of its peer, and ends an IKE SA when the peer proves a crash by it. */
  readonly takes: boolean;
}

/** The most answers with tokens in a second, as the requests are not authenticated (RFC 6290 §10.2). */
export const CRASH_ANSWERS_MAX = 100;

/** The answers with tokens that an endpoint has sent to messages of IKE SAs that it does not have. */
export interface CrashAnswers {
  /** The beginning of the present second, in milliseconds. */
  sinceMs: number;
  /** Number of answers since then. */
  count: number;
  /** Number of all answers. */
  total: number;
}
