/**
 * Measures the Test API of a gateway and of a client while tunnels are set up as fast as possible: the
 * milliseconds that GetSummary and a page of ListIKESA take, the age of each event of level 4 when it
 * arrives at a reader that does nothing else, and the number of events that this reader loses.
 *
 * Run: deno run -A tests/bench/api_bench.ts [TUNNELS]
 * @module
 */
import { TestClient } from "@/api/client.ts";

const POLL_MS = 50;
/** IKE SAs of one page of ListIKESA. */
const PAGE_LEN = 100;
/** Milliseconds after which the measurement ends, even if not all tunnels are established. */
const LISTEN_MS_MAX = 60_000;
const LOST_EVENTS = /^(\d+) events? (?:was|were) lost/;

/** What one listening process has measured at the API of one end. */
interface Measured {
  readonly events: number;
  readonly lost: number;
  /** Milliseconds that each GetSummary took. */
  readonly summariesMs: readonly number[];
  /** Milliseconds that each page of ListIKESA took. After the last page the first one follows. */
  readonly pagesMs: readonly number[];
  /** Milliseconds from the time of each event until it arrived at the reader. */
  readonly eventsMs: readonly number[];
}

/**
 * Reads events, and asks for the summary and for pages of the list, until so many tunnels are
 * established. It runs in a process of its own.
 */
async function listen(address: string, tunnels: number): Promise<Measured> {
  const reader = new TestClient(address);
  const caller = new TestClient(address);
  let events = 0;
  let lost = 0;
  const summariesMs: number[] = [];
  const pagesMs: number[] = [];
  const eventsMs: number[] = [];
  const feed = reader.events({ level: 4, keyword: "" }, ({ msg, epochMs }) => {
    events++;
    eventsMs.push(Date.now() - epochMs);
    lost += Number(LOST_EVENTS.exec(msg)?.[1] ?? 0);
  });
  await caller.call("GetSummary");
  console.log("ready");
  const untilMs = performance.now() + LISTEN_MS_MAX;
  let start = 0;
  for (let allUp = false; !allUp && performance.now() < untilMs;) {
    await pause(POLL_MS);
    const summary = await timed(summariesMs, () => caller.call("GetSummary"));
    allUp = Number(summary.NumOfCreatedTunnel) >= tunnels;
    const page = { Start: start, Len: PAGE_LEN };
    const { SummaryList: list } = await timed(pagesMs, () => caller.call("ListIKESA", page));
    start = (list as unknown[]).length < PAGE_LEN ? 0 : start + PAGE_LEN;
  }
  await pause(2_000);
  feed.close();
  reader.close();
  caller.close();
  return { events, lost, summariesMs, pagesMs, eventsMs };
}

/** Makes a call, and adds the milliseconds it took to `all`. */
async function timed<T>(all: number[], call: () => Promise<T>): Promise<T> {
  const startMs = performance.now();
  const answer = await call();
  all.push(performance.now() - startMs);
  return answer;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The setup file of one end; `more` has the options of its role. */
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

/** Starts a process of deno that runs with these arguments. */
function start(args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", ...args],
    stdout: "piped",
    stderr: "null",
  }).spawn();
}

/** The count of the values, their median, 99th percentile and maximum, as text in milliseconds. */
function figures(all: readonly number[]): string {
  const sorted = [...all].sort((a, b) => a - b);
  const at = (fraction: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))] ?? NaN).toFixed(0);
  return `${all.length}×, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`;
}

/**
 * Waits until a process has written this line to standard output. The function it returns waits for
 * the end of the process, and returns what followed the line.
 */
async function outputAfter(child: Deno.ChildProcess, line: string) {
  const chunks = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes(`${line}\n`)) {
    const { value, done } = await chunks.read();
    if (done) throw new Error(`The process ended before it wrote ${line}: ${text}`);
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

/** Runs a gateway and a client, each with a listening process, and prints what those measured. */
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
      // The gateway and its listener start first: the client sets up tunnels as soon as it runs.
      Deno.writeTextFileSync(path, SETUP(role, tunnels, more[role], ports[role]));
      ends.push(start([main, "test", path, "--flush=false", "--json", "--lf", `${path}.log`]));
      await untilAnswering(`127.0.0.1:${ports[role]}`);
      const child = start([
        import.meta.filename!,
        "--listen",
        `127.0.0.1:${ports[role]}`,
        String(tunnels),
      ]);
      listeners.push({ role, rest: await outputAfter(child, "ready") });
    }
    for (const { role, rest } of listeners) {
      const { events, lost, summariesMs, pagesMs, eventsMs } = JSON.parse(await rest()) as Measured;
      console.log(
        `${role.padEnd(8)} GetSummary ${figures(summariesMs)}; ListIKESA ${figures(pagesMs)}; ` +
          `events ${figures(eventsMs)}, ${lost} of ${events} lost`,
      );
    }
    const caller = new TestClient(`127.0.0.1:${ports.client}`);
    const { SetupRate, NumOfCreatedTunnel: up } = await caller.call("GetSummary");
    console.log(`${up} of ${tunnels} tunnels, ${Number(SetupRate).toFixed(0)} tunnels/s`);
    caller.close();
  } finally {
    for (const end of ends) end.kill("SIGKILL");
    Deno.removeSync(directory, { recursive: true });
  }
}

/** Waits until a Test API answers at this address. @throws Error after 200 attempts. */
async function untilAnswering(address: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const caller = new TestClient(address);
    const hasAnswered = await caller.call("GetSummary").then(() => true, () => false);
    caller.close();
    if (hasAnswered) return;
    await pause(100);
  }
  throw new Error(`No Test API answers at ${address}`);
}

const [mode, address, count] = Deno.args;
if (mode === "--listen") console.log(JSON.stringify(await listen(address!, Number(count))));
else await compare(Number(mode ?? 3_000));
Deno.exit(0);
