/**
 * The errors, with their positions, for files that are not YAML, and for YAML that setups may not use.
 */
import assert from "node:assert/strict";
import { CLIENT, errorsOf, GATEWAY, load } from "./_rig.ts";

const QUOTE = "put the value in quotes if it is meant as text";

/** The errors of CLIENT with one more line under `ikeconf`, which is line 7. */
function errorsOfLine(line: string): string[] {
  return errorsOf(`${CLIENT}  ${line}\n`);
}

Deno.test("anchors, aliases and tags are refused with their positions", () => {
  const found = (what: string) => `Expected a plain value, found a YAML ${what}; ${QUOTE}`;
  assert.deepEqual(errorsOfLine("myid: &abc"), [`7:9: ${found("anchor (&)")}`]);
  assert.deepEqual(errorsOfLine("myid: &abc def"), [`7:9: ${found("anchor (&)")}`]);
  assert.deepEqual(errorsOfLine("myid: &"), [`7:9: ${found("anchor (&)")}`]);
  assert.deepEqual(errorsOfLine("myid: *abc"), [`7:9: ${found("alias (*)")}`]);
  assert.deepEqual(errorsOfLine("myid: *"), [`7:9: ${found("alias (*)")}`]);
  assert.deepEqual(errorsOfLine("myid: !abc"), [`7:9: ${found("tag (!)")}`]);
  assert.deepEqual(errorsOfLine("myid: !abc def"), [`7:9: ${found("tag (!)")}`]);
  assert.deepEqual(errorsOfLine("myid: !!str 0123"), [`7:9: ${found("tag (!)")}`]);
  assert.deepEqual(errorsOfLine("dhgrpid: !!seq [14]"), [`7:12: ${found("tag (!)")}`]);
  assert.deepEqual(errorsOfLine("dhgrpid: [14, &a 15]"), [`7:17: ${found("anchor (&)")}`]);
  assert.deepEqual(errorsOfLine("&x myid: a"), [`7:3: ${found("anchor (&)")}`]);
  assert.deepEqual(errorsOf(CLIENT.replace("ikeconf:", "ikeconf: &all")), [
    `5:10: ${found("anchor (&)")}`,
  ]);
  assert.deepEqual(errorsOf("&all\nrole: client\n"), [`1:1: ${found("anchor (&)")}`]);
});

Deno.test("an error about a password that is not valid YAML does not show it", () => {
  for (const sign of ["&", "*", "!"]) {
    const errors = errorsOf(GATEWAY.replace("secret", `${sign}open-sesame x`)).join();
    assert.doesNotMatch(errors, /sesame/);
  }
  for (const text of ["'a' open-sesame", "]\n  open-sesame", "}\nopen-sesame: 1", "|open-sesame"]) {
    assert.doesNotMatch(errorsOf(GATEWAY.replace("secret", text)).join(), /sesame/, text);
  }
});

Deno.test("a value in quotes or in a block is read as text", () => {
  const psk = (text: string) => load(GATEWAY.replace("secret", text)).setup.ikeconf.psk;
  assert.equal(psk(`"&abc"`), "&abc");
  assert.equal(psk(`'it''s *this'`), "it's *this");
  assert.equal(psk(`"tab\\tand \\"quote\\""`), 'tab\tand "quote"');
  assert.equal(psk(`"null"`), "null");
  assert.equal(psk("|\n    two\n    lines"), "two\nlines\n");
});

Deno.test("the error for an option that is set twice names both lines", () => {
  assert.deepEqual(errorsOf(`${CLIENT}desc: a\nrole: client\n`), [
    '8:1: "role" is set twice, in line 1 and in line 8',
  ]);
  assert.deepEqual(errorsOfLine("psk: again"), [
    '7:3: "psk" is set twice, in line 6 and in line 7',
  ]);
  assert.deepEqual(errorsOf(`${CLIENT}ikeconf:\n  myid: a\n`), [
    '7:1: "ikeconf" is set twice, in line 5 and in line 7',
  ]);
  assert.deepEqual(errorsOf(`${CLIENT}"role": client\n'role': client\n`), [
    '7:1: "role" is set twice, in line 1 and in line 7',
    '8:1: "role" is set twice, in line 1 and in line 8',
  ]);
});

