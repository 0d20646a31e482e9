/**
 * A client of our APIs, run inside our namespace: rekeys the CHILD_SA or the IKE SA with our SPI given
 * in hex. Prints nothing; what the call answers instead of success goes to standard error.
 *
 *   deno run -A tests/interop/api_rekey.ts PORT child|ike SPI
 * @module
 */
import { credentials, type GrpcObject } from "@grpc/grpc-js";
import { IKE_API, loadProto, TEST_API } from "@/api/definitions.ts";
import { loadGrpcPackage } from "@/api/grpc_door.ts";

type Call = (request: Record<string, unknown>, done: (error: Error | null) => void) => void;

function rekey(port: string, what: string, spi: string): Promise<void> {
  const [api, name, call] = what === "ike"
    ? [IKE_API, "MyIKEv2IKESvc", "RekeyIKESA"] as const
    : [TEST_API, "MyIKEv2APISvc", "RekeyChild"] as const;
  const loaded = loadGrpcPackage(loadProto(api))[api.package] as GrpcObject;
  const Service = loaded[name] as unknown as new (
    address: string,
    security: ReturnType<typeof credentials.createInsecure>,
  ) => Record<string, Call> & { close(): void };
  const service = new Service(`127.0.0.1:${port}`, credentials.createInsecure());
  return new Promise<void>((resolve, reject) =>
    service[call]!({ OwnSPI: BigInt(`0x${spi}`).toString() }, (error) => {
      service.close();
      if (error) reject(error);
      else resolve();
    })
  );
}

if (import.meta.main) {
  const [port, what, spi] = Deno.args as [string, string, string];
  await rekey(port, what, spi).catch((error: Error) => {
    console.error(error.message);
    Deno.exit(1);
  });
}
