/**
 * Recipes over both hosts: some that pass, some that fail, and what they leave.
 * @module
 */
import type { Checks } from "./checks.ts";
import { type Lab, PASSWORD, run, TAG } from "./lab.ts";
import { CLIENT, GATEWAY, writeRecipe, writeSetups } from "./recipes.ts";

async function checkPair(checks: Checks, lab: Lab): Promise<void> {
  writeSetups(lab);
  const config = lab.controllerFile("controller.conf");
  const recipe = writeRecipe(lab, "pair.recipe");
  const before = await lab.seen();
  const running = lab.control("run", "pair.recipe", "-c", config, "--junit", "pair.xml");
  const argumentsSeen = await watchArguments(running);
  const { code, stdout, stderr } = await running;
  checks.equal("pair: exit status", code, 0);
  checks.match(
    "pair: the table has the gateway first",
    stdout,
    new RegExp(
      `^id +instance +daemon .*\n1 +${GATEWAY} +svrb +gateway +passed +10 of 10 .*\n2 +${CLIENT} +svra +client +passed +10 of 10 `,
    ),
  );
  checks.match("pair: and the verdict", stdout, /\na pair & more: passed\n$/);
  checks.match(
    "pair: the old name of setuppath is a warning with its place",
    stderr,
    /pair\.recipe:18:7: setupath is an old name of setuppath/,
  );
  checks.match(
    "pair: so is the password",
    stderr,
    /controller\.conf:\d+:5: sshpass is a password in a file/,
  );
  checks.that("pair: the password stands in no line", !(stdout + stderr).includes(PASSWORD));
  checks.that(
    "pair: ssh was seen at work",
    argumentsSeen.some((a) => a.includes("sleep 1; echo by password")),
    argumentsSeen,
  );
  checks.that(
    "pair: the password was no argument of anything",
    !argumentsSeen.some((a) => a.includes(PASSWORD)),
  );
  const a = Deno.readTextFileSync(lab.path("clean_a"));
  checks.match(
    "pair: setupcmds ran by key, on their host, before the instances",
    a,
    /^by key\n\d+: da@/,
  );
  checks.equal(
    "pair: and by password",
    Deno.readTextFileSync(lab.path("setup_b")),
    "by password\n",
  );
  checks.equal("pair: cleancmds ran", Deno.readTextFileSync(lab.path("clean_b")), "clean\n");
  checks.match(
    "pair: the controller gave the management address",
    Deno.readTextFileSync(lab.path(`logs/${CLIENT}.yaml`)),
    /apilistenaddr: "?2001:db8:1::2"?/,
  );
  checks.equal("pair: JUnit, read by python", await junitOf(lab, "pair.xml"), {
    name: "a pair & more",
    tests: "6",
    failures: "0",
    errors: "0",
    skipped: "0",
    cases: [
      [
        "svra",
        `setupcmds: echo by key > ${lab.directory}/setup_a; ip link show da >> ${lab.directory}/setup_a`,
        [],
      ],
      ["svrb", `setupcmds: sleep 1; echo by password > ${lab.directory}/setup_b`, []],
      ["svrb", GATEWAY, []],
      ["svra", CLIENT, []],
      ["svra", `cleancmds: mv ${lab.directory}/setup_a ${lab.directory}/clean_a`, []],
      ["svrb", `cleancmds: echo clean > ${lab.directory}/clean_b`, []],
    ],
  });
  checks.equal("pair: nothing is left", await lab.seen(), before);
  await Deno.remove(recipe);
}

/** Checks a client with another secret: table, statuses and XML report it, and nothing is left. */
async function checkFailing(checks: Checks, lab: Lab): Promise<void> {
  writeSetups(lab, "another secret");
  const config = lab.controllerFile("controller.conf");
  writeRecipe(lab, "failing.recipe");
  const before = await lab.seen();
  const words = ["run", "failing.recipe", "-c", config, "--json", "--junit", "failing.xml"];
  const { code, stdout } = await lab.control(...words);
  checks.equal("failing: exit status", code, 1);
  const result = JSON.parse(stdout) as { result: string; instances: { result: string }[] };
  checks.equal("failing: the result in JSON", result.result, "failed");
  // To the gateway, a client that does not authenticate is a stranger, which does not fail its test.
  checks.equal("failing: what became of each", result.instances.map((one) => one.result), [
    "stopped",
    "failed",
  ]);
  const { cases, failures } = await junitOf(lab, "failing.xml") as {
    cases: [string, string, string[]][];
    failures: string;
  };
  checks.equal("failing: JUnit counts it", failures, "1");
  checks.equal("failing: and names it", cases.filter((c) => c[2].includes("failure")).length, 1);
  checks.equal("failing: cleancmds ran", Deno.readTextFileSync(lab.path("clean_b")), "clean\n");
  checks.equal("failing: nothing is left", await lab.seen(), before);
}