Deno.test("an option in the first column whose neighbours are indented is reported", () => {
  const text = `${GATEWAY}  enablenatt: false
disallownat: false
  nattkeepaliveinterval: 0s
  traditionalencap: true
pingconf:
  autoaddr: false
`;
  assert.deepEqual(errorsOf(text), [
    "6:1: disallownat has a value in this line, and the lines below are indented deeper: expected " +
    "disallownat to be indented as they are, or them to begin in its column",
  ]);
});

Deno.test("the error for a file that is not YAML says what to change, with its position", () => {
  const missing = "Expected `name: value`; is a colon or the space after it missing?";
  assert.deepEqual(errorsOfLine("psk2: a: b"), [
    "7:9: Expected one value of psk2, found a colon in it: put the value in quotes",
  ]);
  assert.deepEqual(errorsOfLine("myid: @home"), [
    '7:9: Expected a value of myid that does not begin with "@": put it in quotes',
  ]);
  assert.deepEqual(errorsOfLine("myid: |x"), [
    '7:10: Expected a value of myid that does not begin with "|": put it in quotes',
  ]);
  assert.deepEqual(errorsOfLine("myid: `x`"), [
    '7:9: Expected a value of myid that does not begin with "`": put it in quotes',
  ]);
  assert.deepEqual(errorsOfLine("myid: 'abc\n  peerid: x"), [
    "7:9: Expected a closing quote for the text that begins here",
  ]);
  assert.deepEqual(errorsOfLine('myid: "a\\qb"'), [
    "7:11: Expected an escape that YAML knows of myid: in double quotes write \\\\ for \\, or use " +
    "single quotes",
  ]);
  assert.deepEqual(errorsOf("role: client\nbindifname\n"), [`2:1: ${missing}`]);
  assert.deepEqual(errorsOf("role:client\nbindifname: eth0\n"), [
    "1:1: Expected `name: value` in one line; is a colon or the space after it missing?",
  ]);
  assert.deepEqual(errorsOfLine("dhgrpid: [14, 15"), [
    "7:12: Expected a closing ] for this [; put the value in quotes if it is meant as text",
  ]);
  assert.deepEqual(errorsOfLine("childlist: [{lifetime: 3s]"), [
    "7:15: Expected a closing } for this {; put the value in quotes if it is meant as text",
  ]);
  assert.deepEqual(errorsOfLine("myid: {abc"), [
    "7:9: Expected a closing } for this {; put the value in quotes if it is meant as text",
  ]);
  assert.deepEqual(errorsOfLine("myid: ]abc\n  mtu: 1"), [
    '7:9: Expected a value of myid that does not begin with "]": put it in quotes',
  ]);
  assert.deepEqual(errorsOfLine('myid: "a" b'), [
    "7:13: Expected the value of myid to end with its closing quote or bracket: put all of it in " +
    "quotes",
  ]);
  assert.deepEqual(errorsOfLine("dhgrpid: - 14"), [
    "7:12: Expected the list of dhgrpid to begin in the next line or with a bracket",
  ]);
  assert.deepEqual(errorsOfLine("myid: a\n mtu: 1"), [
    "8:1: Expected this line to begin in the same column as the other options of its section",
  ]);
  assert.deepEqual(errorsOfLine("myid: [a]"), [
    "7:9: Expected a text for ikeconf.myid, found a list; put the value in quotes if it is meant " +
    "as text",
  ]);
});

Deno.test("a tab is refused as indentation", () => {
  assert.deepEqual(errorsOf("\trole: client\n"), [
    "1:1: Expected spaces for indentation, found a tab",
  ]);
  assert.deepEqual(errorsOf("ikeconf:\n\tpsk: a\n"), [
    "2:1: Expected spaces for indentation, found a tab",
  ]);
  assert.equal(
    load(`${GATEWAY}desc:\ta\n`).setup.desc,
    "a",
    "a tab may separate the name from the value",
  );
});

