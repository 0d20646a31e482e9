import assert from "node:assert/strict";
import { bootId, hasEnded, isAlive, parseStartTicks, processOf, signal } from "@/daemon/process.ts";

const FIELDS = Array.from({ length: 40 }, (_, i) => String(100 + i));

Deno.test("the start time is field 22, whatever the name of the program", () => {
  // Fields 4 and following are numbers; field 22 is the nineteenth of them.
  const rest = FIELDS.join(" ");
  for (const name of ["sh", "a b", ") R 1 2 3", "((x))"]) {
    assert.equal(parseStartTicks(`42 (${name}) S ${rest}\n`), 118, name);
  }
});

Deno.test("a zombie is not a running process", () => {
  for (const state of ["Z", "X"]) {
    assert.equal(parseStartTicks(`42 (sh) ${state} ${FIELDS.join(" ")}\n`), undefined);
  }
});

Deno.test("a process is identified by number, start time and boot", async () => {
  const child = new Deno.Command("/bin/sleep", { args: ["60"] }).spawn();
  const id = processOf(child.pid)!;
  assert.equal(id.bootId, bootId());
  assert.ok(isAlive(id));
  assert.ok(!isAlive({ ...id, startTicks: id.startTicks + 1 }), "the number was given again");
  assert.ok(!isAlive({ ...id, bootId: "another" }), "the machine was started again");
  // Another process of this number must not be hit.
  signal({ ...id, startTicks: id.startTicks + 1 }, "SIGKILL");
  assert.equal(await hasEnded(id, 100), false);
  const hurry = AbortSignal.abort();
  assert.equal(await hasEnded(id, 60_000, hurry), false);
  signal(id, "SIGKILL");
  assert.ok(await hasEnded(id, 5_000));
  await child.status;
  assert.equal(processOf(child.pid), undefined);
});
