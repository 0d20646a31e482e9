import assert from "node:assert/strict";

const MAIN = new URL("../../../main.ts", import.meta.url).pathname;
const ESCAPE = "\u001b";

const hasScript = await new Deno.Command("script", { args: ["--version"], stdout: "null" }).output()
  .then(() => true, () => false);

/** Makes so many RSA keys, which takes some seconds; returns what the terminal or the pipe got. */
async function createPki(count: number, onTerminal: boolean): Promise<string> {
  const dir = await Deno.makeTempDir();
  try {
    const words = [Deno.execPath(), "run", "-A", "--no-check", MAIN, "createpki", "-c", `${count}`];
    words.push("--cadir", `${dir}/ca`, "--eedir", `${dir}/ee`, "--cakeytype", "ed25519");
    const [command, ...args] = onTerminal
      ? ["script", "-qec", `stty cols 60; ${words.join(" ")}`, "/dev/null"]
      : words;
    const { stdout, stderr } = await new Deno.Command(command!, {
      args,
      stdin: "null",
      env: { TERM: "xterm", NO_COLOR: "1" },
    }).output();
    return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test({
  name: "a terminal gets one line about a long step, which is removed at its end" +
    (hasScript ? "" : " (left out: no script command)"),
  ignore: !hasScript,
  fn: async () => {
    const sent = await createPki(12, true);
    assert.match(sent, /\rcreatepki: \d+ of 12 end entities/);
    assert.ok(sent.includes(`\r${ESCAPE}[K2 authorities in`), JSON.stringify(sent));
    for (const line of sent.split("\r")) {
      assert.ok(!line.startsWith("createpki") || line.length < 64);
    }
  },
});

Deno.test("nothing is drawn where there is no terminal", async () => {
  const sent = await createPki(6, false);
  assert.match(sent, /^2 authorities in \S+, 6 end entities in \S+\n$/);
});
