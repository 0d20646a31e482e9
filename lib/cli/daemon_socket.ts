/**
 * The default Unix socket of the daemon.
 * @module
 */

/** Path of the Unix socket unless `--socket` names another. */
export const DAEMON_SOCKET = "/run/myikev2/daemon.sock";
