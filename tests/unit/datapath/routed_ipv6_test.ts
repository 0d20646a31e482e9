/**
 * IPv6 addresses of tunnels that a route makes local, seen from a neighbour on a veth pair between two network
 * namespaces. Needs root, iproute2 and ping.
 */
import assert from "node:assert/strict";
import { loadShim } from "@/native/load.ts";

const OURS = `myikev2-six-${Deno.pid}`;
const THEIRS = `${OURS}-peer`;

async function run(command: string, ...args: string[]): Promise<{ ok: boolean; text: string }> {
  const process = new Deno.Command(command, { args, stdout: "piped", stderr: "null" });
  const { success, stdout } = await process.output();
  return { ok: success, text: new TextDecoder().decode(stdout) };
}

const can = (...words: string[]) =>
  run(words[0]!, ...words.slice(1)).then(({ ok }) => ok, () => false);
const hasTools = Deno.uid() === 0 && await can("ip", "-V") && await can("ping", "-V") &&
  loadShim().symbols !== undefined;

/** A test whose addresses are prepared in our namespace until `end` or a kill. */
async function prepared(tunnels: number) {
  const plan = {
    bindifname: "v0",
    bindifaddr: undefined,
    startclntaddr: "fd00:1::1:0/48",
    numberoftunnels: tunnels,
  };
  const script = `${import.meta.dirname}/_prepare.ts`;
  const args = ["netns", "exec", OURS, Deno.execPath(), "run", "-A", script];
  const process = new Deno.Command("ip", {
    args: [...args, JSON.stringify(plan), "true", "hold"],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const lines = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) text += (await lines.read()).value ?? "{}\n";
  const rest = async () => {
    while (!(await lines.read()).done);
    await process.status;
  };
  return {
    end: async () => {
      await process.stdin.close();
      await rest();
    },
    kill: async () => {
      process.kill("SIGKILL");
      await process.stdin.close().catch(() => {});
      await rest();
    },
  };
}

const localRoutes = async () =>
  (await run("ip", "-n", OURS, "-6", "route", "show", "table", "local", "proto", "234")).text
    .split("\n").filter((line) => line !== "");

/** Whether a neighbour of ours resolves an address and gets an echo from it. */
const answers = (address: string) =>
  can("ip", "netns", "exec", THEIRS, "ping", "-6", "-n", "-c", "1", "-W", "3", address);

Deno.test({
  name:
    "100,000 IPv6 addresses are a few routes, answer their neighbours, and go again (needs root)",
  ignore: !hasTools,
  async fn() {
    const made = [
      `netns add ${OURS}`,
      `netns add ${THEIRS}`,
      `-n ${OURS} link add v0 type veth peer name v1 netns ${THEIRS}`,
      `-n ${OURS} link set lo up`,
      `-n ${OURS} link set v0 up`,
      `-n ${THEIRS} link set v1 up`,
      `-n ${THEIRS} addr add fd00:1::fe:0:1/48 dev v1 nodad`,
    ];
    try {
      for (const line of made) assert.ok(await can("ip", ...line.split(" ")), line);
      const test = await prepared(100_000);
      const routes = await localRoutes();
      assert.ok(routes.length > 0 && routes.length <= 34, `${routes.length} routes`);
      // The first and the last of the routes, and one in the middle.
      for (const address of ["fd00:1::1:1", "fd00:1::1:8765", "fd00:1::2:869f"]) {
        assert.ok(await answers(address), address);
      }
      await test.end();
      assert.deepEqual(await localRoutes(), []);
      assert.equal(await answers("fd00:1::1:8765"), false, "nobody has it any more");

      const killed = await prepared(50);
      assert.ok((await localRoutes()).length > 0);
      await killed.kill();
      const next = await prepared(2);
      assert.deepEqual((await localRoutes()).map((line) => line.split(" ")[1]), ["fd00:1::1:1"]);
      await next.end();
    } finally {
      for (const namespace of [OURS, THEIRS]) await can("ip", "netns", "del", namespace);
    }
  },
});
