import assert from "node:assert/strict";
import { Command } from "commander";
import { fraction, parseFlush, parseSwitch, settleSwitches, wholeNumber } from "@/cli/options.ts";

/** A command with switches of each kind, and with options that take a value. */
function command(): Command {
  return new Command("test")
    .option("-j, --json [bool]", "", parseSwitch)
    .option("-i, --invokeshell [bool]", "", parseSwitch)
    .option("--flush [bool]", "", parseFlush, true)
    .option("-l, --licfile <file>", "")
    .option("--lf <file>", "");
}

/** Each line of words with the words into which `settleSwitches` changes it. */
const SETTLED: readonly (readonly [line: string, settled: string])[] = [
  ["--flush=false a.yaml", "--flush=false a.yaml"],
  ["--flush false a.yaml", "--flush=false a.yaml"],
  ["--flush force a.yaml", "--flush=force a.yaml"],
  ["--flush a.yaml", "--flush=true a.yaml"],
  ["--json a.yaml", "--json=true a.yaml"],
  ["a.yaml -j", "a.yaml --json=true"],
  ["-j no a.yaml", "--json=no a.yaml"],
  ["-ij false a.yaml", "--invokeshell=true --json=false a.yaml"],
  ["-j=no a.yaml", "--json=no a.yaml"],
  ["-l=lic a.yaml", "--licfile=lic a.yaml"],
  ["-x=1 a.yaml", "-x=1 a.yaml"],
  ["-jl lic a.yaml", "--json=true --licfile lic a.yaml"],
  ["--lf --json a.yaml", "--lf --json a.yaml"],
  ["--lf=x --json a.yaml", "--lf=x --json=true a.yaml"],
  ["-x --nothing 1 a.yaml", "-x --nothing 1 a.yaml"],
  ["-- --json true", "-- --json true"],
  ["--licfile", "--licfile"],
];

for (const [line, settled] of SETTLED) {
  Deno.test(`the words "${line}" are read as "${settled}"`, () => {
    assert.equal(settleSwitches(command(), line.split(" ")).join(" "), settled);
  });
}

Deno.test("commander reads the words with settled switches as they are meant", () => {
  const parsed = command().argument("<setup>").exitOverride();
  parsed.parse(settleSwitches(parsed, ["--json", "a.yaml", "--flush", "false"]), { from: "user" });
  assert.deepEqual(parsed.args, ["a.yaml"]);
  assert.deepEqual(parsed.opts(), { json: true, flush: false });
});

Deno.test("a switch accepts the words true, yes, on, 1 and their opposites, and no others", () => {
  for (const word of ["true", "yes", "on", "1", "TRUE"]) assert.equal(parseSwitch(word), true);
  for (const word of ["false", "no", "off", "0", "No"]) assert.equal(parseSwitch(word), false);
  for (const word of ["", "2", "force", "ja"]) {
    assert.throws(() => parseSwitch(word), /true or false/);
  }
  assert.equal(parseFlush("force"), "force");
  assert.throws(() => parseFlush("forced"), /true or false/);
});

Deno.test("numbers outside their range are refused", () => {
  const upTo100 = wholeNumber(1, 100);
  assert.equal(upTo100("100"), 100);
  for (const text of ["0", "101", "-1", "1.5", "0x10", "1e2", "", " 1"]) {
    assert.throws(() => upTo100(text), /whole number from 1 to 100/, text);
  }
  assert.equal(fraction("0.3"), 0.3);
  for (const text of ["-0.1", "1.1", "", " ", "x"]) assert.throws(() => fraction(text), /0 to 1/);
});
