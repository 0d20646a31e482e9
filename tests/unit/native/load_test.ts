import assert from "node:assert/strict";
import { loadShim } from "@/native/load.ts";

const { symbols } = loadShim();
const built = symbols !== undefined;
const LOAD = new URL("../../../lib/native/load.ts", import.meta.url).href;

/** The state of the shim in another process with these permissions. */
async function reasonWith(...permissions: string[]): Promise<string> {
  const code = `import { loadShim } from ${JSON.stringify(LOAD)};
    const shim = loadShim();
    console.log(shim.symbols ? "loaded" : shim.reason);`;
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      ...permissions,
      `data:text/typescript,${encodeURIComponent(code)}`,
    ],
    stderr: "inherit",
  }).output();
  assert.ok(success);
  return new TextDecoder().decode(stdout).trim();
}

Deno.test({
  name: "the shim is loaded from memory, once",
  ignore: !built,
  fn: () => {
    assert.equal(loadShim().symbols, symbols);
    const maps = Deno.readTextFileSync("/proc/self/maps");
    assert.match(maps, /memfd:myikev2_shim/);
    assert.doesNotMatch(maps, /ffi\/build/);
  },
});

Deno.test({
  name: "without the permission to load libraries there is a reason, no error",
  ignore: !built,
  fn: async () => {
    const config = new URL("../../../deno.json", import.meta.url).pathname;
    const reason = await reasonWith(`--config=${config}`, "--allow-read", "--allow-import");
    assert.match(reason, /^the C shim cannot be loaded: .*ffi/);
  },
});
