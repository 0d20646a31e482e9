import assert from "node:assert/strict";
import { SetupError } from "@/base/errors.ts";
import { splitCommands } from "@/daemon/split_commands.ts";

/** Each list of commands, separated by semicolons, with its single commands. */
const LISTS: readonly (readonly [list: string, commands: readonly string[]])[] = [
  ["", []],
  [" ;; ; ", []],
  ["ip link show", ["ip link show"]],
  ["a; b ;c", ["a", "b", "c"]],
  [`echo "a;b"; echo 'c;d'`, [`echo "a;b"`, `echo 'c;d'`]],
  [`echo "it's; one"; two`, [`echo "it's; one"`, "two"]],
  [`echo 'say "x; y'; two`, [`echo 'say "x; y'`, "two"]],
  [`echo a\\;b; c`, [`echo a\\;b`, "c"]],
  [`echo "a\\";b"; c`, [`echo "a\\";b"`, "c"]],
  // A backslash in single quotes does not escape the next character.
  [`echo 'a\\'; b`, [`echo 'a\\'`, "b"]],
  ["a\nb; c", ["a\nb", "c"]],
  ["a \\", ["a \\"]],
];

for (const [list, commands] of LISTS) {
  Deno.test(`${JSON.stringify(list)} is split into ${JSON.stringify(commands)}`, () => {
    assert.deepEqual(splitCommands(list), commands);
  });
}

Deno.test("a quote that is not closed is refused", () => {
  for (const list of [`echo "a; b`, "echo 'a; b", `a; echo "b\\"`]) {
    assert.throws(() => splitCommands(list), SetupError, list);
  }
});

Deno.test("/bin/sh accepts the syntax of each single command", async () => {
  for (const [list, commands] of LISTS.filter(([list]) => list.startsWith("echo"))) {
    for (const command of commands.filter((c) => c.startsWith("echo"))) {
      const { code } = await new Deno.Command("/bin/sh", { args: ["-n", "-c", command] }).output();
      assert.equal(code, 0, `${list}: ${command}`);
    }
  }
});
