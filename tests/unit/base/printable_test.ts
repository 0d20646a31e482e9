import assert from "node:assert/strict";
import { printable, printableEntry, printableLine } from "@/base/printable.ts";

const STEERING: [text: string, printed: string][] = [
  ["\x1b[2J\x1b]0;title\x07", "\\u001b[2J\\u001b]0;title\\u0007"],
  ["\x9b31m", "\\u009b31m"],
  ["a\rb\x08c\x7f", "a\\u000db\\u0008c\\u007f"],
  ["abc\u202edcb\u2066", "abc\\u202edcb\\u2066"],
  ["zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"],
  ["tag\u{e0041}", "tag\\udb40\\udc41"],
  ["\u2028\ud800", "\\u2028\\ud800"],
  ["plain ☺ ß\ttext\nof two lines", "plain ☺ ß\ttext\nof two lines"],
];

Deno.test("what would steer a terminal is shown as an escape", () => {
  for (const [text, printed] of STEERING) assert.equal(printable(text), printed);
});

Deno.test("a line of JSON means the same afterwards", () => {
  for (const [text] of STEERING) {
    const line = printable(JSON.stringify({ text }));
    assert.equal(JSON.parse(line).text, text);
    assert.doesNotMatch(line, /[\p{Cc}\p{Cf}]/u);
  }
});

Deno.test("one line stays one line, and an entry of a log looks like one entry", () => {
  assert.equal(printableLine("a\nb\tc\x1b"), "a\\nb\\tc\\u001b");
  assert.equal(printableEntry("a\n2026-01-31 CRIT  b"), "a\n  2026-01-31 CRIT  b");
});
