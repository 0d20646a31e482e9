import assert from "node:assert/strict";
import { showAddress } from "@/base/address.ts";
import { readControllerFile } from "@/control/controller_file.ts";
import { EXAMPLE_CONTROLLER_FILE, EXAMPLE_RECIPE } from "@/control/example.ts";
import { readRecipe } from "@/control/recipe.ts";
import { SetupErrors } from "@/setup/read.ts";

/** A controller file as users have it. */
const CONTROLLER_FILE = `daemonlist:
  svr1:
    daemonaddr: 192.0.2.1
    daemonport: 12240
    sshaddr: 192.0.2.3
    sshport: 2022
    sshuser: root
    sshpass: "a: secret"
    sshkeypath: ""
    mgmtaddrprefix: 2001:db8:1::/64
  svr2:
    daemonaddr: host-2.example
varlist:
  '%DIRPREFIX%': /var/testcases
autoassignmgmtip: false
`;
const controller = readControllerFile(CONTROLLER_FILE, "lab/c.conf").value;

/** The errors that reading a file throws; none if it is accepted. */
function errorsOf(read: () => unknown): string[] {
  try {
    read();
  } catch (e) {
    assert.ok(e instanceof SetupErrors, String(e));
    return e.errors.map(({ message }) => message);
  }
  return [];
}

Deno.test("a controller file as users have it is read, with a warning about its password", () => {
  const { value, warnings } = readControllerFile(CONTROLLER_FILE, "lab/c.conf");
  const first = value.daemons.get("svr1")!;
  assert.deepEqual([first.address, first.port, first.ssh.address, first.ssh.port], [
    "192.0.2.1",
    12240,
    "192.0.2.3",
    2022,
  ]);
  const { user, password, keyPath } = first.ssh;
  assert.deepEqual([user, password, keyPath], ["root", "a: secret", ""]);
  assert.equal(showAddress(first.managementPrefix!.address), "2001:db8:1::");
  assert.equal(first.managementPrefix!.bits, 64);
  assert.equal(value.assignsAddresses, false);
  assert.deepEqual([...value.variables], [["%DIRPREFIX%", "/var/testcases"]]);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /^lab\/c\.conf:8:5: sshpass is a password in a file/);
});

Deno.test("options that a daemon does not have take their defaults", () => {
  const { port, ssh, tls, managementPrefix } = controller.daemons.get("svr2")!;
  assert.deepEqual([port, ssh.address, ssh.port, ssh.user, managementPrefix], [
    12240,
    "host-2.example",
    22,
    "",
    undefined,
  ]);
  assert.deepEqual(tls, { certificate: "", key: "", ca: "" });
});

Deno.test("relative paths in a controller file start at the directory of the file", () => {
  const text =
    "daemonlist: {s: {daemonaddr: ::1, tlsca: ca.pem, tlscert: /c.pem, tlskey: k/k.pem, sshkeypath: id}}";
  const { tls, ssh } = readControllerFile(text.replace("::1", '"::1"'), "lab/c.conf").value.daemons
    .get("s")!;
  assert.deepEqual(tls, { certificate: "/c.pem", key: "lab/k/k.pem", ca: "lab/ca.pem" });
  assert.equal(ssh.keyPath, "lab/id");
});

