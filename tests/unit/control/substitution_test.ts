import assert from "node:assert/strict";
import { substitute } from "@/control/substitution.ts";

/** Each text with the variables, and the text after their substitution. */
const CASES:
  readonly (readonly [text: string, variables: Record<string, string>, wanted: string])[] = [
    ["ls %D%/a %D%", { "%D%": "/d" }, "ls /d/a /d"],
    ["$ab $a", { "$a": "1", "$ab": "2" }, "2 1"],
    ["a b", { a: "b", b: "a" }, "b a"],
    ["x.y xzy", { "x.y": "1" }, "1 xzy"],
    ["v", { v: "$& $1 \\" }, "$& $1 \\"],
    ["[a-b] a/b", { "[a-b]": "1", "a/b": "2" }, "1 2"],
    ["nothing", {}, "nothing"],
    ["nothing", { "": "x" }, "nothing"],
  ];

for (const [text, variables, wanted] of CASES) {
  Deno.test(`the variables ${JSON.stringify(variables)} change "${text}" to "${wanted}"`, () => {
    assert.equal(substitute(text, new Map(Object.entries(variables))), wanted);
  });
}
