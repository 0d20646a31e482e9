// Notes that many tunnels have alike, in the log: the first, and how many there were.
import assert from "node:assert/strict";
import { EventWriter } from "@/engine/run/event_writer.ts";
import type { Role } from "@/engine/run/run_context.ts";
import { EventHub } from "@/engine/show/event_hub.ts";

function eventWriter() {
  const events = new EventHub();
  const lines: string[] = [];
  events.attach({
    filter: { level: 5, keyword: "" },
    write: ({ level, msg }) => void lines.push(`${level} ${msg}`),
  });
  const eventWriter = new EventWriter(events, {} as Role);
  const note = (text: string, alike?: string) =>
    eventWriter.handlers.note!(
      { kind: "note", level: 4, text, ...(alike === undefined ? {} : { alike }) },
      undefined,
      0,
    );
  return { lines, eventWriter, note };
}

Deno.test("of notes of one kind the first is logged at once, and their number at the end", () => {
  const { lines, eventWriter: one, note } = eventWriter();
  for (let i = 0; i < 1000; i++) {
    note(`CN=c-${i} is unknown`, "Certificates of CN=A are unknown");
    if (i % 2) note(`CN=d-${i} is unknown`, "Certificates of CN=B are unknown");
  }
  note("CN=e is unknown", "Certificates of CN=C are unknown");
  note("another note");
  note("another note");
  assert.deepEqual(lines, [
    "4 CN=c-0 is unknown",
    "4 CN=d-1 is unknown",
    "4 CN=e is unknown",
    "4 another note",
    "4 another note",
  ]);
  one.over();
  assert.deepEqual(lines.slice(5), [
    "4 Certificates of CN=A are unknown: 1000 times in all",
    "4 Certificates of CN=B are unknown: 500 times in all",
  ]);
  one.over();
  assert.equal(lines.length, 7);
});

Deno.test("kinds of notes beyond a hundred are counted together", () => {
  const { lines, eventWriter: one, note } = eventWriter();
  for (let i = 0; i < 5000; i++) note(`note ${i}`, `kind ${i}`);
  assert.equal(lines.length, 101);
  one.over();
  assert.equal(lines.length, 102);
  assert.match(lines.at(-1)!, /Further notes of other kinds.*: 4900 times in all/);
});
