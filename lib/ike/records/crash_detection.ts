/**
 * Quick crash detection (RFC 6290): what an end does about tokens by which the other one learns that it has
 * lost its IKE SAs.
 * @module
 */

/** What an end does; both may do both. */
export interface CrashDetectionConfig {
  /** The secret of an end that makes tokens, which must outlive its restart; absent: it makes none. */
  readonly secret?: Uint8Array;
  /** Whether it keeps the token of its peer, and believes it. */
  readonly takes: boolean;
}

/** The most answers with tokens in a second, as the requests are not authenticated (RFC 6290 §10.2). */
export const CRASH_ANSWERS_MAX = 100;

/** What an endpoint has answered to messages of IKE SAs that it does not know. */
export interface CrashAnswers {
  sinceMs: number;
  /** Number of answers since then. */
  count: number;
  /** Number of all answers. */
  total: number;
}
