/**
 * The command line as people have it before them: Tab in bash, zsh and fish, and the shell of a running
 * test, each at a terminal of its own. Prints one line a check; status 0 when all passed.
 *
 * Run: deno task test:shells [--only NAME]
 * Needs bash, zsh and fish, python3-grpcio and python3-protobuf. MYIKEV2 names an executable to try
 * instead of the source.
 * @module
 */
const { code } = await new Deno.Command("/usr/bin/python3", {
  args: ["-B", `${import.meta.dirname}/main.py`, ...Deno.args],
}).spawn().status;
Deno.exit(code);