/** Controller files that are refused, with the error. */
const BAD_FILES: readonly (readonly [text: string, error: RegExp])[] = [
  ["", /^c:1:1: daemonlist is empty/],
  [
    "daemonlst: {}",
    /^c:1:1: Unknown key daemonlst in the controller file; did you mean daemonlist\?$/,
  ],
  [
    "daemonlist:\n  s: {daemonadr: 192.0.2.1}",
    /^c:2:7: Unknown key daemonadr in daemonlist\.s; did you mean daemonaddr\?$/,
  ],
  ["daemonlist:\n  s: {}", /^c:2:6: daemonlist\.s needs daemonaddr$/],
  [
    "daemonlist:\n  s: {daemonaddr: -oProxyCommand}",
    /^c:2:19: Expected an IP address or a host name .*found "-oProxyCommand"$/,
  ],
  ["daemonlist:\n  s: {daemonaddr: 192.0.2.300}", /Expected an IP address or a host name/],
  ["daemonlist:\n  s: {daemonaddr: h, sshuser: -l}", /^c:2:31: Expected the name of a user/],
  [
    "daemonlist:\n  s: {daemonaddr: h, daemonport: 0}",
    /Expected a whole number from 1 to 65535 for daemonlist\.s\.daemonport/,
  ],
  ["daemonlist:\n  s: {daemonaddr: h, tlscert: c}", /daemonlist\.s: tlscert needs tlskey/],
  [
    "daemonlist:\n  s: {daemonaddr: h, tlscert: c, tlskey: k}",
    /daemonlist\.s: tlscert needs tlsca/,
  ],
  ["daemonlist:\n  s: {daemonaddr: h, mgmtaddrprefix: 192.0.2.1/32}", /mgmtaddrprefix has no room/],
  [
    "daemonlist:\n  s: {daemonaddr: h}\nautoassignmgmtip: true",
    /^c:3:1: autoassignmgmtip needs mgmtaddrprefix of s$/,
  ],
  ["daemonlist:\n  a/b: {daemonaddr: h}", /^c:2:3: Expected a daemon's name/],
  ["daemonlist: [a]", /^c:1:13: Expected keys under daemonlist, found a list$/],
  [
    "daemonlist:\n  s: {daemonaddr: h}\nvarlist: {a: [b]}",
    /Expected a text for varlist\.a, found a list/,
  ],
];

for (const [text, error] of BAD_FILES) {
  Deno.test(`a controller file is refused with the error ${error.source}`, () => {
    assert.match(errorsOf(() => readControllerFile(text, "c")).join("\n"), error);
  });
}

/** A recipe as users have it, with variables and both kinds of instances. */
const RECIPE = `name: Example
setupcmds:
- daemonname: svr1
  cmds: ls %DIRPREFIX%;cmd-2
cleancmds: []
instancelist:
  10:
    name: test-1_gateway
    daemonname: svr2
    waitinterval: 3s
    myikev2: null
    other:
      setupcmds: ""
      upcmds: ipsec up %DIRPREFIX%
      destroycmds: ""
      dataif: eth1
      dataifaddr: 172.16.100.1/24
  9:
    name: test-1_client
    daemonname: svr1
    waitinterval: 500ms
    myikev2:
      setuppath: testc.setup
      logdir: ""
    other: null
`;

Deno.test("the instances of a recipe are read in the order of their ids, with variables replaced", () => {
  const { value, warnings } = readRecipe(RECIPE, "r", controller);
  assert.deepEqual(warnings, []);
  assert.equal(value.name, "Example");
  assert.deepEqual(value.setupCommands, [
    { daemonName: "svr1", commands: "ls /var/testcases;cmd-2" },
  ]);
  assert.deepEqual(value.cleanCommands, []);
  assert.deepEqual(value.instances.map(({ id, name, waitMs }) => [id, name, waitMs]), [
    [9, "test-1_client", 500],
    [10, "test-1_gateway", 3000],
  ]);
  assert.deepEqual(value.instances[1]!.what, {
    kind: "other",
    setupCommands: "",
    upCommands: "ipsec up /var/testcases",
    destroyCommands: "",
    dataInterface: "eth1",
    dataAddress: "172.16.100.1/24",
  });
});

Deno.test("setupath is accepted for setuppath, with a warning at its position", () => {
  const withOldName = RECIPE.replace("setuppath", "setupath");
  const { value, warnings } = readRecipe(withOldName, "r", controller);
  const { what } = value.instances[0]!;
  assert.equal(what.kind === "myikev2" && what.setupPath, "testc.setup");
  assert.deepEqual(warnings, ["r:23:7: setupath is an old name of setuppath"]);
});

/** A part of the recipe, what it is replaced by, and the error for the recipe. */
const BAD_RECIPES: readonly (readonly [from: string, to: string, error: RegExp])[] = [
  [
    "daemonname: svr2",
    "daemonname: svr3",
    /^r:9:5: The controller file has no daemon svr3; did you mean svr\d\?$/,
  ],
  ["  10:", "  ten:", /^r:7:3: Expected a whole number as id/],
  ["  10:", "  +9:", /The id 9 is given twice/],
  ["myikev2: null", "myikev2: {setuppath: x}", /^r:12:5: instancelist\.10 has myikev2 and other/],
  [
    "    other: null\n",
    "    othr: null\n",
    /^r:25:5: Unknown key othr in instancelist\.9; did you mean other\?$/,
  ],
  ["waitinterval: 3s", "waitinterval: 3", /a unit is missing: 3s\?/],
  ["name: test-1_client", "name: a/b", /Expected 1 to 64 letters, digits/],
  [
    "name: test-1_client\n    daemonname: svr1",
    "name: test-1_gateway\n    daemonname: svr2",
    /test-1_gateway is on svr2 twice/,
  ],
  ["dataif: eth1", "dataif: ''", /dataifaddr needs dataif/],
  [
    "dataifaddr: 172.16.100.1/24",
    "dataifaddr: 172.16.100.1",
    /Expected an address with a prefix length/,
  ],
  [
    "cmd-2",
    `"cmd-2`,
    /^r:4:3: setupcmds\[0\]\.cmds: Cannot split the commands: a " is not closed$/,
  ],
  [`logdir: ""`, "logdir: logs", /Expected an absolute path on the daemon's host/],
  ["      setuppath: testc.setup\n", "", /instancelist\.9\.myikev2 needs setuppath/],
  ["setuppath: testc.setup", "setuppath: a\n      setupath: b", /has setuppath and setupath/],
];

for (const [from, to, error] of BAD_RECIPES) {
  Deno.test(`a recipe is refused with the error ${error.source}`, () => {
    assert.ok(RECIPE.includes(from));
    const text = RECIPE.replace(from, to);
    assert.match(errorsOf(() => readRecipe(text, "r", controller)).join("\n"), error);
  });
}

Deno.test("a recipe without instances is refused", () => {
  assert.deepEqual(errorsOf(() => readRecipe("name: none", "r", controller)), [
    "r:1:1: instancelist is empty: expected at least one instance",
  ]);
});

Deno.test("the example files are valid, and the recipe names daemons of the controller file", () => {
  const { value, warnings } = readControllerFile(EXAMPLE_CONTROLLER_FILE, "c");
  assert.deepEqual(warnings, []);
  const recipe = readRecipe(EXAMPLE_RECIPE, "r", value);
  assert.deepEqual(recipe.warnings, []);
  assert.deepEqual(recipe.value.instances.map(({ name }) => name), [
    "gateway",
    "client",
    "capture",
  ]);
  assert.equal(recipe.value.cleanCommands[0]!.commands, "rm -rf /var/tmp/myikev2");
});
