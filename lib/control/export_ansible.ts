/**
 * Writes a recipe as an inventory, a playbook and a role of Ansible.
 * @module
 */
import { stringify } from "yaml";
import { type DaemonEntry, readControllerFile } from "@/control/controller_file.ts";
import { EXAMPLE_CONTROLLER_FILE } from "@/control/example.ts";
import {
  type ExportedFile,
  type ExportGroup,
  type ExportPlan,
  RESULT_SUFFIXES,
  setupFiles,
  testOptions,
} from "@/control/export_plan.ts";
import type { HostCommands } from "@/control/recipe.ts";

/** Seconds after which a test is no longer waited for, and seconds from its start to its first tunnel. */
const TIMEOUT_SEC = 3600;
const START_DELAY_SEC = 15;

/** A task, a play, or their parts, as YAML has them. */
type Yaml = Readonly<Record<string, unknown>>;

/** The files of the directory that `ansible-playbook -i inventory.yaml playbook.yaml` runs in. */
export function ansibleFiles(plan: ExportPlan): ExportedFile[] {
  return [
    { path: "inventory.yaml", text: inventory(plan.hosts) },
    { path: "playbook.yaml", text: playbook(plan) },
    { path: "roles/myikev2/defaults/main.yaml", text: DEFAULTS },
    { path: "roles/myikev2/tasks/main.yaml", text: ROLE },
    { path: "roles/myikev2/files/start.sh", text: START, runs: true },
    { path: "roles/myikev2/files/stop.sh", text: STOP, runs: true },
    ...setupFiles(plan, "roles/myikev2/files/setups"),
  ];
}

/** The inventory of the hosts of the example of a controller file. */
export function exampleInventory(): string {
  const { value } = readControllerFile(EXAMPLE_CONTROLLER_FILE, "myikev2_controller.conf");
  return inventory([...value.daemons.values()]);
}

function inventory(hosts: readonly DaemonEntry[]): string {
  const entries = hosts.map(({ name, address, ssh }) => [name, {
    ansible_host: ssh.address || address,
    ...(ssh.port === 22 ? {} : { ansible_port: ssh.port }),
    ...(ssh.user ? { ansible_user: ssh.user } : {}),
    ...(ssh.keyPath ? { ansible_ssh_private_key_file: ssh.keyPath } : {}),
    ...(ssh.configPath ? { ansible_ssh_common_args: `-F ${ssh.configPath}` } : {}),
  }]);
  const whole = { all: { hosts: Object.fromEntries(entries) } };
  return `# The hosts of the recipe. Passwords are not written here: use keys, or ansible-vault.\n${
    stringify(whole)
  }`;
}

function playbook(plan: ExportPlan): string {
  const plays: Yaml[] = [
    FORGET_PLAY,
    { name: "Install myikev2 and its setup files", hosts: "all", ...COMMON, roles: ["myikev2"] },
    ...plan.setupCommands.map((commands) => commandPlay("before", commands)),
    ...plan.groups.map(startPlay),
    ...[true, false].flatMap((ends) =>
      plan.groups.filter((group) => group.ends === ends).map((group) => gatherPlay(group))
    ),
    ...plan.cleanCommands.map((commands) => commandPlay("after", commands)),
    verdictPlay(plan),
  ];
  return `# Runs the recipe ${
    JSON.stringify(plan.name)
  }. Results are gathered in the folder results.\n` +
    `# myikev2_binary is the executable on this host: -e myikev2_binary=/usr/local/bin/myikev2\n${
      stringify(plays, { lineWidth: 0 })
    }`;
}

/** The executable on the host of Ansible. */
const BINARY = "{{ myikev2_binary | default('/usr/local/bin/myikev2') }}";
const COMMON = { gather_facts: false, any_errors_fatal: false } as const;

/** Takes away results of an earlier run, which a host that is lost now would leave in place. */
const FORGET_PLAY: Yaml = {
  name: "Remove the results of an earlier run",
  hosts: "localhost",
  connection: "local",
  ...COMMON,
  tasks: [{
    name: "Remove them",
    "ansible.builtin.file": { path: "{{ playbook_dir }}/results", state: "absent" },
    changed_when: false,
  }, {
    name: "Make a directory for the new ones",
    "ansible.builtin.file": {
      path: "{{ playbook_dir }}/results",
      state: "directory",
      mode: "0700",
    },
    changed_when: false,
  }],
};

