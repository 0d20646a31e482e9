/**
 * An exported recipe, run by Ansible on four hosts with an sshd each.
 * @module
 */
import type { Checks } from "../control/checks.ts";
import { must } from "../control/lab.ts";
import { HOSTS, type Lab, MYIKEV2, untilDone } from "./lab.ts";
import { exportFor, TUNNELS, wholeRun, writeRecipe } from "./recipe.ts";

const PORT = 2222;

/** Installs, runs, gathers, merges; a second run changes nothing. */
export async function ansibleChecks(checks: Checks, lab: Lab): Promise<void> {
  writeRecipe(lab, { runningSec: 4 });
  await startSshServers(lab);
  const directory = await exportFor("ansible", lab);
  // Each host has a directory of its own, as they share the disk.
  const vars = [
    "-e",
    `myikev2_binary=${MYIKEV2}`,
    "-e",
    "myikev2_start_delay=6",
    "-e",
    "myikev2_timeout=60",
  ];
  const own = ["-e", `myikev2_dir=${lab.path("host")}-{{ inventory_hostname }}`];
  const play = () =>
    lab.run("ctl", [
      ...["ansible-playbook", "-i", `${directory}/inventory.yaml`, `${directory}/playbook.yaml`],
      ...vars,
      ...own,
    ], {
      LC_ALL: "C.UTF-8",
      ANSIBLE_NOCOLOR: "1",
      ANSIBLE_PIPELINING: "True",
      ANSIBLE_HOST_KEY_CHECKING: "False",
      ANSIBLE_SSH_ARGS:
        "-o UserKnownHostsFile=/dev/null -o ControlMaster=auto -o ControlPersist=60s",
      ANSIBLE_REMOTE_TEMP: `${lab.path("tmp")}-$$`,
      ANSIBLE_LOCALHOST_WARNING: "False",
    });
  const first = await play();
  checks.equal("Ansible: the recipe is run to its end", first.code, 0);
  if (first.code !== 0) checks.that("Ansible: says nothing of a failure", false, first.stdout);
  const merged = resultOf(`${directory}/results/one.merged.json`);
  checks.equal("Ansible: the merged result has passed", merged?.result, "passed");
  checks.equal("Ansible: four slices make all tunnels of the setup", merged?.tunnels, {
    configured: TUNNELS,
    established: TUNNELS,
    failed: 0,
    lost: 0,
  });
  const gateway = resultOf(`${directory}/results/gateway.json`);
  checks.equal("Ansible: the gateway had them all", gateway?.tunnels?.established, TUNNELS);
  const alone = await wholeRun(lab);
  checks.equal("Ansible: one process makes the same tunnels", alone?.tunnels, merged?.tunnels);
  checks.that("Ansible: setupcmds have run", isThere(lab.path("before")));
  checks.that("Ansible: cleancmds have run", isThere(lab.path("after")));
  const second = await play();
  const changed = [...second.stdout.matchAll(/changed=(\d+)/g)].map(([, count]) => count);
  checks.equal("Ansible: the second run changes nothing", changed, ["0", "0", "0", "0", "0", "0"]);
}

async function startSshServers(lab: Lab): Promise<void> {
  for (const key of ["host", "user"]) {
    await must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", lab.path(key)]);
  }
  lab.write("authorized", Deno.readTextFileSync(lab.path("user.pub")));
  try {
    Deno.mkdirSync("/run/sshd", { mode: 0o755 });
  } catch { /* It is there. */ }
  const config = lab.write(
    "sshd_config",
    `Port ${PORT}
HostKey ${lab.path("host")}
AuthorizedKeysFile ${lab.path("authorized")}
StrictModes no
UsePAM no
PidFile none
Subsystem sftp internal-sftp
`,
  );
  for (const host of HOSTS) {
    lab.start(host, ["/usr/sbin/sshd", "-D", "-f", config]);
  }
  for (const host of HOSTS) {
    await untilDone(() => lab.run(host, ["sh", "-c", `ss -tln | grep -q :${PORT}`]));
  }
}

function resultOf(path: string) {
  try {
    return JSON.parse(Deno.readTextFileSync(path));
  } catch {
    return undefined;
  }
}

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
