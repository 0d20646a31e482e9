import assert from "node:assert/strict";
import { EventHub } from "@/engine/show/event_hub.ts";
import { LogFile, type LogFileOptions, logLine } from "@/report/log_file.ts";

const EPOCH_MS = Date.UTC(2026, 0, 31, 12);
/** The length of the time and the level that precede the message in a line. */
const HEAD = "2026-01-31T12:00:00.000Z INFO  ".length;

/** The log file, and the one before it, after `events` has published events. */
async function logged(
  options: Partial<LogFileOptions>,
  events: (hub: EventHub, log: LogFile, path: string) => void,
): Promise<{ now: string; prev: string | undefined }> {
  const dir = await Deno.makeTempDir();
  const path = `${dir}/log`;
  try {
    const hub = new EventHub(() => EPOCH_MS);
    const log = new LogFile({
      path,
      filter: { level: 5, keyword: "" },
      capOctets: 0,
      inMemory: false,
      ...options,
    });
    hub.attach(log);
    events(hub, log, path);
    log.close();
    const text = (name: string) => Deno.readTextFile(name).catch(() => undefined);
    return { now: (await text(path))!, prev: await text(`${path}.prev`) };
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("a line has the time, the level and the message", async () => {
  const { now } = await logged({}, (hub) => {
    for (const level of [1, 2, 3, 4, 5] as const) hub.publish(level, `at ${level}`);
  });
  const names = ["CRIT ", "ERROR", "WARN ", "INFO ", "DEBUG"];
  const lines = names.map((name, i) => `2026-01-31T12:00:00.000Z ${name} at ${i + 1}\n`);
  assert.equal(now, lines.join(""));
});

Deno.test("level and keyword decide which events are logged", async () => {
  const { now } = await logged({ filter: { level: 4, keyword: "tunnel 7" } }, (hub) => {
    hub.publish(4, "tunnel 7 is up");
    hub.publish(4, "tunnel 8 is up");
    hub.publish(5, "tunnel 7 in full");
  });
  assert.match(now, /^\S+ INFO {2}tunnel 7 is up\n$/);
});

Deno.test("warnings and errors are written at once, with all lines that waited before them", async () => {
  await logged({}, (hub, _log, path) => {
    hub.publish(5, "detail");
    assert.equal(Deno.readTextFileSync(path), "");
    hub.publish(2, "error");
    assert.match(Deno.readTextFileSync(path), /detail\n.*error\n$/);
  });
});

Deno.test("at the size limit the file is renamed .prev and a new one is begun", async () => {
  const cap = 3 * (HEAD + 10);
  const { now, prev } = await logged({ capOctets: cap }, (hub, log) => {
    for (let i = 0; i < 7; i++) {
      hub.publish(4, `message ${i}`); // A message has 10 octets with its line feed.
      log.flush();
    }
  });
  assert.equal(now, "2026-01-31T12:00:00.000Z INFO  message 6\n");
  assert.match(prev!, /message 3\n.*message 4\n.*message 5\n$/);
  assert.equal(prev!.length, cap);
});

Deno.test("without a size limit nothing is renamed", async () => {
  const { now, prev } = await logged({}, (hub) => {
    for (let i = 0; i < 1000; i++) hub.publish(4, `message ${i}`);
  });
  assert.equal(now.split("\n").length, 1001);
  assert.equal(prev, undefined);
});

Deno.test("a log in memory is written to its file at the end, and not before", async () => {
  const { now } = await logged({ inMemory: true }, (hub, log, path) => {
    hub.publish(1, "the end is near");
    log.flush();
    assert.equal(Deno.readTextFileSync(path), "");
  });
  assert.match(now, /the end is near\n$/);
});

Deno.test("a log in memory keeps the newest lines, which fill between half of the size limit and all of it", async () => {
  const cap = 20 * (HEAD + 12);
  const { now } = await logged({ inMemory: true, capOctets: cap }, (hub) => {
    for (let i = 1000; i < 1095; i++) hub.publish(4, `line ${i} ..`);
  });
  assert.match(now, /line 1094 \.\.\n$/);
  assert.ok(now.length >= cap / 2 - HEAD - 13 && now.length <= cap, `${now.length} of ${cap}`);
});

Deno.test("a text from a peer cannot control a terminal that shows the log, and cannot imitate another line", () => {
  const line = logLine({ level: 3, msg: "bad id \x1b[2J\x9b\nforged", epochMs: 0 });
  assert.equal(
    line,
    "1970-01-01T00:00:00.000Z WARN  bad id \\u001b[2J\\u009b\n  forged\n",
  );
});
