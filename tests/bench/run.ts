/**
 * Runs all benchmarks, one after the other. Figures are comparable only within one run of a benchmark.
 *
 * Run: deno task bench
 * @module
 */
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
