import assert from "node:assert/strict";
import { parse, parseAllDocuments } from "yaml";
import { readControllerFile } from "@/control/controller_file.ts";
import { prepareInstances } from "@/control/definition.ts";
import { ansibleFiles, exampleInventory } from "@/control/export_ansible.ts";
import { kubernetesFiles } from "@/control/export_kubernetes.ts";
import { type ExportedFile, exportPlan, shellWord } from "@/control/export_plan.ts";
import { slurmFiles } from "@/control/export_slurm.ts";
import { readRecipe } from "@/control/recipe.ts";

const CONTROLLER = `daemonlist:
  gw: {daemonaddr: 192.0.2.9, sshuser: lab, sshport: 2222, sshkeypath: /keys/lab}
  lab1: {daemonaddr: 192.0.2.1}
  lab2: {daemonaddr: 192.0.2.2}
  unused: {daemonaddr: 192.0.2.3}
`;
const GATEWAY =
  "role: gateway\nbindifname: eth1\nbindifaddr: 198.51.100.9/24\nikeconf: {psk: x, childlist: [{}]}\n";
const CLIENT =
  "role: client\nbindifname: eth1\nstartclntaddr: 198.51.100.1/24\npeeraddr: 198.51.100.9\n" +
  "ikeconf: {psk: x, childlist: [{}]}\n";

