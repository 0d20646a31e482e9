// Signals to a process of `myikev2 test`: it deletes its tunnels, reports a result, and ends in time.
import assert from "node:assert/strict";
import type { RunResultJson } from "@/report/result.ts";

const MAIN = new URL("../../../main.ts", import.meta.url).pathname;
/** Milliseconds to wait for the output of a process, which suffice on a busy machine. */
const START_MS = 20_000;

const COMMON = `runningtime: 60s
loglevel: 4
bindifname: lo
ownport: 0
apilistenport: 0
`;

const GATEWAY = `role: gateway
numberoftunnels: 3
bindifaddr: 127.0.0.1/8
ownnattport: 0
${COMMON}ikeconf: {psk: a secret}
`;

/** The setup of a client whose gateway is at this port. */
const clientSetup = (port: number) =>
  `role: client
numberoftunnels: 3
setupinterval: 0s
startclntaddr: 127.0.0.1/8
peeraddr: 127.0.0.1
peerport: ${port}
stoptimeout: ${STOP_MS}ms
${COMMON}ikeconf: {psk: a secret, dhgrpid: 31, myid: "c&d.test", retraninterval: 500ms, maxretran: 40}
`;

/** `stoptimeout` of the client, in milliseconds. */
const STOP_MS = 4_000;

/** How a process has ended. */
interface Ended {
  readonly status: number;
  readonly result: RunResultJson;
  readonly tookMs: number;
}

/** A process of `myikev2 test`. */
class TestProcess {
  readonly #dir: string;
  readonly #child: Deno.ChildProcess;
  readonly #out: Promise<string>;
  readonly #reading: Promise<void>;
  #err = "";

  constructor(setup: string) {
    this.#dir = Deno.makeTempDirSync();
    Deno.writeTextFileSync(`${this.#dir}/my.yaml`, setup);
    const options = ["--json", "--flush=false", "--lf", `${this.#dir}/log`];
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", MAIN, "test", `${this.#dir}/my.yaml`, ...options],
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#out = new Response(this.#child.stdout).text();
    this.#reading = this.#read();
  }

  async #read(): Promise<void> {
    for await (const text of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      this.#err += text;
    }
  }

  /** Waits until the process has printed its UDP port, and returns the port. */
  async port(): Promise<number> {
    const match = await this.#untilFound(/on UDP port (\d+)/, () => this.#err);
    return Number(match[1]);
  }

  /** Waits until the log matches; a line is in the file within a second. */
  async logged(words: RegExp): Promise<void> {
    await this.#untilFound(words, () => this.#log());
  }

  /** The log, which is empty as long as there is no file: warnings about the setup are printed before. */
  #log(): string {
    try {
      return Deno.readTextFileSync(`${this.#dir}/log`);
    } catch (e) {
      if (e instanceof Deno.errors.NotFound) return "";
      throw e;
    }
  }

  signal(name: Deno.Signal): void {
    this.#child.kill(name);
  }

  /** Waits for the end of the process, and measures the time from this call on. */
  async ended(): Promise<Ended> {
    const sinceMs = performance.now();
    const { code } = await this.#child.status;
    const tookMs = performance.now() - sinceMs;
    const out = await this.#out;
    await this.#reading;
    Deno.removeSync(this.#dir, { recursive: true });
    assert.equal(out.trimEnd().split("\n").length, 1, out);
    return { status: code, result: JSON.parse(out), tookMs };
  }

  /** Waits until the text that `read` returns matches. @throws Error after START_MS. */
  async #untilFound(words: RegExp, read: () => string): Promise<RegExpExecArray> {
    for (let waitedMs = 0; waitedMs < START_MS; waitedMs += 20) {
      const match = words.exec(this.#err === "" ? "" : read());
      if (match) return match;
      await pause(20);
    }
    this.#child.kill("SIGKILL");
    throw new Error(`The process did not print ${words}: ${this.#err}`);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Starts a gateway and a client, and waits until their three tunnels are established. */
async function pair(): Promise<{ gateway: TestProcess; client: TestProcess }> {
  const gateway = new TestProcess(GATEWAY.replace("secret}", "secret, dhgrpid: 31}"));
  const client = new TestProcess(clientSetup(await gateway.port()));
  await client.logged(/established: (.|\n)*established: (.|\n)*established: /);
  return { gateway, client };
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`${signal} before the first tunnel stops the test with a result and status 0`, async () => {
    const gateway = new TestProcess(GATEWAY);
    await gateway.port();
    gateway.signal(signal);
    const { status, result } = await gateway.ended();
    assert.deepEqual([status, result.result, result.error], [0, "stopped", null]);
    assert.deepEqual(result.tunnels, { configured: 3, established: 0, failed: 0, lost: 0 });
    assert.equal(result.deletesUnanswered, null);
  });
}

Deno.test("after SIGINT the tunnels are deleted, and the other end does not count them as lost", async () => {
  const { gateway, client } = await pair();
  client.signal("SIGINT");
  const { status, result } = await client.ended();
  assert.deepEqual([status, result.result, result.tunnels.established], [0, "stopped", 3]);
  assert.equal(result.deletesUnanswered, 0);
  gateway.signal("SIGTERM");
  const atGateway = await gateway.ended();
  assert.deepEqual([atGateway.status, atGateway.result.result], [0, "stopped"]);
  const { established, lost } = atGateway.result.tunnels;
  assert.deepEqual([established, lost], [3, 0]);
});

Deno.test("a second SIGINT ends the test at once, and the result has the number of unanswered Deletes", async () => {
  const { gateway, client } = await pair();
  gateway.signal("SIGSTOP");
  client.signal("SIGINT");
  await pause(500);
  client.signal("SIGINT");
  const { status, result, tookMs } = await client.ended();
  gateway.signal("SIGCONT");
  gateway.signal("SIGINT");
  await gateway.ended();
  assert.ok(tookMs < 3_000, `${tookMs} ms`);
  assert.deepEqual([status, result.result, result.deletesUnanswered], [0, "stopped", 3]);
});

Deno.test("after SIGINT a test whose Deletes are not answered ends when stoptimeout is over", async () => {
  const { gateway, client } = await pair();
  gateway.signal("SIGSTOP");
  client.signal("SIGINT");
  const { result, tookMs } = await client.ended();
  gateway.signal("SIGCONT");
  gateway.signal("SIGINT");
  await gateway.ended();
  // The end may take 5 ms more for each of the three tunnels, and then the process has to end.
  assert.ok(tookMs >= STOP_MS && tookMs < STOP_MS + 5_000, `${tookMs} ms`);
  assert.equal(result.deletesUnanswered, 3);
});
