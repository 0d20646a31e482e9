/**
 * What the program writes about setups: the default file, the compact form of a file, and the table of
 * options for the documentation.
 */
import assert from "node:assert/strict";
import { readSetup } from "@/setup/read.ts";
import { namesOf, ROOT, type Section } from "@/setup/schema.ts";
import { compactSetup, defaultSetup, optionsMarkdown, withOptions } from "@/setup/write.ts";
import { CLIENT, GATEWAY } from "./_rig.ts";

/** The setup of a text that need not be complete. */
const unchecked = (text: string) => readSetup(text, "f", { unchecked: true });

Deno.test("the default file gives the same setup as an empty file, without a warning", () => {
  const { setup, warnings } = unchecked(defaultSetup());
  assert.deepEqual(setup, unchecked("").setup);
  assert.deepEqual(warnings, []);
});

Deno.test("the default file is valid as soon as the required options have values", () => {
  const required = {
    startclntaddr: "10.0.0.1/24",
    peeraddr: "10.0.0.2",
    bindifname: "eth0",
    psk: "x",
  };
  let text = defaultSetup();
  for (const [name, value] of Object.entries(required)) {
    text = text.replace(new RegExp(`^( *${name}:) ""$`, "m"), `$1 ${value}`);
  }
  assert.equal(readSetup(text, "f").setup.ikeconf.psk, "x");
  assert.equal(readSetup(text.replace("role: client", "role: gateway"), "f").setup.role, "gateway");
});

Deno.test("the default file and the table of the documentation name every option", () => {
  const namesBelow = (s: Section): string[] => [
    ...namesOf(s),
    ...[...Object.values(s.sections), ...Object.values(s.lists)].flatMap(namesBelow),
  ];
  const file = defaultSetup();
  const table = optionsMarkdown();
  for (const name of new Set(namesBelow(ROOT))) {
    assert.match(file, new RegExp(`^[ -]*${name}:`, "m"), name);
  }
  for (const name of Object.keys(ROOT.options)) {
    assert.match(table, new RegExp(`^\\| \`${name}\` `, "m"));
  }
  const rows = table.split("\n").filter((line) => line.startsWith("|"));
  for (const row of rows) assert.equal(row.replaceAll("\\|", "").split("|").length, 7, row);
});

Deno.test("each option of the default file has its meaning above it", () => {
  const lines = defaultSetup().split("\n");
  for (const [i, line] of lines.entries()) {
    if (!/^[ -]*\w+: \S/.test(line)) continue;
    assert.match(lines[i - 1]!, /^ *# \S/, line);
  }
});

Deno.test("compact removes options that equal their defaults, and options that never had an effect", () => {
  const text = `# the head of a file

# who initiates
role: client
desc: ""
numberoftunnels: 10   # as many as ever
startclntaddr: 10.0.0.1/24
peeraddr: 10.0.0.254
bindifname: eth0
flapconf:
  flapping: no
poolconf:
ikeconf:
  psk: 0123
  retraninterval: 0m10s
  dhgrpid: 14
  ikeprfalg: [SHA256]
  ikev2msgmaxsize: 1500
  ppk:
    id: null
  childlist:
    - encalg: null
      liftime: 5m
      ownts: [{type: v6}]
      peerts: [{startport: 0}]
`;
  const compact = compactSetup(text, "f");
  assert.equal(
    compact,
    `# the head of a file

startclntaddr: 10.0.0.1/24
peeraddr: 10.0.0.254
bindifname: eth0
ikeconf:
  psk: 0123
  childlist:
    - encalg: null
      ownts: [ { type: v6 } ]
`,
  );
  assert.deepEqual(unchecked(compact).setup, unchecked(text).setup);
});

Deno.test("compact keeps each entry of a list that has several", () => {
  const text = `${CLIENT}  childlist: [{esn: false}, {encalg: 3des, tunnelmode: true}]\n`;
  const compact = compactSetup(text, "f");
  assert.equal(unchecked(compact).setup.ikeconf.childlist.length, 2);
  assert.deepEqual(unchecked(compact).setup, unchecked(text).setup);
  const same = "ikeconf: {childlist: [{lifetime: 5m}, {esn: no}]}\n";
  assert.equal(compactSetup(same, "f"), "ikeconf: { childlist: [ {}, {} ] }\n");
});

Deno.test("compact keeps the NULL cipher, and removes an empty value", () => {
  const child = (text: string) => compactSetup(`ikeconf: {childlist: {${text}}}\n`, "f");
  for (const empty of ["encalg", "encalg: ", "encalg: ~"]) assert.equal(child(empty), "");
  assert.equal(child("encalg: null"), "ikeconf: { childlist: { encalg: null } }\n");
});

Deno.test("compact keeps a wrong value of an option that only the other role reads", () => {
  const text = "role: gateway\npeeraddr: { a: b }\nikeconf:\n  ratunnel: [ [ x ] ]\n";
  assert.equal(compactSetup(text, "f"), text);
});

Deno.test("compact keeps texts that YAML would read as another type", () => {
  for (const psk of ['"null"', "'~'", '""', '" a"', "0x00", "'&x'", '"a\\tb"', "'#'", "'a: b'"]) {
    const text = GATEWAY.replace("secret", psk);
    assert.deepEqual(unchecked(compactSetup(text, "f")).setup, unchecked(text).setup, psk);
  }
});

Deno.test("the compact form of a file that needs --lenient does not need it", () => {
  const text = `${CLIENT}colour: red\nencalg: 3des\nconstructor: 1\n__proto__: {a: 1}\n`;
  assert.throws(() => compactSetup(text, "f"), /Unknown option colour/);
  const compact = compactSetup(text, "f", true);
  assert.deepEqual(readSetup(compact, "f").setup, readSetup(CLIENT, "f").setup);
});

Deno.test("the compact form of a file without settings is empty", () => {
  for (const text of ["", "role: client\n", "ikeconf:\n", "ikeconf: {childlist: [{}]}\n"]) {
    const compact = compactSetup(text, "f");
    assert.deepEqual(unchecked(compact).setup, unchecked("").setup);
    assert.equal(compact, "");
  }
  assert.equal(compactSetup("# a\n# b\n\nrole: client\n", "f"), "# a\n# b\n");
});

Deno.test("setting an option does not change the others of a file", () => {
  const texts = [
    "# only a comment\n",
    "apilistenaddr: 127.0.0.1 # here\nrole: client\n",
    "{role: client, ikeconf: {psk: x}}",
    "\ufeffrole: gateway\r\nbindifname: eth1\r\n",
    "ikeconf:\n  psk: \"&d: #x 'y' ☺ \\u00e9\"\n  childlist:\n  - ownts: [{startaddr: 10.0.0.0}]\n",
    "ikeconf: {psk: 0123, myid: '1.0', peerid: ~}\ndesc: |\n  two\n  lines\n",
    `desc: ${"long words ".repeat(40)}\n`,
    defaultSetup(),
  ];
  for (const text of texts) {
    const read = (content: string) => readSetup(content, "x", { unchecked: true }).setup;
    const written = read(withOptions(text, { apilistenaddr: "fd00::7", apilistenport: "9" }));
    assert.deepEqual([...written.apilistenaddr!], [0xfd, 0, ...Array(13).fill(0), 7]);
    assert.equal(written.apilistenport, 9);
    const rest = (setup: object) => ({ ...setup, apilistenaddr: 0, apilistenport: 0 });
    assert.deepEqual(rest(written), rest(read(text)), text);
  }
});
