import assert from "node:assert/strict";
import { parseSpi } from "@/cli/shell_commands.ts";
import { splitLine, withTwoDashes } from "@/cli/shell_words.ts";

/** Each line with its words; undefined if a quote or an escape is not complete. */
const LINES: readonly (readonly [line: string, words: readonly string[] | undefined])[] = [
  ["", []],
  ["   ", []],
  [" list  -start 1 ", ["list", "-start", "1"]],
  ["log -kw 'two words'", ["log", "-kw", "two words"]],
  ['log -kw "a \\" quote"', ["log", "-kw", 'a " quote']],
  ["log -kw it\\'s", ["log", "-kw", "it's"]],
  ["log -kw pre'fix ed'", ["log", "-kw", "prefix ed"]],
  ["log -kw ''", ["log", "-kw", ""]],
  ["log -kw 'open", undefined],
  ['log "open', undefined],
  ["log \\", undefined],
];

for (const [line, words] of LINES) {
  const shown = words ? `the words ${JSON.stringify(words)}` : "nothing, as it is not complete";
  Deno.test(`the line <${line}> is split into ${shown}`, () => {
    assert.deepEqual(splitLine(line), words);
  });
}

Deno.test("a long option may begin with one dash or two, and a short one begins with one", () => {
  const words = ["list", "-start", "1", "-len=2", "--len", "-l", "-kw", "-lens", "start"];
  const expected = ["list", "--start", "1", "--len=2", "--len", "-l", "--kw", "-lens", "start"];
  assert.deepEqual(withTwoDashes(words), expected);
});

Deno.test("the value of a short option may follow an equals sign", () => {
  const words = ["stop", "-g=false", "-l=4", "-G=x", "=", "-g", "a=b"];
  const expected = ["stop", "-g", "false", "-l", "4", "-G=x", "=", "-g", "a=b"];
  assert.deepEqual(withTwoDashes(words), expected);
});

Deno.test("an SPI is read in any case, with or without leading zeros", () => {
  const ike = parseSpi(16);
  const child = parseSpi(8);
  assert.equal(ike("00000000000000ab"), 0xabn);
  assert.equal(ike("AB"), 0xabn);
  assert.equal(ike("0xaB"), 0xabn);
  assert.equal(ike("0"), 0n);
  assert.equal(ike("FEDCBA9876543210"), 0xfedcba9876543210n);
  assert.equal(child("00000000FEDCBA98"), 0xfedcba98n);
  for (const text of ["", "0x", "x", "12g", "-1", "1 2", "1FEDCBA9876543210"]) {
    assert.throws(() => ike(text), /up to 16 hex digits/, text);
  }
  assert.throws(() => child("1FEDCBA98"), /up to 8 hex digits/);
});
