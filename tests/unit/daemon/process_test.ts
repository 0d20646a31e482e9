import assert from "node:assert/strict";
import { bootId, hasEnded, isAlive, parseStartTicks, processOf, signal } from "@/daemon/process.ts";

/** Values of the fields of /proc/PID/stat from the fourth on. */
const FIELDS = Array.from({ length: 40 }, (_, i) => String(100 + i));

Deno.test("the start time is field 22 of /proc/PID/stat, whatever the name of the program", () => {
  // The fields from the fourth on are numbers, and field 22 is the nineteenth of them.
  const rest = FIELDS.join(" ");
  for (const name of ["sh", "a b", ") R 1 2 3", "((x))"]) {
    assert.equal(parseStartTicks(`42 (${name}) S ${rest}\n`), 118, name);
  }
});

Deno.test("a zombie or dead process has no start time, as it is not running", () => {
  for (const state of ["Z", "X"]) {
    assert.equal(parseStartTicks(`42 (sh) ${state} ${FIELDS.join(" ")}\n`), undefined);
  }
});

Deno.test("a process is identified by its number, its start time and the boot of its machine", async () => {
  const child = new Deno.Command("/bin/sleep", { args: ["60"] }).spawn();
  const id = processOf(child.pid)!;
  assert.equal(id.bootId, bootId());
  assert.ok(isAlive(id));
  assert.ok(
    !isAlive({ ...id, startTicks: id.startTicks + 1 }),
    "another process has the number now",
  );
  assert.ok(!isAlive({ ...id, bootId: "another" }), "the machine has been restarted");
  // The signal must not be sent to another process with this number.
  signal({ ...id, startTicks: id.startTicks + 1 }, "SIGKILL");
  assert.equal(await hasEnded(id, 100), false);
  const aborted = AbortSignal.abort();
  assert.equal(await hasEnded(id, 60_000, aborted), false);
  signal(id, "SIGKILL");
  assert.ok(await hasEnded(id, 5_000));
  await child.status;
  assert.equal(processOf(child.pid), undefined);
});
