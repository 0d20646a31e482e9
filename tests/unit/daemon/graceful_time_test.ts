import assert from "node:assert/strict";
import { gracefulMs } from "@/daemon/graceful_time.ts";

Deno.test("the graceful end of an instance may take the time that its setup allows, and more if it has more tunnels than the setup says", async () => {
  const dir = await Deno.makeTempDir();
  const path = `${dir}/setup.yaml`;
  try {
    const setup =
      "role: gateway\nnumberoftunnels: 1000\nstoptimeout: 3s\nbindifaddr: 127.0.0.1/8\n" +
      "bindifname: lo\nikeconf: {psk: x}\n";
    await Deno.writeTextFile(path, setup);
    assert.equal(gracefulMs(path, 0), 3_000 + 5_000 + 4_000);
    assert.equal(gracefulMs(path, 2_000), 3_000 + 10_000 + 4_000);
    assert.equal(gracefulMs(`${dir}/none.yaml`, 100), 10_000 + 500 + 4_000);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
