/**
 * The Test API of both ends while tunnels are set up as fast as they can be: how long GetSummary and a
 * page of ListIKESA take, how old an event of level 4 is when its reader has it, and how many events that
 * reader loses, which does nothing else.
 *
 * Run: deno run -A tests/bench/api_bench.ts [TUNNELS]
 * @module
 */
import { TestClient } from "@/api/client.ts";

const POLL_MS = 50;
/** IKE SAs of one page of ListIKESA. */
const PAGE_LEN = 100;
/** A slow machine ends the measurement before the last tunnel is up. */
const PATIENCE_MS = 60_000;
const LOST = /^(\d+) events? (?:was|were) lost/;

/** What one process has heard of one end. */
interface Heard {
  readonly events: number;
  readonly lost: number;
  /** Milliseconds that each GetSummary took. */
  readonly summariesMs: readonly number[];
  /** Milliseconds that each page of ListIKESA took; the pages go round the list. */
  readonly pagesMs: readonly number[];
  /** Milliseconds between the making of an event and its arrival at the reader, of every event. */
  readonly eventsMs: readonly number[];
}

/** Reads events and asks for the summary until so many tunnels are up; a process of its own. */
async function listen(place: string, tunnels: number): Promise<Heard> {
  const reader = new TestClient(place);
  const asker = new TestClient(place);
  let events = 0;
  let lost = 0;
  const summariesMs: number[] = [];
  const pagesMs: number[] = [];
  const eventsMs: number[] = [];
  const feed = reader.events({ level: 4, keyword: "" }, ({ msg, epochMs }) => {
    events++;
    eventsMs.push(Date.now() - epochMs);
    lost += Number(LOST.exec(msg)?.[1] ?? 0);
  });
  await asker.call("GetSummary");
  console.log("ready");
  const untilMs = performance.now() + PATIENCE_MS;
  let start = 0;
  for (let isUp = false; !isUp && performance.now() < untilMs;) {
    await pause(POLL_MS);
    const summary = await timed(summariesMs, () => asker.call("GetSummary"));
    isUp = Number(summary.NumOfCreatedTunnel) >= tunnels;
    const page = { Start: start, Len: PAGE_LEN };
    const { SummaryList: list } = await timed(pagesMs, () => asker.call("ListIKESA", page));
    start = (list as unknown[]).length < PAGE_LEN ? 0 : start + PAGE_LEN;
  }
  await pause(2_000);
  feed.close();
  reader.close();
  asker.close();
  return { events, lost, summariesMs, pagesMs, eventsMs };
}

/** Does a call and notes how many milliseconds it took. */
async function timed<T>(all: number[], call: () => Promise<T>): Promise<T> {
  const asked = performance.now();
  const answer = await call();
  all.push(performance.now() - asked);
  return answer;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const SETUP = (role: string, tunnels: number, more: string, apiPort: number) =>
  `role: ${role}
numberoftunnels: ${tunnels}
bindifname: lo
${more}
setupinterval: 0s
loglevel: 2
apilistenport: ${apiPort}
ikeconf: {psk: bench, dhgrpid: 31, ikeencyptalg: aes-gcm-16:128, childlist: [{encalg: aes-gcm-16:128}]}
`;

function start(args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", ...args],
    stdout: "piped",
    stderr: "null",
  }).spawn();
}

/** How many there are, their median, the 99th percentile and the maximum, in milliseconds. */
function figures(all: readonly number[]): string {
  const sorted = [...all].sort((a, b) => a - b);
  const at = (fraction: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))] ?? NaN).toFixed(0);
  return `${all.length}×, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`;
}

/** A line of a process's standard output, once it is there; then all that follows. */
async function outputAfter(child: Deno.ChildProcess, line: string) {
  const chunks = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes(`${line}\n`)) {
    const { value, done } = await chunks.read();
    if (done) throw new Error(`The process ended without saying ${line}: ${text}`);
    text += value;
  }
  return async () => {
    for (;;) {
      const { value, done } = await chunks.read();
      if (done) return text.slice(text.indexOf(`${line}\n`) + line.length + 1);
      text += value;
    }
  };
}

async function compare(tunnels: number): Promise<void> {
  const directory = Deno.makeTempDirSync({ prefix: "api_bench" });
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const ports = { gateway: 47_330, client: 47_331 };
  const more = {
    gateway: "bindifaddr: 127.0.0.1/8\nownport: 47500\npeerport: 47501\nownnattport: 0",
    client: "startclntaddr: 127.1.0.1/8\npeeraddr: 127.0.0.1\nownport: 47501\npeerport: 47500\n" +
      "ownnattport: 0",
  };
  const ends: Deno.ChildProcess[] = [];
  const listeners = [];
  try {
    for (const role of ["gateway", "client"] as const) {
      const path = `${directory}/${role}.yaml`;
      // The client dials when both its listener and the gateway's are there.
      Deno.writeTextFileSync(path, SETUP(role, tunnels, more[role], ports[role]));
      ends.push(start([main, "test", path, "--flush=false", "--json", "--lf", `${path}.log`]));
      await answering(`127.0.0.1:${ports[role]}`);
      const child = start([
        import.meta.filename!,
        "--listen",
        `127.0.0.1:${ports[role]}`,
        String(tunnels),
      ]);
      listeners.push({ role, rest: await outputAfter(child, "ready") });
    }
    for (const { role, rest } of listeners) {
      const { events, lost, summariesMs, pagesMs, eventsMs } = JSON.parse(await rest()) as Heard;
      console.log(
        `${role.padEnd(8)} GetSummary ${figures(summariesMs)}; ListIKESA ${figures(pagesMs)}; ` +
          `events ${figures(eventsMs)}, ${lost} of ${events} lost`,
      );
    }
    const asker = new TestClient(`127.0.0.1:${ports.client}`);
    const { SetupRate, NumOfCreatedTunnel: up } = await asker.call("GetSummary");
    console.log(`${up} of ${tunnels} tunnels, ${Number(SetupRate).toFixed(0)} tunnels/s`);
    asker.close();
  } finally {
    for (const end of ends) end.kill("SIGKILL");
    Deno.removeSync(directory, { recursive: true });
  }
}

async function answering(place: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const asker = new TestClient(place);
    const isThere = await asker.call("GetSummary").then(() => true, () => false);
    asker.close();
    if (isThere) return;
    await pause(100);
  }
  throw new Error(`Nothing answers at ${place}`);
}

const [mode, place, count] = Deno.args;
if (mode === "--listen") console.log(JSON.stringify(await listen(place!, Number(count))));
else await compare(Number(mode ?? 3_000));
Deno.exit(0);
