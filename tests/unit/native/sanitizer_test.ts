/**
 * The shim under the address and undefined-behaviour sanitizers, driven by `shim_check.c`. Left out by
 * name where the compiler, its sanitizers or libssl.a and libcrypto.a are missing.
 */
import assert from "node:assert/strict";

const root = new URL("../../../", import.meta.url).pathname;
const SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
/** Uninitialized memory is not zero by chance. */
const PATTERN = "-ftrivial-auto-var-init=pattern";

async function run(command: string, args: string[], input = ""): Promise<[boolean, string]> {
  try {
    const child = new Deno.Command(command, {
      args,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      cwd: root,
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input)).catch(() => {});
    await writer.close().catch(() => {});
    const { success, stdout, stderr } = await child.output();
    const text = new TextDecoder();
    return [success, text.decode(stdout) + text.decode(stderr)];
  } catch (e) {
    if (e instanceof Deno.errors.NotFound) return [false, `no ${command}`];
    throw e;
  }
}

const compiler = Deno.env.get("CC") ?? "gcc";
const PROBE = "#include <openssl/evp.h>\nint main(void){return 0;}";
const [possible] = await run(
  compiler,
  [...SANITIZE, "-x", "c", "-", "-l:libssl.a", "-l:libcrypto.a", "-o", "/dev/null"],
  PROBE,
);

Deno.test({
  name: "the shim reads and writes no octet beside its buffers" +
    (possible ? "" : " (left out: no C compiler with sanitizers, libssl.a and libcrypto.a)"),
  ignore: !possible,
  fn: async () => {
    const program = await Deno.makeTempFile();
    const sources = [...Deno.readDirSync(`${root}ffi`)].map(({ name }) => name)
      .filter((name) => name.endsWith(".c")).map((name) => `ffi/${name}`);
    assert.ok(sources.length > 5);
    try {
      const args = ["-std=gnu11", "-g", "-O1", "-Wno-deprecated-declarations", ...SANITIZE];
      const [knowsPattern] = await run(compiler, [PATTERN, "-x", "c", "-E", "-"], "");
      const [built, complaint] = await run(compiler, [
        ...args,
        ...(knowsPattern ? [PATTERN] : []),
        "tests/unit/native/shim_check.c",
        ...sources,
        "-l:libssl.a",
        "-l:libcrypto.a",
        "-lpthread",
        "-ldl",
        "-o",
        program,
      ]);
      assert.ok(built, complaint);
      const [passed, output] = await run(program, []);
      assert.ok(passed, output);
      assert.match(output, /^0 faults$/m);
    } finally {
      await Deno.remove(program);
    }
  },
});
