import assert from "node:assert/strict";
import { parseSpi } from "@/cli/shell_commands.ts";
import { splitLine, withTwoDashes } from "@/cli/shell_words.ts";

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
  Deno.test(`the words of <${line}>`, () => assert.deepEqual(splitLine(line), words));
}

Deno.test("long options may have one dash or two, short ones have one", () => {
  const words = ["list", "-start", "1", "-len=2", "--len", "-l", "-kw", "-lens", "start"];
  const same = ["list", "--start", "1", "--len=2", "--len", "-l", "--kw", "-lens", "start"];
  assert.deepEqual(withTwoDashes(words), same);
});

Deno.test("the value of a short option may follow an equals sign", () => {
  const words = ["stop", "-g=false", "-l=4", "-G=x", "=", "-g", "a=b"];
  const same = ["stop", "-g", "false", "-l", "4", "-G=x", "=", "-g", "a=b"];
  assert.deepEqual(withTwoDashes(words), same);
});

Deno.test("an SPI is typed in any case, with or without leading zeros", () => {
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
