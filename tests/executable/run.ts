/**
 * The executable alone: copied into an empty directory it runs every command, also as nobody, with an
 * empty environment, from a read-only directory, with TMPDIR missing or not executable, and leaves no
 * file behind. The examples of the repository run as nobody in two processes.
 *
 * Run as root, after `deno task build`: deno run -A tests/executable/run.ts
 * @module
 */
import assert from "node:assert/strict";

const BINARY = "dist/myikev2";
const NOBODY = 65534;
let passed = 0;
let failed = 0;

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Surroundings {
  readonly cwd: string;
  readonly uid?: number;
  readonly env?: Record<string, string>;
}

async function run(binary: string, args: string[], around: Surroundings): Promise<Outcome> {
  const { uid, env = {}, cwd } = around;
  const output = await new Deno.Command(binary, {
    args,
    cwd,
    clearEnv: true,
    env,
    ...(uid === undefined ? {} : { uid, gid: uid }),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = (octets: Uint8Array) => new TextDecoder().decode(octets);
  return { code: output.code, stdout: text(output.stdout), stderr: text(output.stderr) };
}

async function row(name: string, check: () => Promise<void>): Promise<void> {
  try {
    await check();
    passed++;
    console.log(`ok    ${name}`);
  } catch (e) {
    failed++;
    console.log(`FAIL  ${name}\n${e instanceof Error ? e.stack : e}`);
  }
}

/** What a stream says until it has said `words`, for at most 20 s; the rest is read and dropped. */
async function readUntil(stream: ReadableStream<Uint8Array>, words: string): Promise<string> {
  let said = "";
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  const one = async () => {
    const { done, value } = await reader.read();
    said += value ?? "";
    return done;
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(true), 20_000);
  });
  while (!said.includes(words)) {
    if (await Promise.race([one(), late])) break;
  }
  clearTimeout(timer);
  (async () => {
    while (!await one());
  })();
  return said;
}

/** An empty directory with the executable in it, readable by everybody. */
async function place(): Promise<{ dir: string; binary: string }> {
  const dir = await Deno.makeTempDir({ prefix: "executable" });
  await Deno.copyFile(BINARY, `${dir}/myikev2`);
  await Deno.chmod(`${dir}/myikev2`, 0o755);
  await Deno.chmod(dir, 0o755);
  return { dir, binary: `${dir}/myikev2` };
}

async function filesIn(dir: string): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(dir)) names.push(entry.name);
  return names.sort();
}

async function commands(around: Surroundings, binary: string): Promise<void> {
  const demo = await run(binary, ["demo", "--tunnels", "50", "--json"], around);
  assert.equal(demo.code, 0, demo.stderr);
  const result = JSON.parse(demo.stdout);
  assert.equal(demo.stdout.trim().split("\n").length, 1);
  assert.equal(result.result, "passed");
  assert.equal(result.tunnels.established, 50);
  assert.equal(result.retransmissions, 0);
  const help = await run(binary, ["--help"], around);
  assert.equal(help.code, 0);
  for (const command of ["test", "exec", "demo", "simulate", "daemon", "default", "version"]) {
    assert.match(help.stdout, new RegExp(`^  ${command}\\b`, "m"));
  }
  const version = await run(binary, ["version"], around);
  assert.match(version.stdout, /crypto backends: .*portable/);
  const worlds = await run(binary, ["simulate", "--count", "50"], around);
  assert.match(worlds.stdout, /50 worlds, no broken invariant/);
  const setup = await run(binary, ["default", "setup", "-f", "-"], around);
  assert.match(setup.stdout, /^role: client$/m);
  const usage = await run(binary, ["demo", "--tunnels", "none"], around);
  assert.equal(usage.code, 2);
}

const { dir, binary } = await place();
const before = await filesIn(dir);

await row("as root, with an empty environment", () => commands({ cwd: dir }, binary));
await row("as nobody", () => commands({ cwd: dir, uid: NOBODY }, binary));
await row(
  "from a directory nobody may write to",
  () => commands({ cwd: "/proc", uid: NOBODY, env: { HOME: "/nonexistent" } }, binary),
);
await row(
  "with TMPDIR that is not there",
  () => commands({ cwd: dir, uid: NOBODY, env: { TMPDIR: "/nonexistent/tmp" } }, binary),
);
await row(
  "with TMPDIR where nothing may be executed",
  () => commands({ cwd: dir, uid: NOBODY, env: { TMPDIR: "/dev/shm", HOME: "/dev/shm" } }, binary),
);
await row("no file is left behind, not in the temporary directory either", async () => {
  const temporary = await Deno.makeTempDir({ prefix: "temporary" });
  await commands({ cwd: dir, env: { TMPDIR: temporary, HOME: temporary } }, binary);
  assert.deepEqual(await filesIn(temporary), []);
  assert.deepEqual(await filesIn(dir), before);
});
await row("the native backends are inside, where the shim was built", async () => {
  const built = await Deno.stat("ffi/build/myikev2_shim.so").then(() => true, () => false);
  if (!built) assert.equal(Deno.env.get("CI"), undefined, "CI builds the shim");
  const { stdout } = await run(binary, ["version"], { cwd: dir, uid: NOBODY });
  assert.equal(/crypto backends: .*native/.test(stdout), built, stdout);
});
await row("help and usage errors do not start a test", async () => {
  const wrong = await run(binary, ["tets"], { cwd: dir });
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /Did you mean test\?/);
  const none = await run(binary, ["createpki", "--eekeytype", "dsa"], { cwd: dir });
  assert.equal(none.code, 2);
  assert.match(none.stderr, /Expected one of rsa:BITS/);
});

