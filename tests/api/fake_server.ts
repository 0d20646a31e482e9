/**
 * Serves the Test API of a run that never ran, for clients in other languages.
 *
 * Run: deno run -A tests/api/fake_server.ts '{"address":"127.0.0.1","secrets":"auto","tls":"none"}'
 * It says `port N`, then obeys lines on standard input: `event LEVEL TEXT`, `flood COUNT` (events of
 * 5,000 characters; then it says `flooded`), `end`. A Stop is shown as `stop true` or `stop false`. After `end` it serves its
 * subscribers, says `finished MS` and exits.
 * @module
 */
import { startTestApi } from "@/api/test_api.ts";
import type { EventLevel } from "@/engine/show/event_hub.ts";
import { FakeRun } from "./fake_view.ts";

class ShownRun extends FakeRun {
  override stop(gracefully: boolean): void {
    console.log(`stop ${gracefully}`);
  }
}

const { address, secrets, tls } = JSON.parse(Deno.args[0]!);
const file = (name: string) => `${import.meta.dirname}/tls/${name}`;
const run = new ShownRun();
const api = await startTestApi(run, {
  address,
  port: 0,
  secrets,
  trust: {},
  tls: {
    certificate: tls === "none" ? "" : file("server.pem"),
    key: tls === "none" ? "" : file("server.key"),
    clientCa: tls === "mutual" ? file("authority.pem") : "",
  },
});
console.log(`port ${api.port}`);

for await (const line of lines(Deno.stdin.readable)) {
  const [verb, number, ...words] = line.split(" ");
  if (verb === "event") run.events.publish(Number(number) as EventLevel, words.join(" "));
  if (verb === "flood") await flood(Number(number));
  if (verb === "end") break;
}
const ended = performance.now();
run.end();
await api.finished();
await api.close();
console.log(`finished ${Math.round(performance.now() - ended)}`);
Deno.exit(0);

async function flood(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    run.events.publish(4, `flood ${i} ${"x".repeat(5_000)}`);
    if (i % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  run.events.publish(4, "flood over");
  console.log("flooded");
}

async function* lines(octets: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of octets) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
}