Deno.test("a file must be one YAML document that consists of options", () => {
  const options = "1:1: Expected options as `name: value`";
  assert.deepEqual(errorsOf("just a text"), [options]);
  assert.deepEqual(errorsOf("- role: client\n"), [options]);
  assert.deepEqual(errorsOf("role:client\n"), [`${options}; a space goes after the colon`]);
  const several = "Expected one YAML document, found several (separated by --- or ...)";
  assert.deepEqual(errorsOf(`${CLIENT}---\n${GATEWAY}`), [`7:1: ${several}`]);
  assert.equal(load(`---\n${GATEWAY}...\n`).setup.role, "gateway");
  assert.equal(load(`%YAML 1.1\n---\n${GATEWAY}`).setup.role, "gateway");
});

Deno.test("the errors of an empty file are only about the required options", () => {
  for (const text of ["", "\ufeff", "\n\n", "# nothing\n", "---\n", "null\n", "{}"]) {
    assert.deepEqual(errorsOf(text), [
      "1:1: bindifname is required: the interface that carries the tunnel addresses",
      "1:1: startclntaddr is required for a client: address and prefix of tunnel 0",
      "1:1: peeraddr is required for a client: the gateway's address",
      "1:1: psk is required for authentication by psk",
    ], JSON.stringify(text));
  }
});

Deno.test("a byte order mark and CRLF change neither the setup nor positions", () => {
  assert.deepEqual(load(`\ufeff${CLIENT.replaceAll("\n", "\r\n")}`).setup, load(CLIENT).setup);
  assert.deepEqual(errorsOf(`\ufeff${CLIENT}foo: 1\n`.replaceAll("\n", "\r\n")), [
    "7:1: Unknown option foo in the top level",
  ]);
  assert.deepEqual(errorsOf("\ufefffoo: 1\n")[0], "1:1: Unknown option foo in the top level");
});

Deno.test("a file that is not UTF-8 text is refused with the position of the first invalid octet", () => {
  assert.deepEqual(errorsOf("role: client\nde\0sc: x"), [
    "2:3: Expected a YAML file in UTF-8, found U+0000",
  ]);
  assert.deepEqual(errorsOf("\x7fELF\x02"), ["1:1: Expected a YAML file in UTF-8, found U+007F"]);
  assert.deepEqual(errorsOf(new TextDecoder().decode(Uint8Array.of(0x72, 0xff, 0xfe))), [
    "1:2: Expected a YAML file in UTF-8, found octets that are not UTF-8",
  ]);
  assert.deepEqual(errorsOf("role: client\rdesc: x\r"), [
    "1:13: Expected lines to end in LF or CRLF, found a lone CR",
  ]);
});

Deno.test("the name of an option must be a text", () => {
  const name = "Expected an option's name, found a list or options";
  assert.equal(errorsOf("? [a]\n: b\n").at(-1), `1:3: ${name}`);
  assert.equal(errorsOf("{a: b}: c\n")[0], `1:1: ${name}`);
  assert.equal(errorsOf("'': c\n")[0], '1:1: Unknown option "" in the top level');
  assert.equal(
    errorsOf('"a\\e[2J": c\n')[0],
    '1:1: Unknown option "a\\u001b[2J" in the top level',
  );
});

Deno.test("the depth and the length of a file are bounded", () => {
  const deep = "Expected a setup, found a file that is nested too deeply";
  assert.deepEqual(errorsOf(`desc: ${"[".repeat(10_000)}`), [`1:27: ${deep}`]);
  assert.deepEqual(errorsOf("a: ".repeat(3) + "{b: ".repeat(50_000)).length, 1);
  assert.match(errorsOf("- ".repeat(50_000))[0]!, /nested too deeply$/);
  assert.deepEqual(errorsOf("#".repeat(500_001)), [
    "1:1: Cannot read a setup of 500001 characters: the most is 500000",
  ]);
});

Deno.test("at most a hundred errors are reported, with the number of further ones", () => {
  const many = Array.from({ length: 2_000 }, (_, i) => `unknown${i}: 1`).join("\n");
  const errors = errorsOf(CLIENT + many);
  assert.equal(errors.length, 101);
  assert.equal(errors.at(-1), "There are 1900 more errors");
});
