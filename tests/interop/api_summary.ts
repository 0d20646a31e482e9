/**
 * A client of the Test API that runs in our namespace and prints the summary as one line of JSON.
 *
 *  deno run -A tests/interop/api_summary.ts PORT
 * @module
 */
import { TestClient } from "@/api/client.ts";
import type { SummaryRespRead } from "@/api/proto/api_read.ts";
import { delay, type Lab } from "./harness.ts";

/** The part of the summary that rows look at; 64-bit numbers are text. */
export type ApiSummary = Pick<
  SummaryRespRead,
  "Live_count" | "Ikesa_state_dpd" | "NumOfCreatedTunnel"
>;

/** Asks the API of our process at `port`. @throws Error with the output of the client. */
export async function apiSummary(lab: Lab, port: number): Promise<ApiSummary> {
  const args = ["run", "-A", new URL(import.meta.url).pathname, String(port)];
  const asked = await lab.exec(lab.ours, Deno.execPath(), args);
  if (asked.code !== 0) throw new Error(`The API does not answer: ${asked.stderr}`);
  return JSON.parse(asked.stdout) as ApiSummary;
}

/** Asks until `holds` is true. @throws Error with the last answer. */
export async function apiUntil(
  { lab, port }: { readonly lab: Lab; readonly port: number },
  what: string,
  holds: (summary: ApiSummary) => boolean,
): Promise<ApiSummary> {
  for (let tries = 0;; tries++) {
    const summary = await apiSummary(lab, port);
    if (holds(summary)) return summary;
    if (tries === 20) throw new Error(`The API never said ${what}: ${JSON.stringify(summary)}`);
    await delay(100);
  }
}

if (import.meta.main) {
  const client = new TestClient(`127.0.0.1:${Deno.args[0]}`);
  console.log(JSON.stringify(await client.call("GetSummary")));
  client.close();
}
