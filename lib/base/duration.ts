/**
 * Durations as setup files write them: `1h2m3.5s`, with the units h, m, s, ms, us or µs and ns, or a plain
 * `0`.
 * @module
 */

const UNIT_MS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  us: 1e-3,
  "µs": 1e-3, // U+00B5 MICRO SIGN
  "μs": 1e-3, // U+03BC GREEK SMALL LETTER MU
  ns: 1e-6,
};

/** Milliseconds of a duration; undefined if it is none, or negative. */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  if (!/^(\d+(\.\d*)?|\.\d+)(h|m|s|ms|us|µs|μs|ns)/.test(text)) return undefined;
  let ms = 0;
  let rest = text;
  while (rest !== "") {
    const part = /^(\d+\.?\d*|\.\d+)(ms|us|µs|μs|ns|h|m|s)/.exec(rest);
    if (!part) return undefined;
    ms += Number(part[1]) * UNIT_MS[part[2]!]!;
    rest = rest.slice(part[0].length);
  }
  return ms;
}

/** The shortest text that {@linkcode parseDuration} reads back as `ms`: `1h2m3.5s`, `100ms`, `0s`. */
export function showDuration(ms: number): string {
  if (ms === 0) return "0s";
  if (ms < 1) return ms >= 1e-3 ? `${trim(ms * 1e3)}us` : `${trim(ms * 1e6)}ns`;
  if (ms < 1_000) return `${trim(ms)}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor(ms % 3_600_000 / 60_000);
  const seconds = ms % 60_000 / 1_000;
  const parts = [hours ? `${hours}h` : "", minutes ? `${minutes}m` : ""];
  if (seconds || (!hours && !minutes)) parts.push(`${trim(seconds)}s`);
  return parts.join("");
}

function trim(value: number): string {
  return String(Number(value.toFixed(9)));
}
