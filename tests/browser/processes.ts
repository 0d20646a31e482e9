/**
 * Processes of our program and of Prometheus for tests of the live page, each with an end.
 * @module
 */
import assert from "node:assert/strict";
import type { RunResultJson } from "@/report/result.ts";

const WAIT_MS_MAX = 60_000;
const PROMETHEUS = "/usr/bin/prometheus";
const PROMTOOL = "/usr/bin/promtool";

/** Whether Prometheus is installed. */
export const hasPrometheus: boolean = await Deno.stat(PROMETHEUS).then(() => true, () => false);

/** Starts our program; its standard output and error can be read. `before` is a command that starts it. */
export function ours(args: readonly string[], before: readonly string[] = []): Deno.ChildProcess {
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const words = [...before, Deno.execPath(), "run", "-A", "--no-check", main, ...args];
  return new Deno.Command(words[0]!, {
    args: words.slice(1),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Reads the standard error of a process until a line matches; what follows is read and dropped. */
export async function told(
  process: Deno.ChildProcess,
  wanted: RegExp,
): Promise<RegExpExecArray> {
  const reader = process.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`The process ended: ${text}`);
    text += value;
    const found = wanted.exec(text);
    if (!found) continue;
    // So that the process never waits for a reader.
    (async () => {
      while (!(await reader.read()).done);
    })();
    return found;
  }
}

/** Ends a process of ours gracefully, and returns what it has printed. */
export async function ended(process: Deno.ChildProcess): Promise<string> {
  try {
    process.kill("SIGTERM");
  } catch { /* It has ended by itself. */ }
  await process.status;
  return process.stdout.locked ? "" : await new Response(process.stdout).text();
}

/** A UDP port of loopback that nobody has. */
export function freePort(): number {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const { port } = socket.addr as Deno.NetAddr;
  socket.close();
  return port;
}

function freeTcpPort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}

/** Waits until something is so. */
export async function until(what: string, is: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + WAIT_MS_MAX;
  while (Date.now() < end) {
    if (await is()) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.fail(`${what}: not within ${WAIT_MS_MAX} ms`);
}

/** The result so far, at a live page. */
export async function resultAt(url: string): Promise<RunResultJson> {
  return await (await fetch(`${url}result.json`)).json();
}

/** A Prometheus that scrapes one page once a second. */
export class Prometheus {
  readonly #process: Deno.ChildProcess;
  readonly #directory: string;
  readonly #port: number;

  private constructor(process: Deno.ChildProcess, directory: string, port: number) {
    this.#process = process;
    this.#directory = directory;
    this.#port = port;
  }

  static async start(url: string): Promise<Prometheus> {
    const directory = await Deno.makeTempDir();
    const port = freeTcpPort();
    await Deno.writeTextFile(
      `${directory}/prometheus.yml`,
      "scrape_configs:\n- job_name: myikev2\n  scrape_interval: 1s\n" +
        `  static_configs: [{targets: ["${new URL(url).host}"]}]\n`,
    );
    const process = new Deno.Command(PROMETHEUS, {
      args: [
        `--config.file=${directory}/prometheus.yml`,
        `--storage.tsdb.path=${directory}/data`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      stdout: "null",
      stderr: "null",
    }).spawn();
    return new Prometheus(process, directory, port);
  }

  /** The first value that a query finds. */
  async value(query: string): Promise<number | undefined> {
    const url = `http://127.0.0.1:${this.#port}/api/v1/query?query=${encodeURIComponent(query)}`;
    // Until it is ready it answers by a word.
    const answer = await fetch(url).then((r) => r.json()).catch(() => undefined);
    const found = answer?.data?.result?.[0]?.value?.[1];
    return found === undefined ? undefined : Number(found);
  }

  async end(): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#process.status;
    await Deno.remove(this.#directory, { recursive: true });
  }
}

/** Has promtool check metrics; returns what it says against them, which is nothing when they are right. */
export async function complaintsOfPromtool(metrics: string): Promise<string> {
  const promtool = new Deno.Command(PROMTOOL, {
    args: ["check", "metrics"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = promtool.stdin.getWriter();
  await writer.write(new TextEncoder().encode(metrics));
  await writer.close();
  const { success, stdout, stderr } = await promtool.output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  return success ? said : said || "promtool fails";
}
