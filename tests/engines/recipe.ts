/**
 * The recipe of these tests: a gateway, and one client's setup on four hosts, whose tunnels they share.
 * @module
 */
import { must } from "../control/lab.ts";
import { addressOf, dataAddressOf, HOSTS, type Lab, MYIKEV2, untilDone } from "./lab.ts";

/** Tunnels of the client's setup, of which each host makes a quarter. */
export const TUNNELS = 30;

/** Writes the recipe, its controller file and its setups. */
export function writeRecipe(lab: Lab, { runningSec }: { readonly runningSec: number }): void {
  lab.write(
    "lab.conf",
    "daemonlist:\n" +
      HOSTS.map((name) =>
        `  ${name}: {daemonaddr: ${
          addressOf(name)
        }, sshuser: root, sshport: 2222, sshkeypath: user}\n`
      ).join(""),
  );
  lab.write(
    "lab.recipe",
    `name: four slices
setupcmds:
- {daemonname: gw, cmds: "touch %DIR%/before"}
cleancmds:
- {daemonname: gw, cmds: "touch %DIR%/after"}
instancelist:
  1: {name: gateway, daemonname: gw, myikev2: {setuppath: gateway.yaml}}
  2: {name: one, daemonname: lab1, waitinterval: 1s, myikev2: {setuppath: client.yaml}}
  3: {name: two, daemonname: lab2, myikev2: {setuppath: client.yaml}}
  4: {name: three, daemonname: lab3, myikev2: {setuppath: client.yaml}}
  5: {name: four, daemonname: lab4, myikev2: {setuppath: client.yaml}}
`.replaceAll("%DIR%", lab.directory),
  );
  lab.write(
    "gateway.yaml",
    `role: gateway
numberoftunnels: ${TUNNELS}
bindifname: eth1
bindifaddr: ${dataAddressOf("gw")}/16
apilistenport: 0
ikeconf: { psk: "a secret of the lab", childlist: [{}] }
`,
  );
  lab.write("client.yaml", clientSetup(runningSec));
}

function clientSetup(runningSec: number): string {
  return `role: client
numberoftunnels: ${TUNNELS}
bindifname: eth1
startclntaddr: 10.242.1.1/16
peeraddr: ${dataAddressOf("gw")}
setupinterval: 20ms
runningtime: ${runningSec}s
apilistenport: 0
ikeconf: { psk: "a secret of the lab", myid: "tunnel-&d.lab", childlist: [{}] }
`;
}

/** Exports the recipe for an engine into a directory of its name; for pods without commands on hosts. */
export async function exportFor(engine: string, lab: Lab): Promise<string> {
  if (engine === "kubernetes") {
    const recipe = Deno.readTextFileSync(lab.path("lab.recipe"));
    lab.write("lab.recipe", recipe.replaceAll(/^(setup|clean)cmds:\n.*\n/gm, ""));
  }
  const directory = lab.path(engine);
  const options = ["-c", "lab.conf", "-d", directory];
  await must([MYIKEV2, "export", engine, "lab.recipe", ...options], lab.directory);
  return directory;
}

/** The same setup in one process, beside a gateway of its own. */
export async function wholeRun(lab: Lab) {
  lab.start("gw", [MYIKEV2, "test", lab.path("gateway.yaml"), "--lf", lab.path("whole-gw.log")]);
  await untilDone(() => lab.run("gw", ["sh", "-c", "ss -uln | grep -q :500"]));
  const { stdout } = await lab.run("lab1", [
    ...[MYIKEV2, "test", lab.path("client.yaml"), "--json", "--lf", lab.path("whole.log")],
  ]);
  for (const pid of await lab.processes("gw")) {
    if (Deno.readTextFileSync(`/proc/${pid}/cmdline`).includes("whole-gw.log")) {
      Deno.kill(pid, "SIGINT");
    }
  }
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}");
}