/** Checks that wrong files are refused with the position of the error, before anything is done. */
async function checkRefused(checks: Checks, lab: Lab): Promise<void> {
  writeSetups(lab);
  const config = lab.controllerFile("controller.conf");
  const before = await lab.seen();
  const refused = async (name: string, words: string[], said: RegExp) => {
    const { code, stderr } = await lab.control(...words, "-c", config);
    checks.equal(`refused: ${name}: exit status`, code, 2);
    checks.match(`refused: ${name}`, stderr, said);
  };
  await refused("a recipe that is not there", ["run", "none.recipe"], /none\.recipe/);
  lab.write("unknown.recipe", "name: x\ninstancelist:\n  1:\n    daemon: svra\n");
  await refused("an unknown key", ["run", "unknown.recipe"], /unknown\.recipe:4:5: .*daemonname/);
  const text = Deno.readTextFileSync(writeRecipe(lab, "nowhere.recipe"));
  lab.write("nowhere.recipe", text.replaceAll("daemonname: svrb", "daemonname: svrx"));
  await refused(
    "a daemon nobody knows",
    ["run", "nowhere.recipe"],
    /nowhere\.recipe:\d+:\d+: .*svrx/,
  );
  lab.write("client.yaml", "role: client\nnumberoftunnels: many\n");
  writeRecipe(lab, "setup.recipe");
  await refused("a setup that does not verify", ["run", "setup.recipe"], /client\.yaml:2:18: /);
  checks.equal("refused: nothing was done", await lab.seen(), before);
}

/** Checks the shell: a recipe is started, listed and stopped line by line. */
async function checkShell(checks: Checks, lab: Lab): Promise<void> {
  writeSetups(lab);
  const config = lab.controllerFile("controller.conf");
  const before = await lab.seen();
  writeRecipe(lab, "shell.recipe");
  const first = await lab.shell(config, [
    "def -f shell.recipe",
    "list",
    "list -d svra",
    "clearping",
    "lisst",
    "stop -t nobody",
    "stop -g true -t " + CLIENT,
    `stop -g false -t svrb/${GATEWAY}`,
    "list",
    "quit",
  ]);
  checks.equal("shell: a line that failed is the status of a pipe", first.code, 1);
  checks.match("shell: list", first.stdout, new RegExp(`svra +${CLIENT}[^]*svrb +${GATEWAY}`));
  checks.match("shell: a word mistyped", first.stderr, /Did you mean list\?/);
  checks.match("shell: an instance nobody knows", first.stderr, /nobody/);
  checks.match("shell: destroyed", first.stderr, new RegExp(`${CLIENT} is destroyed on svra`));
  checks.equal("shell: cleancmds ran", Deno.readTextFileSync(lab.path("clean_b")), "clean\n");
  const second = await lab.shell(config, ["list", "help", "quit"]);
  checks.equal("shell: status without a failure", second.code, 0);
  checks.equal("shell: nothing is left", await lab.seen(), before);
}

/** The arguments of all processes that name the lab's directory, while something runs. */
async function watchArguments(running: Promise<unknown>): Promise<string[]> {
  const seen = new Set<string>();
  let isOver = false;
  const over = running.finally(() => isOver = true);
  while (!isOver) {
    for (const { name } of Deno.readDirSync("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      try {
        const words = Deno.readTextFileSync(`/proc/${name}/cmdline`).replaceAll("\0", " ");
        if (words.includes(TAG)) seen.add(words);
      } catch { /* It has ended. */ }
    }
    await Promise.race([over, new Promise((resolve) => setTimeout(resolve, 50))]);
  }
  return [...seen];
}

async function junitOf(lab: Lab, file: string): Promise<unknown> {
  const { stdout, stderr } = await run(["python3", "-c", READ_JUNIT, lab.path(file)]);
  return stdout ? JSON.parse(stdout) : stderr;
}

const READ_JUNIT = `
import json, sys, xml.etree.ElementTree as tree
suite = tree.parse(sys.argv[1]).getroot().find("testsuite")
out = {k: suite.get(k) for k in ("name", "tests", "failures", "errors", "skipped")}
out["cases"] = [[c.get("classname"), c.get("name"), [e.tag for e in c if e.tag != "system-out"]]
                for c in suite.findall("testcase")]
print(json.dumps(out))
`;

/** The checks of this file by name. */
export const recipeChecks = { checkPair, checkFailing, checkRefused, checkShell };
