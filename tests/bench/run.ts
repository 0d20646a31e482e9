/**
 * Runs all benchmarks, one after the other. Figures are comparable only within one run of a benchmark.
 *
 * `--performance` measures both ends over a veth pair alone, and writes docs/performance.md; it needs root.
 *
 * Run: deno task bench [--performance]
 * @module
 */
if (Deno.args[0] === "--performance") {
  const path = new URL("performance.ts", import.meta.url).pathname;
  const args = ["run", "-A", path, "--write", ...Deno.args.slice(1)];
  Deno.exit((await new Deno.Command(Deno.execPath(), { args }).spawn().status).code);
}

for (
  const name of [
    "core_bench.ts",
    "octets_bench.ts",
    "crypto_bench.ts",
    "key_stock_bench.ts",
    "pki_bench.ts",
    "eap_bench.ts",
    "udp_bench.ts",
    "setup_bench.ts",
    "mlkem_bench.ts",
    "auth_bench.ts",
    "api_bench.ts",
    "esp_bench.ts",
    "netlink_bench.ts",
  ]
) {
  const path = new URL(name, import.meta.url).pathname;
  if (!await Deno.stat(path).then(() => true, () => false)) continue;
  console.log(`\n== ${name}`);
  const { code } = await new Deno.Command(Deno.execPath(), { args: ["run", "-A", path] }).spawn()
    .status;
  if (code !== 0) Deno.exit(code);
}
