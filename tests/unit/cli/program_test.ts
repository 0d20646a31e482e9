import assert from "node:assert/strict";
import type { Command } from "commander";
import { build } from "@/cli/program.ts";

const ROOT = `${import.meta.dirname}/../../..`;

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program with these arguments. */
async function myikev2(...args: string[]): Promise<Outcome> {
  const output = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${ROOT}/main.ts`, ...args],
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = (octets: Uint8Array) => new TextDecoder().decode(octets);
  return { code: output.code, stdout: text(output.stdout), stderr: text(output.stderr) };
}

const COMMANDS = [
  "help",
  "test",
  "exec",
  "demo",
  "simulate",
  "cli",
  "daemon",
  "control",
  "echosvr",
  "createpki",
  "completion",
  "default",
  "compact",
  "version",
];

Deno.test("the help names every command, examples and the exit statuses", async () => {
  const { code, stdout } = await myikev2("--help");
  assert.equal(code, 0);
  for (const name of COMMANDS) assert.match(stdout, new RegExp(`^  ${name}\\b.*\\w{4}`, "m"));
  assert.match(stdout, /^Examples:\n {2}myikev2 demo /m);
  assert.match(stdout, /^Exit status: 0 passed, 1 failed, 2 bad setup or usage\.$/m);
});

for (const name of COMMANDS) {
  Deno.test(`the help of ${name} explains each of its options, and has an example`, async () => {
    const { code, stdout } = await myikev2(name, "--help");
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`^Usage: myikev2 ${name}`));
    const options = stdout.split("\n").filter((line) => /^ {2}-/.test(line));
    for (const line of options) assert.match(line, /^ {2}-.+? {2,}\w.*\w/, line);
    assert.match(stdout, new RegExp(`^Examples?:\n {2}myikev2 ${name}`, "m"));
  });
}

/** Each wrong command line with what the error must say. */
const MISTAKES: readonly (readonly [line: string, words: RegExp])[] = [
  ["tets my.yaml", /unknown command 'tets'\n\(Did you mean test\?\)/],
  ["dmeo", /Did you mean demo\?/],
  ["test my.yaml --jsno", /unknown option '--jsno'\n\(Did you mean --json\?\)/],
  ["demo --tunnels 0", /whole number from 1 to/],
  ["cli sumary", /unknown command 'sumary'\n\(Did you mean summary\?\)/],
  ["cli dump --json 3F0A91B2C4D5E6F71", /Expected an SPI: up to 16 hex digits/],
  ["help tset", /unknown command 'tset'\n\(Did you mean test\?\)/],
  ["help control rnu", /unknown command 'rnu'\n\(Did you mean run\?\)/],
  ["daemon histroy", /unknown command 'histroy'\n\(Did you mean history\?\)/],
  ["control rnu", /unknown command 'rnu'\n\(Did you mean run\?\)/],
  ["completion --no-descriptoins", /Did you mean --no-descriptions\?/],
  ["cli dump 3F0A91B2C4D5E6F71", /Expected an SPI: up to 16 hex digits/],
  ["cli dumpchild xyz", /Expected an SPI: up to 8 hex digits/],
  ["cli log -l 6", /Expected 1 to 5, or no/],
  ["cli list -len x", /whole number from 0 to/],
  ["cli summary --svr 127.0.0.1", /Cannot connect to 127\.0\.0\.1: expected address:port/],
  ["cli summary --svr ::1:12330", /an IPv6 address in brackets/],
  ["cli summary --tls-ca nowhere.pem", /Cannot read --tls-ca nowhere\.pem/],
  ["cli summary --tls-key deno.json", /--tls-key needs --tls-cert/],
  ["exec", /required option '-f, --setupfile <file>' not specified/],
  ["", /^Usage: myikev2/],
  ["default nothing", /'nothing' is invalid.*Allowed choices are setup, freeradius/],
  ["default freeradius -c 0", /whole number from 1 to/],
  [
    "default freeradius -f /nowhere/users",
    /Cannot write \/nowhere\/users \(--exportfile\): No such/,
  ],
  ["default freeradius --temp bob", /Cannot make 10 different users by --temp bob: it has no &d/],
  ["completion tcsh", /Allowed choices are bash, zsh, fish/],
  ["completion", /missing required argument 'shell'/],
  ["demo --transport no", /Allowed choices are auto, portable, native/],
  ["simulate --break nothing", /Cannot break nothing: rules are \w+, /],
  ["simulate --task nothing", /Cannot simulate nothing: tasks are \w+/],
  ["createpki --eekeytype dsa", /Expected one of rsa:BITS/],
  ["createpki --cakeytype rsa:1000", /Expected one of rsa:BITS/],
  ["createpki --cadir /dev/null/ca", /Cannot make the directory \/dev\/null\/ca: Not a directory/],
  ["compact", /required option '-i, --input <file>'/],
];

for (const [line, words] of MISTAKES) {
  Deno.test(`"myikev2 ${line}" ends with status 2 and says why`, async () => {
    const { code, stdout, stderr } = await myikev2(...line.split(" ").filter(Boolean));
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, words);
  });
}

Deno.test("version lists the backends that work on this machine", async () => {
  const { code, stdout } = await myikev2("version");
  assert.equal(code, 0);
  assert.match(stdout, /^myikev2 \d+\.\d+\.\d+$/m);
  assert.match(stdout, /^crypto backends: (native, )?portable$/m);
  assert.match(stdout, /^transports: +(native, )?portable$/m);
  const { stdout: short } = await myikev2("--version");
  assert.equal(short, `${stdout.split("\n")[0]}\n`);
});

Deno.test("default writes a setup, and compact makes a much smaller file of it that loads to the same setup", async () => {
  const dir = await Deno.makeTempDir();
  const written = await myikev2("default", "-f", `${dir}/a`);
  assert.deepEqual([written.code, written.stderr], [0, `wrote ${dir}/a\n`]);
  const compact = await myikev2("compact", "-i", `${dir}/a`, "-o", `${dir}/b`, "--check");
  assert.equal(compact.code, 0, compact.stderr);
  assert.match(compact.stderr, /both files give the same setup/);
  assert.ok(Deno.statSync(`${dir}/b`).size < Deno.statSync(`${dir}/a`).size / 10);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("default freeradius writes the template once for each user, with the index of the user in place of &d", async () => {
  const dir = await Deno.makeTempDir();
  const { code, stderr } = await myikev2("default", "freeradius", "-f", `${dir}/users`);
  assert.deepEqual([code, stderr], [0, `wrote ${dir}/users\n`]);
  const bob = (i: number) => `bob${i}    Cleartext-Password := "bob"\n`;
  const ten = Array.from({ length: 10 }, (_, i) => bob(i)).join("");
  assert.equal(Deno.readTextFileSync(`${dir}/users`), ten);
  const many = await myikev2(
    ...[
      "default",
      "freeradius",
      "-f",
      "-",
      "-c",
      "20000",
      "--temp",
      'u&d Cleartext-Password := "&d"',
    ],
  );
  const lines = many.stdout.split("\n");
  assert.deepEqual([lines.length, lines.at(-1)], [20_001, ""]);
  for (const i of [0, 9, 10, 19_999]) assert.equal(lines[i], `u${i} Cleartext-Password := "${i}"`);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("the command help shows the help of a subcommand, and the help of the program without an argument", async () => {
  const { code, stdout } = await myikev2("help", "control", "run");
  assert.equal(code, 0);
  assert.match(stdout, /^Usage: myikev2 control run /);
  assert.equal((await myikev2("help")).stdout, (await myikev2("--help")).stdout);
});

/** All commands with their full names, subcommands included. */
function* commandsBelow(parent: Command, parentName: string): Generator<[name: string, Command]> {
  for (const command of parent.commands) {
    const name = `${parentName} ${command.name()}`;
    yield [name, command];
    yield* commandsBelow(command, name);
  }
}

Deno.test("every command and subcommand has examples, and an explanation of each option and argument", () => {
  let seen = 0;
  for (const [name, command] of commandsBelow(build(() => {}), "myikev2")) {
    if (/not there yet/.test(command.description())) continue;
    seen++;
    let text = "";
    command.configureOutput({ writeOut: (part) => text += part }).outputHelp();
    const [, examples = ""] = /^Examples?:\n((?: {2}.*\n?)+)/m.exec(text) ?? [];
    assert.ok(examples.includes(name), `${name}: ${text}`);
    for (const { flags, description } of command.options) {
      assert.ok(description, `${name} ${flags}`);
    }
    for (const argument of command.registeredArguments) {
      assert.ok(argument.description, `${name} ${argument.name()}`);
    }
  }
  assert.ok(seen > 25, `${seen} commands`);
});
