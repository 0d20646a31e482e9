/**
 * Controllers that no daemon accepts, daemons with a wrong certificate, and hosts that ssh does not know:
 * each is reported in a sentence, nothing hangs, and nothing is left.
 * @module
 */
import type { Checks } from "./checks.ts";
import type { Lab } from "./lab.ts";
import { CLIENT, writeRecipe, writeSetups } from "./recipes.ts";

/** The longest wait for a refusal. */
const PATIENCE_MS = 30_000;

/** Checks controller files with one error each, and the messages about them. */
async function checkStrangers(checks: Checks, lab: Lab): Promise<void> {
  writeSetups(lab);
  writeRecipe(lab, "strangers.recipe");
  const before = await lab.seen();
  // The remains of earlier recipes.
  await Deno.remove(lab.path("logs"), { recursive: true }).catch(() => {});
  const refused = async (name: string, config: string, said: RegExp) => {
    const beganMs = performance.now();
    const { code, stdout, stderr } = await lab.control("run", "strangers.recipe", "-c", config);
    checks.equal(`strangers: ${name}: exit status`, code, 1);
    checks.match(`strangers: ${name}: is told`, stdout + stderr, said);
    checks.that(`strangers: ${name}: soon`, performance.now() - beganMs < PATIENCE_MS);
    checks.that(`strangers: ${name}: no client ran`, !exists(lab.path(`logs/${CLIENT}.log`)));
    checks.equal(`strangers: ${name}: nothing is left`, await lab.seen(), before);
  };
  const file = (changes: Readonly<Record<string, string>>) =>
    lab.controllerFile("strangers.conf", changes);
  await refused(
    "a controller whose certificate is of another authority",
    file({ tlscert: "intruder.pem", tlskey: "intruder.key" }),
    /^svrb: the daemon does not answer: the connection is lost; it may want another tlscert$/m,
  );
  await refused(
    "an authority that the daemon is not of",
    file({ tlsca: "strange.pem" }),
    /^svrb: the daemon does not answer: self-signed certificate in certificate chain$/m,
  );
  await refused(
    "no certificate",
    without(lab, ["tlscert", "tlskey"]),
    /^svrb: the daemon does not answer: the connection is lost; it may want tlscert$/m,
  );
  await refused(
    "no TLS",
    without(lab, ["tlscert", "tlskey", "tlsca"]),
    /^svrb: the daemon does not answer: the connection is lost; it may want TLS \(tlsca\)$/m,
  );
  await refused(
    "a host whose key nobody knows",
    file({ sshconfigpath: "ssh_config_unknown" }),
    /^setupcmds on svra: ssh ended with status 255: Host key verification failed\.$/m,
  );
}

/** A controller file without these keys. */
function without(lab: Lab, keys: readonly string[]): string {
  const path = lab.controllerFile("strangers.conf");
  const text = Deno.readTextFileSync(path);
  const lines = text.split("\n").filter((line) => !keys.includes(line.trim().split(":")[0]!));
  return lab.write("strangers.conf", lines.join("\n"));
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** The checks of this file by name. */
export const strangerChecks = { checkStrangers };