await row("a refused setup still gives one line of JSON", async () => {
  const work = await Deno.makeTempDir({ prefix: "refused" });
  await Deno.writeTextFile(`${work}/bad.yaml`, "role: clientt\nnothing: 1\n");
  const { code, stdout, stderr } = await run(binary, ["test", "bad.yaml", "--json"], { cwd: work });
  assert.equal(code, 2);
  const result = JSON.parse(stdout);
  assert.equal(result.result, "failed");
  assert.ok(result.setupErrors.some((e: string) => /bad\.yaml:2:1: .*nothing/.test(e)));
  assert.match(stderr, /bad\.yaml:1:7: .*did you mean client\?/);
  await Deno.remove(work, { recursive: true });
});

/** Runs a gateway and a client of `examples/` as nobody, behind the command that one needs first. */
async function examples(gateway: string, client: string, before: string[] = []) {
  const work = await Deno.makeTempDir({ prefix: "examples" });
  await Deno.chown(work, NOBODY, NOBODY);
  if (before.length > 0) {
    const { code, stderr } = await run(binary, before, { cwd: work, uid: NOBODY });
    assert.equal(code, 0, stderr);
  }
  const start = async (name: string) => {
    await Deno.copyFile(`examples/${name}.yaml`, `${work}/${name}.yaml`);
    const args = ["test", `${name}.yaml`, "--flush=false", "--json", "--lf", `${name}.log`];
    return run(binary, args, { cwd: work, uid: NOBODY });
  };
  const running = start(gateway);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const results = [await start(client), await running].map(({ code, stdout, stderr }) => {
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  });
  for (const name of [gateway, client]) {
    assert.equal((await Deno.stat(`${work}/${name}.log`)).mode! & 0o777, 0o600);
  }
  await Deno.remove(work, { recursive: true });
  return { ofClient: results[0], ofGateway: results[1] };
}

await row(
  "the examples run as nobody, in two processes: plain, by workers, with packets, in TCP, with ML-KEM, EAP, certificates",
  async () => {
    const [plain, workers, packets, streams, quantum] = await Promise.all([
      examples("gateway", "client"),
      examples("shards-gateway", "shards-client"),
      examples("ping-gateway", "ping-client"),
      examples("tcp-gateway", "tcp-client"),
      examples("pq-gateway", "pq-client"),
    ]);
    const { tunnels, rekeys, keyExchanges } = quantum.ofClient;
    const words = JSON.stringify(quantum);
    assert.deepEqual([tunnels.established, tunnels.failed], [10, 0], words);
    const hybrid = "Curve25519 + ml-kem-768";
    assert.deepEqual(Object.keys(keyExchanges.ike), [hybrid], words);
    assert.deepEqual(Object.keys(keyExchanges.child), [hybrid], words);
    assert.ok(rekeys.ike > 0 && rekeys.child > 0, words);
    const authority = ["createpki", "-c", "0", "-l", "0", "--cakeytype", "ecdsa:p-256"];
    const [users, subscribers, holders] = await Promise.all([
      examples("eap-gateway", "eap-client"),
      examples("aka-gateway", "aka-client"),
      examples("cert-gateway", "cert-client", [...authority, "--cadir", "ca"]),
    ]);
    const authenticated = [[users, 20], [subscribers, 10], [holders, 20]] as const;
    for (const [{ ofClient, ofGateway }, wanted] of authenticated) {
      assert.equal(ofClient.tunnels.established, wanted, JSON.stringify(ofClient));
      assert.equal(ofGateway.tunnels.established, wanted, JSON.stringify(ofGateway));
    }
    const inTcp = JSON.stringify(streams.ofClient);
    assert.equal(streams.ofGateway.connections.accepted, 20, inTcp);
    const { sent, received } = streams.ofClient.ping;
    assert.ok(sent > 100 && received > 0.9 * sent, inTcp);
    for (const { ofClient, ofGateway } of [plain, workers]) {
      assert.equal(ofClient.tunnels.established, 10);
      assert.equal(ofGateway.tunnels.established, 10);
    }
    assert.equal(plain.ofGateway.result, "passed");
    const { ping, packets: carried } = packets.ofClient;
    const told = JSON.stringify({ ping, carried });
    // Sockets of a busy machine lose some.
    assert.ok(ping.tasks === 100 && ping.sent > 100 && ping.received > 0.9 * ping.sent, told);
    assert.equal(carried.sent, ping.sent, told);
    const { pingsAnswered } = packets.ofGateway;
    assert.ok(ping.received <= pingsAnswered && pingsAnswered <= ping.sent, told);
  },
);

