/**
 * Where a daemon listens unless it is told otherwise.
 * @module
 */

/** The Unix socket unless `--socket` says otherwise. */
export const DAEMON_SOCKET = "/run/myikev2/daemon.sock";
