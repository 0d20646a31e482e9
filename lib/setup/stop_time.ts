/**
 * How much longer than `stoptimeout` the end of a test may take; the run and the daemon that waits for it share
 * the figure.
 * @module
 */

/** Milliseconds that each tunnel may add to an end whose Deletes are answered. */
export const STOP_MS_PER_TUNNEL = 5;
