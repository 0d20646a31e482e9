import assert from "node:assert/strict";
import { History, historyPath } from "@/cli/history.ts";

Deno.test("the history is in XDG_STATE_HOME, or below HOME, or in no file if neither is set", () => {
  const pathWith = (env: Record<string, string>) => historyPath((name) => env[name]);
  assert.equal(pathWith({ XDG_STATE_HOME: "/s", HOME: "/h" }), "/s/myikev2/history");
  assert.equal(pathWith({ HOME: "/h" }), "/h/.local/state/myikev2/history");
  const relative = pathWith({ XDG_STATE_HOME: "relative", HOME: "/h" });
  assert.equal(relative, "/h/.local/state/myikev2/history");
  assert.equal(pathWith({}), undefined);
});

Deno.test("the lines of the shell are saved in a file that only its owner can read", async () => {
  const dir = await Deno.makeTempDir();
  const path = `${dir}/deep/myikev2/history`;
  const history = new History(path);
  for (const line of ["summary", " list ", "list", "", "dump\n1"]) history.add(line);
  assert.deepEqual(new History(path).lines, ["dump 1", "list", "summary"]);
  assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
  assert.equal(Deno.statSync(`${dir}/deep/myikev2`).mode! & 0o777, 0o700);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("the oldest lines of a long history are dropped", async () => {
  const dir = await Deno.makeTempDir();
  const path = `${dir}/history`;
  Deno.writeTextFileSync(path, Array.from({ length: 1_500 }, (_, i) => `line ${i}\n`).join(""));
  const { lines } = new History(path);
  assert.deepEqual([lines.length, lines[0], lines.at(-1)], [1_000, "line 1499", "line 500"]);
  assert.equal(Deno.readTextFileSync(path).split("\n").length, 1_001);
  assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("the history of a shell that cannot save it lasts until the shell ends", () => {
  for (const path of [undefined, "/proc/none/history"]) {
    const history = new History(path);
    history.add("summary");
    assert.deepEqual(history.lines, ["summary"]);
  }
});
