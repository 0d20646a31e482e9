/**
 * The flags of the shim are effective, by the compiler's output and the built library. Tests are skipped by
 * name if the compiler, `readelf` or the library are missing.
 */
import assert from "node:assert/strict";
import { COMPILE } from "../../../scripts/shim_flags.ts";

const SHIM = new URL("../../../ffi/build/myikev2_shim.so", import.meta.url).pathname;

/** The output of a command that succeeds; undefined: it does not. */
async function outputOf(command: string, args: string[], input = ""): Promise<string | undefined> {
  try {
    const child = new Deno.Command(command, {
      args,
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input)).catch(() => {});
    await writer.close().catch(() => {});
    const { success, stdout } = await child.output();
    return success ? new TextDecoder().decode(stdout) : undefined;
  } catch (e) {
    if (e instanceof Deno.errors.NotFound) return undefined;
    throw e;
  }
}

const compiler = Deno.env.get("CC") ?? "gcc";
const PROBE = "#include <unistd.h>\n" +
  "int probe(int fd, size_t octets) { char room[8]; read(fd, room, octets); return room[3]; }\n";
const assembly = await outputOf(compiler, [...COMPILE, "-x", "c", "-S", "-o", "-", "-"], PROBE);
const elf = await outputOf("readelf", ["-lWd", SHIM]);

Deno.test({
  name: "the compiler checks lengths and the stack" +
    (assembly ? "" : " (left out: no C compiler)"),
  ignore: assembly === undefined,
  fn() {
    assert.match(assembly!, /__read_chk/);
    assert.match(assembly!, /__stack_chk_fail/);
  },
});

Deno.test({
  name: "the shim's tables are read-only once it is loaded, and nothing writable is executable" +
    (elf ? "" : " (left out: no readelf, or the shim is not built)"),
  ignore: elf === undefined,
  fn() {
    assert.match(elf!, /GNU_RELRO/);
    assert.match(elf!, /BIND_NOW/);
    const stack = /GNU_STACK.*?(R[W ][E ])/.exec(elf!);
    assert.equal(stack?.[1], "RW ");
    const loaded = [...elf!.matchAll(/LOAD\s+(?:0x\w+\s+){5}(R[W ][E ])/g)].map((match) =>
      match[1]
    );
    assert.ok(loaded.length > 2 && !loaded.includes("RWE"), loaded.join(", "));
  },
});
