/**
 * The daemon, asked by an independent client: Debian's python3-grpcio, which learns services and
 * messages from the running server. Gateways, clients and a strongSwan run as its instances, on a host
 * that is a network namespace of the test. Prints one line a check; status 0 when all passed.
 *
 * Run as root: deno task test:daemon [--only NAME] [--fuzz CALLS]
 * Needs python3-grpcio, python3-protobuf, iproute2 and strongSwan's charon.
 * @module
 */
const { code } = await new Deno.Command("/usr/bin/python3", {
  args: ["-B", `${import.meta.dirname}/main.py`, ...Deno.args],
  // The library tells refused connections, which are among the checks, on standard error too.
  env: { GRPC_VERBOSITY: "NONE", DENO: Deno.execPath() },
}).spawn().status;
Deno.exit(code);