const SLICED = `
numberoftunnels: 30
bindifname: lo
apilistenport: 0
ikeconf: {psk: a secret of the slices, dhgrpid: 31, myid: "tunnel-&d"}
`;
const SLICED_GATEWAY = `role: gateway
runningtime: 0s
bindifaddr: 127.0.0.1/8
ownport: 5620
ownnattport: 5665
${SLICED}`;
const SLICED_CLIENT = `role: client
runningtime: 8s
startclntaddr: 127.3.0.1/8
peeraddr: 127.0.0.1
peerport: 5620
peernattport: 5665
ownport: 5620
ownnattport: 5665
setupinterval: 5ms
thresholds: ["failed < 1", "max(setup) < 5s"]
${SLICED}`;

await row(
  "three slices begin together, and their merged result is that of one process",
  async () => {
    const work = await Deno.makeTempDir({ prefix: "slices" });
    await Deno.writeTextFile(`${work}/gateway.yaml`, SLICED_GATEWAY);
    await Deno.writeTextFile(`${work}/client.yaml`, SLICED_CLIENT);
    const gateway = new Deno.Command(binary, {
      args: ["test", "gateway.yaml", "--flush=false", "--json"],
      cwd: work,
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    await readUntil(gateway.stderr, "API on");
    const startAt = new Date(Date.now() + 3_000).toISOString();
    const slices = await Promise.all(["1/3", "2/3", "3/3"].map(async (slice, i) => {
      const name = `slice${i + 1}`;
      const files = ["--lf", `${name}.log`, "--csv", `${name}.csv`];
      const shared = ["--slice", slice, "--start-at", startAt];
      const args = ["test", "client.yaml", "--flush=false", "--json", ...files, ...shared];
      const { code, stdout, stderr } = await run(binary, args, { cwd: work });
      assert.equal(code, 0, stdout + stderr);
      await Deno.writeTextFile(`${work}/r${i + 1}.json`, stdout);
      return JSON.parse(stdout);
    }));
    gateway.kill("SIGINT");
    const atGateway = JSON.parse(await new Response(gateway.stdout).text());
    for (const { startedAt } of slices) assert.ok(startedAt >= startAt, `${startedAt}, ${startAt}`);
    const merged = async (...files: string[]) => {
      const { code, stdout } = await run(binary, ["merge", "--json", ...files], { cwd: work });
      return { code, result: JSON.parse(stdout) };
    };
    const { code, result } = await merged("r1.json", "r2.json", "r3.json");
    assert.equal(code, 0, JSON.stringify(result));
    assert.deepEqual(result.tunnels, { configured: 30, established: 30, failed: 0, lost: 0 });
    assert.deepEqual(result.thresholds.map(({ held }: { held: boolean }) => held), [true, true]);
    assert.equal(atGateway.tunnels.established, 30, JSON.stringify(atGateway));
    const indices: number[] = [];
    for (const i of [1, 2, 3]) {
      const [, ...rows] = (await Deno.readTextFile(`${work}/slice${i}.csv`)).trim().split("\n");
      indices.push(...rows.map((one) => Number(one.split(",")[0])));
    }
    assert.deepEqual(indices.sort((a, b) => a - b), Array.from({ length: 30 }, (_, i) => i));
    const short = await merged("r1.json", "r3.json");
    assert.equal(short.code, 1);
    assert.match(short.result.error, /^Slice 2 of 3 missing: .* is 1 modulo 3/);
    await Deno.remove(work, { recursive: true });
  },
);

await row("SIGINT ends a test gracefully", async () => {
  const work = await Deno.makeTempDir({ prefix: "signal" });
  const setup = (await Deno.readTextFile("examples/gateway.yaml")).replace("20s", "0s")
    .replace("5500", "0").replace("5545", "0").replace("12330", "0");
  await Deno.writeTextFile(`${work}/gateway.yaml`, setup);
  const child = new Deno.Command(binary, {
    args: ["test", "gateway.yaml", "--flush=false", "--json"],
    cwd: work,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const said = await readUntil(child.stderr, "API on");
  assert.ok(said.includes("API on"), said);
  child.kill("SIGINT");
  const stdout = await new Response(child.stdout).text();
  const result = JSON.parse(stdout);
  assert.equal(result.result, "stopped", stdout);
  assert.equal(result.latencyMs.setup.p50, null);
  await Deno.remove(work, { recursive: true });
});

await Deno.remove(dir, { recursive: true });
console.log(`${passed} passed, ${failed} failed`);
Deno.exit(failed > 0 ? 1 : 0);
