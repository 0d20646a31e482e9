/**
 * Writes a recipe as scripts for Slurm: one job of which each test is a step, and the slices of a load also as
 * a job array.
 * @module
 */
import {
  type ExportedFile,
  type ExportGroup,
  type ExportPlan,
  RESULT_SUFFIXES,
  setupFiles,
  shellWord,
  testOptions,
} from "@/control/export_plan.ts";
import type { HostCommands } from "@/control/recipe.ts";

/** Seconds from the start of slices to their first tunnel. */
const START_DELAY_SEC = 15;

/** The files of the directory in which `sbatch job.sh` is called. Nodes have the names of the daemons. */
export function slurmFiles(plan: ExportPlan): ExportedFile[] {
  return [
    { path: "job.sh", text: jobScript(plan), runs: true },
    ...plan.groups.filter(isSliced).flatMap((group) => arrayFiles(group)),
    ...setupFiles(plan, "setups"),
  ];
}

function isSliced({ tests }: ExportGroup): boolean {
  return tests[0]!.slice !== undefined;
}

const HEAD =
  `# myikev2 must be on every node, at MYIKEV2 or in the PATH. The directory is one that all nodes
# share, and in which this is submitted.
export myikev2=\${MYIKEV2:-myikev2}
mkdir -p results || exit 2
`;

function jobScript(plan: ExportPlan): string {
  const { name, hosts, groups, setupCommands, cleanCommands } = plan;
  const nodes = hosts.map((host) => host.name).join(",");
  const lines = [
    "#!/bin/bash",
    `# The recipe ${JSON.stringify(name)}: sbatch job.sh, or bash job.sh within salloc.`,
    `#SBATCH --job-name=${shellWord(name.replaceAll(/[^\w.-]+/g, "-"))}`,
    `#SBATCH --nodelist=${nodes}`,
    `#SBATCH --nodes=${hosts.length}`,
    "#SBATCH --no-kill",
    "#SBATCH --output=results-job.log",
    HEAD.trimEnd(),
    "status=0",
    'fail() { echo "$*"; status=1; }',
    ...setupCommands.map((commands) => hostStep(commands, " || exit 1")),
    ...groups.flatMap((group, i) => startLines(group, i)),
    ...groups.flatMap(({ ends }, i) => ends ? [`wait $steps_${i}`] : []),
    ...groups.flatMap((group, i) => group.ends ? [] : stopLines(group, i)),
    ...groups.flatMap(judgeLines),
    ...cleanCommands.map((commands) =>
      hostStep(commands, ' || echo "a command of cleancmds has failed"')
    ),
    "exit $status",
  ];
  return lines.join("\n") + "\n";
}

function hostStep({ daemonName, commands }: HostCommands, otherwise: string): string {
  return `srun --overlap -N1 -n1 -w ${daemonName} sh -c ${shellWord(commands)}${otherwise}`;
}

/**
 * Starts each test of a group as a step of its own. The exit status of srun does not tell of a node that was
 * lost, so that each test writes its own.
 */
function startLines(group: ExportGroup, index: number): string[] {
  const { file, tests, waitSec } = group;
  const start = isSliced(group) ? " --start-at $begin" : "";
  return [
    ...(waitSec > 0 ? [`sleep ${waitSec}`] : []),
    ...(isSliced(group)
      ? [`export begin=$(($(date +%s) + \${BEGIN_DELAY:-${START_DELAY_SEC}}))`]
      : []),
    ...tests.flatMap((test) => [
      `srun --overlap --export=ALL -N1 -n1 -w ${test.host} bash -c '`,
      `  rm -f results/${test.name}.{${RESULT_SUFFIXES.join(",")}}`,
      `  $myikev2 test setups/${file} ${testOptions(test).join(" ")}${start} \\`,
      `    --lf results/${test.name}.log > results/${test.name}.json 2> results/${test.name}.err &`,
      `  echo $! > results/${test.name}.pid`,
      "  wait $!",
      `  echo $? > results/${test.name}.status' &`,
      `steps_${index}+=" $!"`,
    ]),
  ];
}

function stopLines({ tests }: ExportGroup, index: number): string[] {
  return [
    ...tests.map((test) =>
      `srun --overlap -N1 -n1 -w ${test.host} sh -c 'kill -INT $(cat results/${test.name}.pid)'`
    ),
    `wait $steps_${index}`,
  ];
}

function judgeLines(group: ExportGroup): string[] {
  const { name, tests } = group;
  if (isSliced(group)) {
    return [mergeLine(group), `[ $merged = 0 ] || fail ${shellWord(name)} has failed`];
  }
  return tests.map((test) =>
    `[ "$(cat results/${test.name}.status 2> /dev/null)" = 0 ] || fail ${test.name} has failed`
  );
}

/** Merges what there is: a slice of a node that was lost has no result, or an empty one. */
function mergeLine({ name, tests }: ExportGroup): string {
  const files = tests.map((test) => `results/${test.name}.json`).join(" ");
  return `$myikev2 merge --json $(find ${files} -size +0 2> /dev/null) > results/${name}.merged.json; merged=$?`;
}

/** The slices of one load as a job array, with a job that merges them. */
function arrayFiles(group: ExportGroup): ExportedFile[] {
  const { name, file, tests } = group;
  const count = tests.length;
  const names = tests.map((test) => shellWord(test.name)).join(" ");
  const array = `#!/bin/bash
# One slice for each task of the array, on any node. The gateway must be there already.
#SBATCH --job-name=${name}
#SBATCH --array=1-${count}
#SBATCH --ntasks=1
#SBATCH --output=results-${name}-%a.log
${HEAD}names=(${names})
name=\${names[SLURM_ARRAY_TASK_ID - 1]}
rm -f "results/$name".{${RESULT_SUFFIXES.join(",")}}
$myikev2 test setups/${file} --json --slice "$SLURM_ARRAY_TASK_ID/${count}" \${BEGIN:+--start-at "$BEGIN"} \\
  --lf "results/$name.log" > "results/$name.json" 2> "results/$name.err"
`;
  const merge = `#!/bin/bash
# Makes one result of the slices; the exit status is that of the whole load.
#SBATCH --job-name=${name}-merge
#SBATCH --ntasks=1
#SBATCH --output=results-${name}-merge.log
${HEAD}${mergeLine(group)}
cat results/${name}.merged.json
exit $merged
`;
  const submit = `#!/bin/bash
# Submits the array, and the merge that waits for all of its tasks, whatever came of them.
export BEGIN=\${BEGIN:-$(($(date +%s) + 60))}
array=$(sbatch --parsable ${name}.array.sh) && exec sbatch --wait --dependency=afterany:$array ${name}.merge.sh
`;
  return [
    { path: `${name}.array.sh`, text: array, runs: true },
    { path: `${name}.merge.sh`, text: merge, runs: true },
    { path: `${name}.submit.sh`, text: submit, runs: true },
  ];
}
