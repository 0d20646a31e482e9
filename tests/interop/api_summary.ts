/**
 * A client of the Test API, run inside our namespace: prints its summary as one line of JSON.
 *
 *   deno run -A tests/interop/api_summary.ts PORT
 * @module
 */
import { credentials, type GrpcObject } from "@grpc/grpc-js";
import { loadProto, TEST_API } from "@/api/definitions.ts";
import { loadGrpcPackage } from "@/api/grpc_door.ts";
import { delay, type Lab } from "./harness.ts";

/** The part of the summary that rows look at; 64-bit numbers are text. */
export interface ApiSummary {
  readonly Live_count: string;
  readonly Ikesa_state_dpd: string;
  readonly NumOfCreatedTunnel: number;
}

/** Asks the API of our process at `port`. @throws Error with what the client said. */
export async function apiSummary(lab: Lab, port: number): Promise<ApiSummary> {
  const args = ["run", "-A", new URL(import.meta.url).pathname, String(port)];
  const asked = await lab.exec(lab.ours, Deno.execPath(), args);
  if (asked.code !== 0) throw new Error(`The API does not answer: ${asked.stderr}`);
  return JSON.parse(asked.stdout) as ApiSummary;
}

/** Asks until `holds`. @throws Error with the last answer. */
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
  const api = loadGrpcPackage(loadProto(TEST_API))["api"] as GrpcObject;
  // deno-lint-ignore no-explicit-any -- the loader's classes have no types
  const service = new (api["MyIKEv2APISvc"] as any)(
    `127.0.0.1:${Deno.args[0]}`,
    credentials.createInsecure(),
  );
  service.GetSummary({}, (error: Error | null, answer: unknown) => {
    if (error) throw error;
    console.log(JSON.stringify(answer));
    service.close();
  });
}
