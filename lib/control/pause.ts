/**
 * A pause that can be cancelled.
 * @module
 */

/** Resolves after `ms` milliseconds, or when `cancel` is aborted. */
export function pause(ms: number, cancel: AbortSignal): Promise<void> {
  if (ms <= 0 || cancel.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      cancel.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    cancel.addEventListener("abort", done);
  });
}
