/**
 * The Test API asked by an independent client: Debian's python3-grpcio, which learns services and
 * messages from the running server. Prints one line a check; status 0 when all passed.
 *
 * Run: deno task test:api [--without-root]
 * Needs python3-grpcio and python3-protobuf, and root for network namespaces; `--without-root` leaves
 * out, by name, what needs them.
 * @module
 */
const { code } = await new Deno.Command("/usr/bin/python3", {
  args: ["-B", `${import.meta.dirname}/main.py`, ...Deno.args],
  // The library tells refused TLS connections, which are among the checks, on standard error too.
  env: { GRPC_VERBOSITY: "NONE" },
}).spawn().status;
Deno.exit(code);
