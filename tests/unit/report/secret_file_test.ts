import assert from "node:assert/strict";
import { SetupError } from "@/base/errors.ts";
import { SecretFile } from "@/report/secret_file.ts";

/** The octets of a text in UTF-8. */
const octets = (text: string) => new TextEncoder().encode(text);

async function inDirectory(check: (dir: string) => void | Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await check(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("only the owner may read the file, even if others could read it before", () =>
  inDirectory((dir) => {
    const path = `${dir}/log`;
    Deno.writeTextFileSync(path, "much longer than what comes now", { mode: 0o644 });
    const file = new SecretFile(path, "--lf");
    file.write(octets("new"));
    file.close();
    assert.equal(Deno.readTextFileSync(path), "new");
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
  }));

Deno.test("a file that another process writes is not changed, and the error names the process", () =>
  inDirectory(async (dir) => {
    const path = `${dir}/log`;
    const script = `const f = Deno.openSync(${JSON.stringify(path)}, { write: true, create: true });
      f.lockSync(true);
      f.writeSync(new TextEncoder().encode("theirs"));
      console.log("locked");
      await Deno.stdin.read(new Uint8Array(1));`;
    const writer = new Deno.Command(Deno.execPath(), {
      args: ["eval", script],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    await writer.stdout.getReader().read();
    assert.throws(
      () => new SecretFile(path, "--lf"),
      (e: unknown) =>
        e instanceof SetupError &&
        new RegExp(`${path}: process ${writer.pid} \\(deno\\) writes it; .* --lf`).test(e.message),
    );
    assert.equal(Deno.readTextFileSync(path), "theirs");
    await writer.stdin.close();
    await writer.status;
    new SecretFile(path, "--lf").close();
  }));

Deno.test("a file can be written while it is open for reading", () =>
  inDirectory((dir) => {
    const path = `${dir}/log`;
    Deno.writeTextFileSync(path, "");
    using _reader = Deno.openSync(path);
    new SecretFile(path, "--lf").close();
  }));

Deno.test("the error for a file that cannot be written has path, option and reason", () => {
  assert.throws(
    () => new SecretFile("/nonexistent/log", "--pcap"),
    {
      name: "SetupError",
      message: "Cannot write /nonexistent/log (--pcap): No such file or directory",
    },
  );
});

Deno.test("after a rotation the old content is in .prev, and only the owner may read the new file", () =>
  inDirectory((dir) => {
    const path = `${dir}/log`;
    const file = new SecretFile(path, "--lf");
    file.write(octets("old"));
    file.turnOver();
    file.write(octets("new"));
    file.close();
    assert.equal(Deno.readTextFileSync(`${path}.prev`), "old");
    assert.equal(Deno.readTextFileSync(path), "new");
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
  }));

Deno.test("a device keeps its mode, and is not renamed by a rotation", () => {
  const before = Deno.statSync("/dev/null");
  const file = new SecretFile("/dev/null", "--lf");
  file.write(octets("gone"));
  file.turnOver();
  file.close();
  const after = Deno.statSync("/dev/null");
  assert.deepEqual([after.mode, after.ino], [before.mode, before.ino]);
});

Deno.test("a failed write is reported once, and the test continues", () => {
  const warnings: string[] = [];
  const file = new SecretFile("/dev/full", "--pcap", (line) => warnings.push(line));
  file.write(octets("one"));
  file.write(octets("two"));
  file.turnOver();
  file.close();
  assert.deepEqual(warnings, ["Cannot write /dev/full (--pcap) any more: No space left on device"]);
});
