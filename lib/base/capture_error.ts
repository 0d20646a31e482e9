/**
 * The error of captures.
 * @module
 */

/** A capture that cannot be read; the message does not name the file. */
export class CaptureError extends Error {
  override name = "CaptureError";
}