function commandPlay(when: "before" | "after", { daemonName, commands }: HostCommands): Yaml {
  return {
    name: `Run the commands ${when} the tests on ${daemonName}`,
    hosts: daemonName,
    ...COMMON,
    tasks: [{
      name: "Run the commands",
      "ansible.builtin.shell": { cmd: literal(commands) },
      changed_when: false,
      ...(when === "after" ? { ignore_errors: true } : {}),
    }],
  };
}

/** Text in which nothing is a template of Ansible. */
function literal(text: string): string {
  return text.replaceAll(/\{[{%#]/g, (opening) => `{{ '${opening}' }}`);
}

function hostsOf({ tests }: ExportGroup): string {
  return [...new Set(tests.map(({ host }) => host))].join(",");
}

/** The tests of each host, as a variable of a play. */
function testsOf({ tests, file }: ExportGroup): Yaml {
  const hosts = Map.groupBy(tests, ({ host }) => host);
  return Object.fromEntries(
    [...hosts].map(([host, list]) => [
      host,
      list.map((test) => ({ name: test.name, file, options: testOptions(test).join(" ") })),
    ]),
  );
}

function startPlay(group: ExportGroup): Yaml {
  const { name, waitSec, tests } = group;
  const isSliced = tests[0]!.slice !== undefined;
  const start = isSliced ? " --start-at {{ begin }}" : "";
  return {
    name: `Start ${name}${isSliced ? ` in ${tests.length} slices` : ""}`,
    hosts: hostsOf(group),
    ...COMMON,
    vars: { tests: testsOf(group) },
    tasks: [
      ...(waitSec > 0
        ? [{ name: "Wait", "ansible.builtin.wait_for": { timeout: waitSec }, run_once: true }]
        : []),
      ...(isSliced
        ? [{
          name: "Choose the time at which all slices begin",
          "ansible.builtin.set_fact": {
            begin:
              `{{ now().strftime('%s') | int + (myikev2_start_delay | default(${START_DELAY_SEC}) | int) }}`,
          },
          run_once: true,
          delegate_to: "localhost",
        }]
        : []),
      {
        name: "Start the test",
        "ansible.builtin.command": {
          cmd: `./start.sh {{ item.name }} {{ item.file }} {{ item.options }}${start}`,
          chdir: "{{ myikev2_dir }}",
        },
        loop: "{{ tests[inventory_hostname] }}",
        loop_control: { label: "{{ item.name }}" },
        changed_when: false,
      },
    ],
  };
}

function gatherPlay(group: ExportGroup): Yaml {
  const loop = {
    loop: "{{ tests[inventory_hostname] }}",
    loop_control: { label: "{{ item.name }}" },
    changed_when: false,
    ignore_errors: true,
  };
  return {
    name: `${group.ends ? "Wait for" : "Stop"} ${group.name}, and gather its result`,
    hosts: hostsOf(group),
    ...COMMON,
    ignore_unreachable: true,
    vars: { tests: testsOf(group) },
    tasks: [
      ...(group.ends ? [] : [{
        name: "Stop the test",
        "ansible.builtin.command": {
          cmd: "./stop.sh {{ item.name }}",
          chdir: "{{ myikev2_dir }}",
        },
        ...loop,
      }]),
      {
        name: "Wait for the end of the test",
        "ansible.builtin.wait_for": {
          path: "{{ myikev2_dir }}/results/{{ item.name }}.status",
          timeout: "{{ myikev2_timeout | int }}",
        },
        ...loop,
      },
      {
        name: "Gather the results",
        "ansible.builtin.fetch": {
          src: "{{ myikev2_dir }}/results/{{ item[0].name }}.{{ item[1] }}",
          dest: "results/{{ item[0].name }}.{{ item[1] }}",
          flat: true,
        },
        loop: "{{ tests[inventory_hostname] | product(['json', 'status', 'err', 'log']) | list }}",
        loop_control: { label: "{{ item[0].name }}.{{ item[1] }}" },
        changed_when: false,
        ignore_errors: true,
      },
    ],
  };
}

/** Judges on this host: each test by its exit status, slices by their merged result. */
function verdictPlay({ groups }: ExportPlan): Yaml {
  const sliced = groups.filter(({ tests }) => tests[0]!.slice !== undefined);
  const whole = groups.filter(({ tests }) => tests[0]!.slice === undefined);
  const merges = sliced.map(({ name, tests }) => ({
    name: `${name}.merged`,
    files: tests.map((test) => `results/${test.name}.json`),
  }));
  const names = whole.flatMap(({ tests }) => tests.map(({ name }) => name));
  const judged = [...names, ...merges.map(({ name }) => name)];
  return {
    name: "Judge the results",
    hosts: "localhost",
    connection: "local",
    ...COMMON,
    tasks: [
      ...merges.map(({ name, files }) => ({
        name: `Merge the slices into ${name}.json`,
        "ansible.builtin.shell": {
          cmd:
            `${BINARY} merge --json $(find ${
              files.join(" ")
            } -size +0 2>/dev/null) > results/${name}.json; ` +
            `echo $? > results/${name}.status`,
          chdir: "{{ playbook_dir }}",
        },
        changed_when: false,
      })),
      {
        name: "Judge each test by its exit status",
        "ansible.builtin.shell": {
          cmd: `status=0; for name in ${judged.join(" ")}; do ` +
            `[ "$(cat results/$name.status 2>/dev/null)" = 0 ] || ` +
            `{ echo "$name has failed, see results/$name.json and .err"; status=1; }; done; exit $status`,
          chdir: "{{ playbook_dir }}",
        },
        changed_when: false,
      },
    ],
  };
}

const DEFAULTS = stringify({
  myikev2_dir: "/var/lib/myikev2",
  myikev2_timeout: TIMEOUT_SEC,
});

const ROLE = stringify([
  {
    name: "Make the directories",
    "ansible.builtin.file": { path: "{{ item }}", state: "directory", mode: "0700" },
    loop: ["{{ myikev2_dir }}", "{{ myikev2_dir }}/results", "{{ myikev2_dir }}/setups"],
  },
  {
    name: "Refuse a directory that somebody else may change",
    "ansible.builtin.command": {
      cmd: `sh -c '[ -O "$0" ] && [ ! -L "$0" ]' {{ myikev2_dir | quote }}`,
    },
    changed_when: false,
  },
  {
    name: "Copy the executable",
    "ansible.builtin.copy": {
      src: BINARY,
      dest: "{{ myikev2_dir }}/myikev2",
      mode: "0755",
    },
  },
  {
    name: "Copy the programs that start and stop tests",
    "ansible.builtin.copy": {
      src: "{{ item }}",
      dest: "{{ myikev2_dir }}/{{ item }}",
      mode: "0755",
    },
    loop: ["start.sh", "stop.sh"],
  },
  {
    name: "Copy the setup files",
    "ansible.builtin.copy": { src: "setups/", dest: "{{ myikev2_dir }}/setups/", mode: "0600" },
  },
], { lineWidth: 0 });

const START = `#!/bin/sh
# start.sh NAME SETUP [OPTION...]: runs a test in the background. results/NAME.json has its result,
# results/NAME.status its exit status as soon as it has ended.
name=$1 setup=$2
shift 2
mkdir -p results
for suffix in ${RESULT_SUFFIXES.join(" ")}; do rm -f "results/$name.$suffix"; done
setsid sh -c '
  name=$1 setup=$2
  shift 2
  ./myikev2 test "setups/$setup" --lf "results/$name.log" "$@" > "results/$name.json" 2> "results/$name.err" &
  echo $! > "results/$name.pid"
  wait $!
  echo $? > "results/$name.part" && mv "results/$name.part" "results/$name.status"
' sh "$name" "$setup" "$@" > /dev/null 2>&1 < /dev/null &
`;

const STOP = `#!/bin/sh
# stop.sh NAME: ends a test gracefully, unless it has ended.
[ -e "results/$1.status" ] || kill -INT "$(cat "results/$1.pid")"
`;
