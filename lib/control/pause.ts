/**
 * Waiting that can be cut short.
 * @module
 */

/** Resolves after so many milliseconds, or when `cancel` is raised. */
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
