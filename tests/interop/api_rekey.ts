/**
 * A client of our APIs that runs in our namespace and rekeys the CHILD_SA or the IKE SA with our SPI in hex.
 * On success it prints nothing; otherwise the answer goes to standard error.
 *
 *  deno run -A tests/interop/api_rekey.ts PORT child|ike SPI
 * @module
 */
import { TestClient } from "@/api/client.ts";

async function rekey(port: string, what: string, spi: string): Promise<void> {
  const client = new TestClient(`127.0.0.1:${port}`);
  const OwnSPI = BigInt(`0x${spi}`).toString();
  try {
    if (what === "ike") await client.call("RekeyIKESA", { OwnSPI });
    else await client.call("RekeyChild", { OwnSPI: Number(OwnSPI) });
  } finally {
    client.close();
  }
}

if (import.meta.main) {
  const [port, what, spi] = Deno.args as [string, string, string];
  await rekey(port, what, spi).catch((error: Error) => {
    console.error(error.message);
    Deno.exit(1);
  });
}
