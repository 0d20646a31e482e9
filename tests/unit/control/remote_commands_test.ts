import assert from "node:assert/strict";
import { loginIdentity, passwordPrompts, runRemote } from "@/control/remote_commands.ts";

const ACCESS = {
  address: "192.0.2.7",
  port: 22,
  user: "root",
  password: "open sesame",
  keyPath: "",
  configPath: "",
};

Deno.test("the prompts that get the password are those of ssh for this user at this host", () => {
  const identity = loginIdentity("host lab\nuser root\nhostname 192.0.2.7\nport 22\n");
  assert.deepEqual(identity, { user: "root", host: "192.0.2.7" });
  assert.deepEqual(passwordPrompts(identity!), [
    "root@192.0.2.7's password: ",
    "(root@192.0.2.7) Password: ",
  ]);
  const aliased = loginIdentity("user root\nhostname 192.0.2.7\nhostkeyalias lab\n");
  assert.equal(aliased?.host, "lab");
  assert.equal(loginIdentity("nonsense"), undefined);
});

/** Runs a program in place of ssh that asks for a password with each prompt; returns what it printed. */
async function answers(prompts: readonly string[]): Promise<string> {
  const directory = Deno.makeTempDirSync();
  const path = Deno.env.get("PATH")!;
  const asks = prompts.map((prompt) => `"$SSH_ASKPASS" '${prompt.replaceAll("'", `'\\''`)}'`);
  const program = `#!/bin/sh
[ "$1" = -G ] && { echo user root; echo hostname 192.0.2.7; exit; }
${asks.join("\n")}
exit 0
`;
  Deno.writeTextFileSync(`${directory}/ssh`, program, { mode: 0o755 });
  Deno.env.set("PATH", `${directory}:${path}`);
  try {
    const options = { timeoutMs: 10_000, stopsAtFailure: true };
    return (await runRemote(ACCESS, "true", options)).output;
  } finally {
    Deno.env.set("PATH", path);
    Deno.removeSync(directory, { recursive: true });
  }
}

Deno.test("the password is given to the prompts for this user at this host", async () => {
  const output = await answers(["root@192.0.2.7's password: ", "(root@192.0.2.7) Password: "]);
  assert.equal(output, "open sesame\nopen sesame\n");
});

Deno.test("no other prompt gets the password, and the output names the prompt", async () => {
  for (
    const prompt of [
      "root@192.0.2.8's password: ",
      "admin@192.0.2.7's password: ",
      "(root@192.0.2.8) Password: ",
      "(root@192.0.2.7) root@192.0.2.8's password: ",
      "Password: ",
      "Enter passphrase for key '/keys/id': ",
      "Are you sure you want to continue connecting (yes/no/[fingerprint])? ",
    ]
  ) {
    const output = await answers([prompt]);
    assert.ok(!output.includes("open sesame"), prompt);
    assert.ok(output.includes(`and was asked: ${prompt}`), output);
  }
});