/** The plan of a recipe of these instances; the client's setup has a running time unless it says otherwise. */
function planOf(instances: string, { client = `${CLIENT}runningtime: 5s\n`, more = "" } = {}) {
  const directory = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(`${directory}/gateway.yaml`, GATEWAY);
    Deno.writeTextFileSync(`${directory}/client.yaml`, client);
    const { value: controller } = readControllerFile(CONTROLLER, "lab.conf");
    const file = `${directory}/lab.recipe`;
    const text = `name: a lab's recipe\n${more}instancelist:\n${instances}`;
    const { value: recipe } = readRecipe(text, file, controller);
    return exportPlan(recipe, prepareInstances(recipe, file), controller);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

const INSTANCES = `  1: {name: gateway, daemonname: gw, myikev2: {setuppath: gateway.yaml}}
  2: {name: one, daemonname: lab1, waitinterval: 1500ms, myikev2: {setuppath: client.yaml}}
  3: {name: two, daemonname: lab2, myikev2: {setuppath: client.yaml}}
`;

const textOf = (files: readonly ExportedFile[], path: string) =>
  files.find((file) => file.path === path)!.text;

Deno.test("clients of one setup are its slices, and the hosts are those that the recipe uses", () => {
  const { groups, hosts, setups } = planOf(INSTANCES);
  assert.deepEqual(hosts.map(({ name }) => name), ["gw", "lab1", "lab2"]);
  assert.deepEqual([...setups], [["gateway.yaml", GATEWAY], [
    "one.yaml",
    `${CLIENT}runningtime: 5s\n`,
  ]]);
  const [gateway, clients] = groups;
  assert.deepEqual(gateway!.tests, [{ name: "gateway", host: "gw", slice: undefined }]);
  assert.equal(gateway!.ends, false);
  assert.equal(clients!.waitSec, 2);
  assert.deepEqual(clients!.tests.map(({ host, slice }) => [host, slice]), [
    ["lab1", { number: 1, of: 2 }],
    ["lab2", { number: 2, of: 2 }],
  ]);
});

Deno.test("what only daemons can run, and what never ends, is refused by name", () => {
  const other = `${INSTANCES}  4: {name: capture, daemonname: lab1, other: {upcmds: "true"}}\n`;
  assert.throws(() => planOf(other), /Cannot export capture: it is another program/);
  assert.throws(() => planOf(INSTANCES, { client: CLIENT }), /no test has a runningtime/);
  const twice = INSTANCES.replace("name: two", "name: gateway");
  assert.throws(() => planOf(twice), /two instances with the name gateway/);
  const cleans = planOf(INSTANCES, { more: `cleancmds: [{daemonname: lab1, cmds: "true"}]\n` });
  assert.throws(
    () => kubernetesFiles(cleans),
    /Cannot export setupcmds and cleancmds to Kubernetes/,
  );
  const together = planOf(INSTANCES.replace("lab2", "lab1"));
  assert.throws(() => kubernetesFiles(together), /two of its slices are on one host/);
  const alike = planOf(
    `${INSTANCES}  5: {name: GateWay, daemonname: lab1, myikev2: {setuppath: gateway.yaml}}\n`,
  );
  assert.throws(() => kubernetesFiles(alike), /another instance is gateway in Kubernetes too/);
});

Deno.test("a daemon whose name would be a command or a pattern elsewhere is refused", () => {
  for (const name of ["a;reboot", "all", "a:b", "$(id)"]) {
    const controller = readControllerFile(
      `daemonlist:\n  ? "${name}"\n  : {daemonaddr: 192.0.2.1}\n`,
      "c",
    );
    const recipe = { name: "r", setupCommands: [], cleanCommands: [], instances: [] };
    assert.throws(() => exportPlan(recipe, [], controller.value), /Cannot export the daemon/, name);
  }
});

Deno.test("a text is one word of the shell, whatever it contains", async () => {
  for (const text of ["a b", "it's", '"$HOME"', "`id`", "", "a\nb", "-n"]) {
    const { stdout } = await new Deno.Command("sh", {
      args: ["-c", `printf %s ${shellWord(text)}`],
    }).output();
    assert.equal(new TextDecoder().decode(stdout), text);
  }
});

Deno.test("Ansible: templates in commands are no templates, and the inventory has what ssh needs", () => {
  const more = `setupcmds: [{daemonname: lab1, cmds: "echo {{ x }}"}]\n`;
  const files = ansibleFiles(planOf(INSTANCES, { more }));
  const plays = parse(textOf(files, "playbook.yaml"));
  const before = plays.find(({ name }: { name: string }) => name.startsWith("Run the commands"));
  assert.equal(
    before.tasks[0]["ansible.builtin.shell"].cmd,
    "echo {{ '{{' }} x }}",
  );
  assert.deepEqual(parse(textOf(files, "inventory.yaml")).all.hosts.gw, {
    ansible_host: "192.0.2.9",
    ansible_port: 2222,
    ansible_user: "lab",
    ansible_ssh_private_key_file: "/keys/lab",
  });
  assert.deepEqual(Object.keys(parse(exampleInventory()).all.hosts), ["svr1", "svr2"]);
});

Deno.test("Slurm: the scripts are scripts of the shell, with the nodes of the recipe", async () => {
  const files = slurmFiles(planOf(INSTANCES));
  assert.match(textOf(files, "job.sh"), /^#SBATCH --nodelist=gw,lab1,lab2$/m);
  assert.match(textOf(files, "one.array.sh"), /^#SBATCH --array=1-2$/m);
  assert.match(
    textOf(files, "job.sh"),
    /-w lab2 bash -c '\n.*\n.* --slice 2\/2 --start-at \$begin/,
  );
  for (const { path, text } of files.filter(({ runs }) => runs)) {
    const child = new Deno.Command("bash", { args: ["-n"], stdin: "piped", stderr: "piped" })
      .spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
    const { code, stderr } = await child.output();
    assert.equal(code, 0, `${path}: ${new TextDecoder().decode(stderr)}`);
  }
});

Deno.test("Kubernetes: setups are secret, and slices are an Indexed Job", () => {
  const files = kubernetesFiles(planOf(INSTANCES));
  const [secret, service, gateway, clients] = parseAllDocuments(textOf(files, "manifests.yaml"))
    .map((document) => document.toJS());
  assert.equal(secret.kind, "Secret");
  assert.equal(secret.stringData["gateway.yaml"], GATEWAY);
  assert.equal(service.spec.clusterIP, "None");
  assert.equal(gateway.spec.completionMode, undefined);
  assert.equal(clients.spec.completionMode, "Indexed");
  assert.equal(clients.spec.completions, 2);
  const [{ args }] = clients.spec.template.spec.containers;
  assert.deepEqual(args.slice(-4), ["--start-at", "$(BEGIN)", "--slice", "auto/2"]);
});

/** A kubectl that writes what it is asked to do; its pods are on their nodes when asked for the second time. */
const KUBECTL = `#!/bin/sh
echo "$*" >> "$LOG"
[ "$1" != get ] || [ "$(grep -c '^get' "$LOG")" -lt 2 ] ||
  echo "CreateContainerConfigError CreateContainerConfigError"
`;

Deno.test("Kubernetes: start.sh tells all slices one time to begin, once their pods are on their nodes", async () => {
  const files = kubernetesFiles(planOf(INSTANCES));
  const [, , gateway, clients] = parseAllDocuments(textOf(files, "manifests.yaml"))
    .map((document) => document.toJS());
  assert.equal(gateway.spec.template.metadata.labels.begins, undefined);
  const { metadata, spec } = clients.spec.template;
  const { name, key } = spec.containers[0].env.at(-1).valueFrom.configMapKeyRef;
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${directory}/kubectl`, KUBECTL, { mode: 0o755 });
    await Deno.writeTextFile(`${directory}/start.sh`, textOf(files, "start.sh"), { mode: 0o755 });
    const beforeSec = Math.floor(Date.now() / 1000);
    const { code } = await new Deno.Command(`${directory}/start.sh`, {
      env: { PATH: `${directory}:/usr/bin:/bin`, LOG: `${directory}/log`, BEGIN_DELAY: "100" },
    }).output();
    const asked = (await Deno.readTextFile(`${directory}/log`)).trim().split("\n");
    assert.deepEqual(
      [code, ...asked.map((line) => line.split(" ", 2).join(" "))],
      [0, "delete configmap", "apply -f", "get pods", "get pods", "create configmap"],
    );
    assert.match(asked[2]!, new RegExp(`-l app=${metadata.labels.app},begins=at-time `));
    const [, map, of, time] = /configmap (\S+) --from-literal=(\S+)=(\d+)$/.exec(asked.at(-1)!)!;
    assert.deepEqual([map, of], [name, key]);
    // The recipe has these clients wait 1.5 s, which is rounded up.
    const delaySec = Number(time) - beforeSec;
    assert.ok(delaySec >= 102 && delaySec < 600, `${delaySec} s`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("Kubernetes: start.sh fails where pods do not come, and makes no time for the others", async () => {
  const files = kubernetesFiles(planOf(INSTANCES));
  const directory = await Deno.makeTempDir();
  try {
    const kubectl = '#!/bin/sh\n[ "$1" != create ] || exit 9\n';
    await Deno.writeTextFile(`${directory}/kubectl`, kubectl, { mode: 0o755 });
    await Deno.writeTextFile(`${directory}/start.sh`, textOf(files, "start.sh"), { mode: 0o755 });
    const { code, stdout } = await new Deno.Command(`${directory}/start.sh`, {
      env: { PATH: `${directory}:/usr/bin:/bin`, READY_MAX: "0" },
    }).output();
    assert.equal(code, 1);
    assert.match(new TextDecoder().decode(stdout), /^Only 0 of 2 pods are on their nodes/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
