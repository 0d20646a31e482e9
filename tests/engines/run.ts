/**
 * Recipes that were exported for Ansible and Slurm, run for real by these engines in network namespaces; and
 * manifests of Kubernetes, of which the schemas are checked and the containers are run without a cluster.
 * Prints one line a check; the exit status is 0 if all passed.
 *
 * Run as root: MYIKEV2=dist/myikev2 deno task test:engines [--only NAME]
 * Needs iproute2, openssh-server, ansible-core, slurmctld, slurmd, slurm-client and munge.
 * @module
 */
import { Checks } from "../control/checks.ts";
import { ansibleChecks } from "./check_ansible.ts";
import { kubernetesChecks } from "./check_kubernetes.ts";
import { slurmChecks } from "./check_slurm.ts";
import { Lab } from "./lab.ts";

const only = Deno.args[0] === "--only" ? Deno.args[1] ?? "" : "";
const checks = new Checks();
for (const [name, section] of Object.entries({ ansibleChecks, slurmChecks, kubernetesChecks })) {
  if (!name.includes(only)) continue;
  const lab = new Lab();
  await checks.section(name, async () => {
    await lab.open();
    await section(checks, lab);
  });
  await lab.close();
}
Deno.exit(checks.report());
