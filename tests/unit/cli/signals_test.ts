// Signals to a process of `myikev2 test`: what it still does, what it reports, and how it ends.
import assert from "node:assert/strict";
import type { RunResultJson } from "@/report/result.ts";

const MAIN = new URL("../../../main.ts", import.meta.url).pathname;
/** Until the process is up, however busy the machine is. */
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

const client = (port: number) =>
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

interface Ended {
  readonly status: number;
  readonly result: RunResultJson;
  readonly tookMs: number;
}

/** One process under test. */
class Tested {
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

  /** Its UDP port, when it has one. */
  async port(): Promise<number> {
    const said = await this.#found(/on UDP port (\d+)/, () => this.#err);
    return Number(said[1]);
  }

  /** Waits until its log says so; a line is there a second later. */
  async logged(words: RegExp): Promise<void> {
    await this.#found(words, () => this.#log());
  }

  /** Its log; empty as long as there is none: warnings about the setup are said before it is begun. */
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

  /** Waits for the end, from now on. */
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

  async #found(words: RegExp, read: () => string): Promise<RegExpExecArray> {
    for (let waitedMs = 0; waitedMs < START_MS; waitedMs += 20) {
      const found = words.exec(this.#err === "" ? "" : read());
      if (found) return found;
      await pause(20);
    }
    this.#child.kill("SIGKILL");
    throw new Error(`It did not say ${words}: ${this.#err}`);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A client that has its three tunnels at a gateway. */
async function pair(): Promise<{ gateway: Tested; dialled: Tested }> {
  const gateway = new Tested(GATEWAY.replace("secret}", "secret, dhgrpid: 31}"));
  const dialled = new Tested(client(await gateway.port()));
  await dialled.logged(/established: (.|\n)*established: (.|\n)*established: /);
  return { gateway, dialled };
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`${signal} before the first tunnel: stopped, with a result, status 0`, async () => {
    const gateway = new Tested(GATEWAY);
    await gateway.port();
    gateway.signal(signal);
    const { status, result } = await gateway.ended();
    assert.deepEqual([status, result.result, result.error], [0, "stopped", null]);
    assert.deepEqual(result.tunnels, { configured: 3, established: 0, failed: 0, lost: 0 });
    assert.equal(result.deletesUnanswered, null);
  });
}

Deno.test("SIGINT deletes the tunnels, which the other end does not count as lost", async () => {
  const { gateway, dialled } = await pair();
  dialled.signal("SIGINT");
  const { status, result } = await dialled.ended();
  assert.deepEqual([status, result.result, result.tunnels.established], [0, "stopped", 3]);
  assert.equal(result.deletesUnanswered, 0);
  gateway.signal("SIGTERM");
  const other = await gateway.ended();
  assert.deepEqual([other.status, other.result.result], [0, "stopped"]);
  assert.deepEqual([other.result.tunnels.established, other.result.tunnels.lost], [3, 0]);
});

Deno.test("a second SIGINT ends at once, and counts the Deletes without an answer", async () => {
  const { gateway, dialled } = await pair();
  gateway.signal("SIGSTOP");
  dialled.signal("SIGINT");
  await pause(500);
  dialled.signal("SIGINT");
  const { status, result, tookMs } = await dialled.ended();
  gateway.signal("SIGCONT");
  gateway.signal("SIGINT");
  await gateway.ended();
  assert.ok(tookMs < 3_000, `${tookMs} ms`);
  assert.deepEqual([status, result.result, result.deletesUnanswered], [0, "stopped", 3]);
});

Deno.test("after SIGINT without answers to the Deletes the test ends when stoptimeout is over", async () => {
  const { gateway, dialled } = await pair();
  gateway.signal("SIGSTOP");
  dialled.signal("SIGINT");
  const { result, tookMs } = await dialled.ended();
  gateway.signal("SIGCONT");
  gateway.signal("SIGINT");
  await gateway.ended();
  // Three Deletes are unanswered after it, which add 15 ms; the rest is the end of the process.
  assert.ok(tookMs >= STOP_MS && tookMs < STOP_MS + 5_000, `${tookMs} ms`);
  assert.equal(result.deletesUnanswered, 3);
});
