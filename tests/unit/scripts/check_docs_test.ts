import assert from "node:assert/strict";
import {
  faultsOfFeatures,
  faultsOfSource,
  foreignLines,
  linksOf,
} from "../../../scripts/check_docs.ts";

const HEADER = "/**\n * What it is.\n * @module\n */\n";

const EXPORTS: readonly (readonly [code: string, fault: RegExp | undefined])[] = [
  ["/** It is. */\nexport const x = 1;", undefined],
  ["export const x = 1;", /x in line 5/],
  ["\nexport function f() {}", /f in line 6/],
  ["export async function f() {}", /f in line/],
  ["export abstract class C {}", /C in line/],
  ["export interface I {}", /I in line/],
  ["export type T = 1;", /T in line/],
  ["export let x = 1;", /x in line/],
  ["export default class {}", /default in line/],
  ["const x = 1;", undefined],
  ["/** It is. */\n// deno-lint-ignore no-x\nexport const x = 1;", undefined],
  ["/** It is. */\nexport function f(x: 1): 1;\nexport function f(x: 2): 2 {}", undefined],
  ["/** Both. */\nexport const x = 1;\nexport const y = 2;", /y in line 7/],
];

for (const [code, fault] of EXPORTS) {
  Deno.test(`${JSON.stringify(code)} is ${fault ? "a fault" : "documented"}`, () => {
    const faults = faultsOfSource(HEADER + code);
    if (fault) assert.match(faults.join("\n"), fault);
    else assert.deepEqual(faults, []);
  });
}

Deno.test("a file says what it is, at its start", () => {
  assert.deepEqual(faultsOfSource(HEADER), []);
  for (const source of ["", "const x = 1;\n" + HEADER, "/** It is. */\n" + HEADER]) {
    assert.deepEqual(faultsOfSource(source), ["does not say what it is"]);
  }
});

Deno.test("places of one machine are found", () => {
  const home = ["", "home", "me"].join("/");
  assert.deepEqual(foreignLines(`a\nsee ${home}/x\n"${home}/x"\n`), [2, 3]);
  const inside = ["lib", "work", "x"].join("/");
  const elsewhere = `https://x.example${home}`;
  assert.deepEqual(foreignLines(`${inside}\n${elsewhere}\n/usr/bin/env`), []);
});

Deno.test("links are those of the project", () => {
  const text = "[a](docs/a.md) [b](https://b.example) [c](c.md#part) [d](#here) [e](mailto:x@y)";
  assert.deepEqual(linksOf(text), ["docs/a.md", "c.md"]);
});

Deno.test("the table of features names what setups refuse, and nothing else", () => {
  const table = "| feature | state |\n| ------- | ----- |\n| Pings | there |\n" +
    "| EAP | not yet: refused |\n| MOBIKE   | not yet: refused |\n";
  assert.deepEqual(faultsOfFeatures(table, ["EAP", "mobike"]), []);
  assert.match(faultsOfFeatures(table, ["EAP"])[0]!, /says that MOBIKE is not there yet/);
  assert.match(faultsOfFeatures(table, ["EAP", "MOBIKE", "x"])[0]!, /does not say that x/);
});
