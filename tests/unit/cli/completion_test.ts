import assert from "node:assert/strict";
import { Argument, Command, Option } from "commander";
import { type Offers, offersAt } from "@/cli/completion.ts";
import { answerLines, completionScript, SHELLS } from "@/cli/completion_scripts.ts";
import { parseSwitch } from "@/cli/options.ts";

/** A program with every kind of command, option and argument. */
function sampleProgram(): Command {
  const program = new Command("program").version("1").enablePositionalOptions();
  program.command("run").description("run it; once").argument("<setup>", "")
    .option("-j, --json [bool]", "", parseSwitch)
    .option("-v, --verify [bool]", "", parseSwitch)
    .option("-f, --file <file>", "a file, e.g. of ours. And more")
    .option("--keys <dir>", "")
    .option("--no-color", "")
    .option("--word <word...>", "")
    .addOption(new Option("-l, --level <n>", "").choices(["1", "2", "none"]))
    .addOption(new Option("--hidden", "").hideHelp());
  const ask = program.command("ask").enablePositionalOptions(false)
    .configureHelp({ showGlobalOptions: true })
    .option("--server <address>", "", "here").option("--tls-ca <file>", "");
  ask.command("dump").description("all about one").argument("<spi>", "").option("--raw", "");
  ask.command("kinds").addArgument(new Argument("[kind...]", "").choices(["ike", "child"]));
  program.command("secret", { hidden: true });
  program.command("runner");
  return program;
}

/** The words that complete the last word of a line. Values of `spi` and `word` name their context. */
async function offers(line: string): Promise<Offers> {
  return await offersAt(
    sampleProgram(),
    line.split(" "),
    (name, { command, flags }, word) =>
      Promise.resolve(
        name === "spi" || name === "word"
          ? [{ value: `${word}:${command.name()}:${flags.server}`, does: "", kind: "value" }]
          : [],
      ),
  );
}

/** Each line with the words that are offered, and the kind of files that is completed too. */
const OFFERED: readonly (readonly [line: string, offered: string, files?: Offers["files"]])[] = [
  ["", "run ask runner help"],
  ["ru", "run runner"],
  ["nothing ", ""],
  ["nothing ru", ""],
  ["-", "--version --help"],
  ["-V", "-V"],
  ["--he", "--help"],
  ["help ", "run ask runner help"],
  ["help a", "ask"],
  ["help ask ", "dump kinds help"],
  ["help ask dump ", ""],
  ["help nothing ", ""],
  ["ask help ki", "kinds"],
  ["help --", ""],
  ["run ", "", "files"],
  ["run a.yaml ", ""],
  ["run --", "--json --verify --file --keys --no-color --word --level --help"],
  ["run --ver", "--verify"],
  ["run -f", "-f"],
  ["run --json --", "--verify --file --keys --no-color --word --level --help"],
  ["run -jv --", "--file --keys --no-color --word --level --help"],
  ["run --word a --wo", "--word"],
  ["run --no-color --no", ""],
  ["run --no-color ", "", "files"],
  ["run --file ", "", "files"],
  ["run --file=", "", "files"],
  ["run -f ", "", "files"],
  ["run --file --json ", "", "files"],
  ["run --keys ", "", "directories"],
  ["run --keys=x", "", "directories"],
  ["run --level ", "1 2 none"],
  ["run -l n", "none"],
  ["run --level=n", "--level=none"],
  ["run --level 1 ", "", "files"],
  ["run --json ", "true false", "files"],
  ["run --json=t", "--json=true"],
  ["run --json false ", "", "files"],
  ["run --json a.yaml ", ""],
  ["run -jl ", "1 2 none"],
  ["run --nothing=", ""],
  ["run --no-color=", ""],
  ["run -- --", "", "files"],
  ["run -- -x ", ""],
  ["ask ", "dump kinds help"],
  ["ask --server x ", "dump kinds help"],
  ["ask dump 1", "1:dump:here"],
  ["ask --server x dump 1", "1:dump:x"],
  ["ask dump --server=y 1", "1:dump:y"],
  ["ask dump 1 ", ""],
  ["ask dump --", "--raw --help --server --tls-ca"],
  ["ask dump --tls-ca ", "", "files"],
  ["ask kinds ike c", "child"],
];

for (const [line, offered, files = "none"] of OFFERED) {
  Deno.test(`the line <${line}> is completed by <${offered}>, with files: ${files}`, async () => {
    const { offers: found, files: kindOfFiles } = await offers(line);
    assert.deepEqual([found.map((o) => o.value).join(" "), kindOfFiles], [offered, files]);
  });
}

Deno.test("an answer to a completion script has the kind of files first, then the words, with their meanings unless the script asks for none", async () => {
  const found = await offers("ru");
  assert.deepEqual(answerLines(found, true), ["none", "run\trun it", "runner"]);
  assert.deepEqual(answerLines(found, false), ["none", "run", "runner"]);
  const [, file] = answerLines(await offers("run --fi"), true);
  assert.equal(file, "--file\ta file, e.g. of ours");
});

for (const shell of SHELLS) {
  Deno.test(`the script for ${shell} asks for descriptions unless --no-descriptions is set`, () => {
    assert.match(completionScript(shell, true), / __complete -- /);
    assert.match(completionScript(shell, false), / __complete --no-descriptions -- /);
  });
}
