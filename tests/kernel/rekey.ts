/**
 * Makes a running test rekey its one CHILD_SA repeatedly by its Test API; it runs inside the namespace of the
 * test and prints the number of rekeys.
 *
 *  deno run -A tests/kernel/rekey.ts PORT SECONDS INTERVAL_MS
 * @module
 */
import { TestClient } from "@/api/client.ts";

const [port, seconds, intervalMs] = Deno.args.map(Number) as [number, number, number];
const client = new TestClient(`127.0.0.1:${port}`);
const endMs = Date.now() + seconds * 1000;
let count = 0;
while (Date.now() < endMs) {
  const { SummaryList } = await client.call("ListIKESA");
  const IKEOwnSPI = SummaryList[0]!.OwnSPI;
  const { OwnSPIList } = await client.call("ListCHILDSA", { IKEOwnSPI });
  await client.call("RekeyChild", { OwnSPI: OwnSPIList.at(-1) });
  count++;
  await new Promise((resolve) => setTimeout(resolve, intervalMs));
}
client.close();
console.log(count);
