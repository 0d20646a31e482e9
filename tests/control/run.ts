/**
 * The controller over two daemons: recipes from `control run`, mTLS between controller and daemons, and
 * a real sshd on each host, by key and by password. Prints one line a check; status 0 when all passed.
 *
 * Run as root: deno task test:control [--only NAME]
 * Needs iproute2, openssl, openssh-client, openssh-server, python3, gcc, and strongSwan's charon.
 * @module
 */
import { Lab } from "./lab.ts";
import { Checks } from "./checks.ts";
import { otherChecks } from "./check_other.ts";
import { recipeChecks } from "./check_recipe.ts";
import { strangerChecks } from "./check_strangers.ts";

const only = Deno.args[0] === "--only" ? Deno.args[1] ?? "" : "";
const checks = new Checks();
const lab = new Lab();
const stop = () => void lab.close().finally(() => Deno.exit(1));
Deno.addSignalListener("SIGINT", stop);
try {
  await lab.open();
  const sections = { ...recipeChecks, ...otherChecks, ...strangerChecks };
  for (const [name, section] of Object.entries(sections)) {
    if (!name.includes(only)) continue;
    await checks.section(name, () => section(checks, lab));
  }
} finally {
  await lab.close();
}
Deno.exit(checks.report());
