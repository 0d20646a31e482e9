/**
 * The exit statuses of the process.
 * @module
 */

/** The command succeeded; a test passed. */
export const EXIT_PASSED = 0;
/** The test ran and failed. */
export const EXIT_FAILED = 1;
/** The setup, the options or the system do not allow the command. */
export const EXIT_USAGE = 2;
