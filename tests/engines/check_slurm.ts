/**
 * An exported recipe, run by Slurm on five nodes.
 * @module
 */
import type { Checks } from "../control/checks.ts";
import { must } from "../control/lab.ts";
import { addressOf, HOSTS, type Lab, MYIKEV2, untilDone } from "./lab.ts";
import { exportFor, TUNNELS, wholeRun, writeRecipe } from "./recipe.ts";

/** A job of five nodes passes; of a job that loses a node the merged result says what is missing. */
export async function slurmChecks(checks: Checks, lab: Lab): Promise<void> {
  writeRecipe(lab, { runningSec: 6 });
  const env = await startSlurm(checks, lab);
  const directory = await exportFor("slurm", lab);
  const batch = () =>
    lab.run(
      "ctl",
      ["sbatch", "--wait", "--parsable", "--chdir", directory, `${directory}/job.sh`],
      {
        ...env,
        MYIKEV2,
        BEGIN_DELAY: "5",
      },
    );
  const first = await batch();
  checks.equal("Slurm: the job ends with 0", first.code, 0);
  if (first.code !== 0) {
    checks.that("Slurm: the job says why", false, logOf(directory) + first.stderr);
  }
  const merged = resultOf(directory);
  checks.equal("Slurm: four slices make all tunnels of the setup", merged?.tunnels, {
    configured: TUNNELS,
    established: TUNNELS,
    failed: 0,
    lost: 0,
  });
  checks.equal("Slurm: the merged result has passed", merged?.result, "passed");
  const alone = await wholeRun(lab);
  checks.equal("Slurm: one process makes the same tunnels", alone?.tunnels, merged?.tunnels);
  const second = batch();
  await untilDone(() =>
    lab.run("ctl", ["sh", "-c", `grep -q . ${directory}/results/two.pid`], env)
  );
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  await lab.kill("lab2");
  const { code } = await second;
  checks.that("Slurm: a job that loses a node fails", code !== 0, logOf(directory));
  const rest = JSON.stringify(resultOf(directory));
  checks.match(
    "Slurm: the merged result says which slice is missing",
    rest,
    /Slice 2 of 4 missing/,
  );
}

/** Starts munge, the controller and a daemon on each node; returns the environment of the commands. */
async function startSlurm(checks: Checks, lab: Lab): Promise<Record<string, string>> {
  const conf = lab.write("slurm.conf", slurmConf(lab));
  for (const folder of ["state", ...HOSTS.map((node) => `spool-${node}`)]) {
    Deno.mkdirSync(lab.path(folder));
  }
  Deno.chmodSync(lab.directory, 0o755);
  const key = new Uint8Array(1024);
  crypto.getRandomValues(key);
  Deno.writeFileSync(lab.path("munge.key"), key, { mode: 0o600 });
  const files = ["socket", "pid-file", "log-file", "seed-file"].map((name) =>
    `--${name}=${lab.path(`munge.${name.split("-")[0]}`)}`
  );
  lab.start("ctl", [
    "munged",
    "--force",
    "--foreground",
    `--key-file=${lab.path("munge.key")}`,
    ...files,
  ]);
  const env = { SLURM_CONF: conf };
  lab.start("ctl", ["slurmctld", "-D"], env);
  for (const node of HOSTS) lab.start(node, ["slurmd", "-D", "-N", node], env);
  const idle = await untilDone(() =>
    lab.run("ctl", ["sh", "-c", `[ "$(sinfo -h -t idle -o %D)" = 5 ]`], env)
  );
  checks.that("Slurm: five nodes are idle", idle);
  if (!idle) throw new Error(await must(["tail", "-n", "20", lab.path("ctld.log")]));
  return env;
}

function slurmConf(lab: Lab): string {
  const nodes = HOSTS.map((node) =>
    `NodeName=${node} NodeAddr=${addressOf(node)} CPUs=2 State=UNKNOWN`
  );
  return `ClusterName=lab
SlurmctldHost=ctl(${addressOf("ctl")})
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=${lab.path("munge.socket")}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
SwitchType=switch/none
StateSaveLocation=${lab.path("state")}
SlurmdSpoolDir=${lab.path("spool-%n")}
SlurmctldPidFile=${lab.path("ctld.pid")}
SlurmdPidFile=${lab.path("slurmd-%n.pid")}
SlurmctldLogFile=${lab.path("ctld.log")}
SlurmdLogFile=${lab.path("slurmd-%n.log")}
SlurmdParameters=config_overrides
SlurmdTimeout=10
${nodes.join("\n")}
PartitionName=lab Nodes=ALL Default=YES MaxTime=10 State=UP
`;
}

function resultOf(directory: string) {
  try {
    return JSON.parse(Deno.readTextFileSync(`${directory}/results/one.merged.json`));
  } catch {
    return undefined;
  }
}

function logOf(directory: string): string {
  try {
    return Deno.readTextFileSync(`${directory}/results-job.log`);
  } catch {
    return "";
  }
}
