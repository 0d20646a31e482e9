import assert from "node:assert/strict";
import { EventHub, type RunEvent } from "@/engine/show/event_hub.ts";

function hubWithClock(): { hub: EventHub; clock: { ms: number } } {
  const clock = { ms: 1_000 };
  return { hub: new EventHub(() => clock.ms), clock };
}

Deno.test("a message is not formatted when nobody wants its level", () => {
  const { hub } = hubWithClock();
  let formatted = 0;
  const msg = () => `message ${++formatted}`;
  hub.publish(5, msg);
  const seen: RunEvent[] = [];
  hub.attach({ filter: { level: 4, keyword: "" }, write: (e) => void seen.push(e) });
  hub.publish(5, msg);
  assert.equal(formatted, 0);
  hub.publish(4, msg);
  assert.equal(formatted, 1);
  assert.deepEqual(seen, [{ level: 4, msg: "message 1", epochMs: 1_000 }]);
});

Deno.test("two readers share one formatting, each with its own filter", async () => {
  const { hub, clock } = hubWithClock();
  const errors = hub.subscribe({ level: 2, keyword: "" });
  const words = hub.subscribe({ level: 5, keyword: "Tunnel 7" });
  let formatted = 0;
  clock.ms = 2_000;
  hub.publish(2, () => `Tunnel 7 failed ${++formatted}`);
  hub.publish(4, "tunnel 7 in another case");
  hub.publish(1, "Disk full");
  hub.end();
  assert.equal(formatted, 1);
  assert.deepEqual(await collect(errors), ["2 Tunnel 7 failed 1", "1 Disk full"]);
  assert.deepEqual(await collect(words), ["2 Tunnel 7 failed 1"]);
});

Deno.test("a changed filter is used for later events", async () => {
  const { hub } = hubWithClock();
  const reader = hub.subscribe({ level: 2, keyword: "" });
  hub.publish(4, "too low");
  reader.filter = { level: 4, keyword: "" };
  hub.publish(4, "wanted now");
  hub.end();
  assert.deepEqual(await collect(reader), ["4 wanted now"]);
});

Deno.test("a slow reader learns how many events it lost, at the place of the loss", async () => {
  const { hub } = hubWithClock();
  const reader = hub.subscribe({ level: 5, keyword: "" }, 2);
  for (let i = 0; i < 5; i++) hub.publish(4, `event ${i}`);
  assert.equal(reader.lost, 3);
  assert.equal((await reader.next())?.msg, "event 0");
  hub.publish(4, "event 5");
  hub.end();
  assert.deepEqual(await collect(reader), [
    "4 event 1",
    "3 3 events were lost: the reader is too slow",
    "4 event 5",
  ]);
});

Deno.test("losses at the end are reported as well", async () => {
  const { hub } = hubWithClock();
  const reader = hub.subscribe({ level: 5, keyword: "" }, 1);
  hub.publish(4, "kept");
  hub.publish(4, "lost");
  hub.end();
  assert.deepEqual(await collect(reader), [
    "4 kept",
    "3 1 event was lost: the reader is too slow",
  ]);
});

Deno.test("a waiting reader gets the next event at once, and the end", async () => {
  const { hub } = hubWithClock();
  const reader = hub.subscribe({ level: 5, keyword: "" });
  const first = reader.next();
  const second = reader.next();
  hub.publish(3, "now");
  hub.end();
  assert.equal((await first)?.msg, "now");
  assert.equal(await second, undefined);
  assert.equal(hub.wants(1), false);
});

Deno.test("a reader that leaves its loop is no longer served", async () => {
  const { hub } = hubWithClock();
  const reader = hub.subscribe({ level: 5, keyword: "" });
  hub.publish(3, "one");
  for await (const event of reader) {
    assert.equal(event.msg, "one");
    break;
  }
  assert.equal(hub.wants(1), false);
});

Deno.test("a subscription after the end ends at once", async () => {
  const { hub } = hubWithClock();
  hub.end();
  assert.equal(await hub.subscribe({ level: 5, keyword: "" }).next(), undefined);
});

async function collect(reader: AsyncIterable<RunEvent>): Promise<string[]> {
  const seen: string[] = [];
  for await (const event of reader) seen.push(`${event.level} ${event.msg}`);
  return seen;
}

Deno.test("a milestone reaches readers of its level, and those who want milestones beside their levels", () => {
  const { hub } = hubWithClock();
  const seen: string[] = [];
  const reader = (name: string, level: number, milestones: boolean) =>
    hub.attach({
      filter: { level, keyword: "" },
      milestones,
      write: ({ msg, milestone }) => void seen.push(`${name}: ${msg}, ${milestone ?? false}`),
    });
  reader("log", 4, false);
  reader("timeline", 3, true);
  reader("screen", 3, false);
  hub.milestone("A storm begins");
  hub.publish(4, "Tunnel 7 is up");
  assert.deepEqual(seen, [
    "log: A storm begins, true",
    "timeline: A storm begins, true",
    "log: Tunnel 7 is up, false",
  ]);
});
