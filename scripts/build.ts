/**
 * Builds the one executable, `dist/myikev2`, by plain `deno compile`. The shim goes in where it has
 * been built (`deno task shim`).
 *
 * Run: deno task build
 * @module
 */
const SHIM = "ffi/build/myikev2_shim.so";

const withShim = await Deno.stat(SHIM).then(() => true, () => false);
if (!withShim) console.log("build: no shim; the executable will be portable only");
await Deno.mkdir("dist", { recursive: true });
const { code } = await new Deno.Command(Deno.execPath(), {
  args: [
    "compile",
    "--allow-all",
    // A cache of compiled code would be a file in the temporary directory.
    "--no-code-cache",
    "--quiet",
    "--include",
    "proto",
    // The program of workers, which no other file imports.
    "--include",
    "lib/engine/shards/shard_worker.ts",
    ...(withShim ? ["--include", SHIM] : []),
    "--output",
    "dist/myikev2",
    "main.ts",
  ],
  stdout: "inherit",
  stderr: "inherit",
}).output();
if (code !== 0) Deno.exit(code);
// It must start, and a shim that is older than the program is no use in it.
const version = await new Deno.Command("dist/myikev2", { args: ["version"], stdout: "piped" })
  .output();
const refused = /^no native ones: +(.*)$/m.exec(new TextDecoder().decode(version.stdout))?.[1];
if (version.code !== 0) Deno.exit(version.code);
if (withShim && refused) console.log(`build: the executable will be portable only: ${refused}`);
const { size } = await Deno.stat("dist/myikev2");
console.log(`dist/myikev2: ${(size / 2 ** 20).toFixed(0)} MiB`);
