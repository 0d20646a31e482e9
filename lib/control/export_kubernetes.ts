/**
 * Writes a recipe as manifests of Kubernetes: a Secret with the setup files, a Job for each test, an
 * Indexed Job for slices, and the Service by which their APIs have names.
 * @module
 */
import { stringify } from "yaml";
import { SetupError } from "@/base/errors.ts";
import {
  type ExportedFile,
  type ExportGroup,
  type ExportPlan,
  shellWord,
} from "@/control/export_plan.ts";

type Yaml = Readonly<Record<string, unknown>>;

/** Characters of a name; that of a pod has two of them and a number, in 63 characters at most. */
const NAME_MAX = 24;
const API_PORT = 12330;
/** The image that is named in the manifests; the user replaces it by that of a registry. */
const IMAGE = "myikev2:latest";
/** The label of pods that begin at a time. */
const AT_TIME = { begins: "at-time" };
/** Seconds from the time at which all pods are on their nodes to that at which slices begin. */
const BEGIN_DELAY_SEC = 120;

/** The files of the directory for `kubectl apply -f manifests.yaml`. */
export function kubernetesFiles(plan: ExportPlan): ExportedFile[] {
  const app = label(plan.name);
  mustFit(plan);
  const documents = [
    {
      apiVersion: "v1",
      // Setup files have pre-shared keys and passwords.
      kind: "Secret",
      metadata: { name: `${app}-setups`, labels: { app } },
      stringData: Object.fromEntries(plan.setups),
    },
    service(app),
    ...plan.groups.map((group) => job(app, group)),
  ];
  return [
    {
      path: "manifests.yaml",
      text:
        "# start.sh applies this, and makes the ConfigMap that pods wait for, if they begin at a time.\n" +
        documents.map((document) => stringify(document, { lineWidth: 0 })).join("---\n"),
    },
    { path: "Dockerfile", text: DOCKERFILE },
    { path: "start.sh", text: startScript(plan, app), runs: true },
    { path: "gather.sh", text: gatherScript(plan, app), runs: true },
  ];
}

/** @throws {SetupError} if the recipe has what pods cannot do. */
function mustFit({ groups, setupCommands, cleanCommands }: ExportPlan): void {
  if (setupCommands.length + cleanCommands.length > 0) {
    throw new SetupError(
      "Cannot export setupcmds and cleancmds to Kubernetes, as they run on hosts by SSH: take them out",
    );
  }
  const labels = new Set<string>();
  for (const { name, tests } of groups) {
    if (labels.has(label(name))) {
      throw new SetupError(
        `Cannot export ${name}: another instance is ${label(name)} in Kubernetes too`,
      );
    }
    labels.add(label(name));
    if (new Set(tests.map(({ host }) => host)).size < tests.length) {
      throw new SetupError(
        `Cannot export ${name} to Kubernetes: two of its slices are on one host`,
      );
    }
  }
}

/** A name as a Service has it, and short enough to be a part of others (RFC 1035 §2.3.1). */
function label(name: string): string {
  const word = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-+|-+$/g, "");
  const short = (/^[a-z]/.test(word) ? word : `r-${word}`).slice(0, NAME_MAX);
  return short.replace(/-+$/, "");
}

/**
 * Whether the pods of a group begin at a time that start.sh chooses once they are on their nodes: slices, which
 * begin together, and tests that wait after the start of others.
 */
function beginsAtTime({ tests, waitSec }: ExportGroup): boolean {
  return tests[0]!.slice !== undefined || waitSec > 0;
}

/** The time at which a test begins, without which its pod waits. */
function beginOf(app: string, name: string): Yaml {
  const configMapKeyRef = { name: `${app}-begin`, key: label(name) };
  return { name: "BEGIN", valueFrom: { configMapKeyRef } };
}

/** A Service without an address of its own, by which each pod has a name. */
function service(app: string): Yaml {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: app, labels: { app } },
    spec: {
      clusterIP: "None",
      publishNotReadyAddresses: true,
      selector: { app },
      ports: [{ name: "api", port: API_PORT }],
    },
  };
}

function job(app: string, group: ExportGroup): Yaml {
  const { name, file, tests, ends } = group;
  const count = tests.length;
  const isSliced = tests[0]!.slice !== undefined;
  const hosts = [...new Set(tests.map(({ host }) => host))];
  const labels = { app, test: label(name) };
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: `${app}-${label(name)}`, labels },
    spec: {
      // A slice that fails leaves the others alone, and keeps its log.
      ...(isSliced
        ? {
          completionMode: "Indexed",
          completions: count,
          parallelism: count,
          backoffLimitPerIndex: 0,
          maxFailedIndexes: count,
        }
        : { backoffLimit: 0 }),
      template: {
        metadata: { labels: beginsAtTime(group) ? { ...labels, ...AT_TIME } : labels },
        spec: {
          restartPolicy: "Never",
          subdomain: app,
          // The addresses of a setup are those of hosts, as in the recipe.
          hostNetwork: true,
          dnsPolicy: "ClusterFirstWithHostNet",
          ...(ends ? {} : { terminationGracePeriodSeconds: 60 }),
          affinity: {
            nodeAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: {
                nodeSelectorTerms: [{
                  matchExpressions: [
                    { key: "kubernetes.io/hostname", operator: "In", values: hosts },
                  ],
                }],
              },
            },
            podAntiAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: [{
                topologyKey: "kubernetes.io/hostname",
                labelSelector: { matchLabels: labels },
              }],
            },
          },
          containers: [{
            name: "myikev2",
            image: IMAGE,
            args: [
              "test",
              `/setups/${file}`,
              "--json",
              "--lf",
              "/tmp/myikev2.log",
              ...(beginsAtTime(group) ? ["--start-at", "$(BEGIN)"] : []),
              ...(isSliced ? ["--slice", `auto/${count}`] : []),
            ],
            env: [
              { name: "HOME", value: "/tmp" },
              ...(beginsAtTime(group) ? [beginOf(app, name)] : []),
            ],
            securityContext: {
              allowPrivilegeEscalation: false,
              readOnlyRootFilesystem: true,
              runAsUser: 0,
              capabilities: { drop: ["ALL"], add: ["NET_ADMIN", "NET_RAW", "NET_BIND_SERVICE"] },
            },
            volumeMounts: [
              { name: "setups", mountPath: "/setups", readOnly: true },
              { name: "tmp", mountPath: "/tmp" },
            ],
          }],
          volumes: [
            { name: "setups", secret: { secretName: `${app}-setups` } },
            { name: "tmp", emptyDir: {} },
          ],
        },
      },
    },
  };
}

const DOCKERFILE =
  `# The executable and iproute2: docker build -t ${IMAGE} . where dist/myikev2 was copied beside this file.
FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends iproute2 && rm -rf /var/lib/apt/lists/*
COPY myikev2 /usr/local/bin/myikev2
ENTRYPOINT ["/usr/local/bin/myikev2"]
`;

/**
 * Creates what the manifests have, waits until the pods that begin at a time are on their nodes, and writes the
 * times into the ConfigMap that they wait for.
 */
function startScript({ groups }: ExportPlan, app: string): string {
  const atTime = groups.filter(beginsAtTime);
  const pods = atTime.reduce((sum, { tests }) => sum + tests.length, 0);
  const times = atTime.map(({ name, waitSec }) =>
    `--from-literal=${label(name)}=$((begin + ${waitSec}))`
  );
  const wait = [
    "# Slices begin at one time, and tests with a wait so long after it. A pod waits on its node, with its image,",
    "# until the ConfigMap has this time (CreateContainerConfigError). BEGIN_DELAY: seconds in which each node sees it.",
    `until=$((SECONDS + \${READY_MAX:-600}))`,
    "while :; do",
    `  ready=$(kubectl get pods -l app=${app},begins=${AT_TIME.begins} \\`,
    "    -o jsonpath='{.items[*].status.containerStatuses[*].state.waiting.reason}' |",
    "    grep -o CreateContainerConfigError | wc -l)",
    `  [ "$ready" -ge ${pods} ] && break`,
    "  [ $SECONDS -lt $until ] || {",
    `    echo "Only $ready of ${pods} pods are on their nodes: see kubectl describe pods -l app=${app};" \\`,
    '      "Jobs of an earlier start have to be deleted first: kubectl delete -f manifests.yaml"',
    "    exit 1",
    "  }",
    "  sleep 2",
    "done",
    `begin=$(($(date +%s) + \${BEGIN_DELAY:-${BEGIN_DELAY_SEC}}))`,
    `kubectl create configmap ${app}-begin ${times.join(" ")} || exit 2`,
  ];
  const lines = [
    "#!/bin/bash",
    "# Starts the tests; gather.sh waits for them.",
    'cd "$(dirname "$0")" || exit 2',
    "# The times of an earlier start are past.",
    ...(pods > 0 ? [`kubectl delete configmap ${app}-begin --ignore-not-found || exit 2`] : []),
    "kubectl apply -f manifests.yaml || exit 2",
    ...(pods > 0 ? wait : []),
  ];
  return lines.join("\n") + "\n";
}

/** Waits for the Jobs that end, stops the others, and makes one result of slices. */
function gatherScript({ groups }: ExportPlan, app: string): string {
  const lines = [
    "#!/bin/bash",
    "# Waits for the tests, gathers their results from the logs of their pods, and judges them.",
    "rm -rf results && mkdir results || exit 2",
    "status=0",
    'fail() { echo "$*"; status=1; }',
    "# ended JOB: waits until a Job is complete or has failed, an hour at most.",
    "ended() {",
    "  local until=$((SECONDS + 3600))",
    "  until kubectl get job \"$1\" -o jsonpath='{.status.conditions[*].type}' | grep -qE 'Complete|Failed'; do",
    '    [ $SECONDS -lt $until ] || { fail "$1 did not end within an hour"; return; }',
    "    sleep 2",
    "  done",
    "}",
    "# The log of a pod has standard error too; the result is its line of JSON.",
    "gather() {",
    '  mkdir "results/$2"',
    '  for pod in $(kubectl get pods -l app="$1",test="$2" -o name); do',
    '    kubectl logs "$pod" | grep \'^{\' | tail -n 1 > "results/$2/${pod##*/}.json"',
    "  done",
    "}",
    ...groups.filter(({ ends }) => ends).map(({ name }) => `ended ${app}-${label(name)}`),
    ...groups.filter(({ ends }) => !ends).flatMap(({ name }) => [
      `for pod in $(kubectl get pods -l app=${app},test=${label(name)} -o name); do`,
      "  kubectl exec $pod -- sh -c 'kill -INT 1'",
      "done",
      `ended ${app}-${label(name)}`,
    ]),
    ...groups.flatMap(({ name, tests }) => {
      const test = label(name);
      const judged = tests[0]!.slice
        ? `myikev2 merge --json $(find results/${test} -size +0 -type f) > results/${test}.merged.json`
        : `[ "$(cat results/${test}/*.json | grep -c '"result":"passed"')" = ${tests.length} ]`;
      return [`gather ${app} ${test}`, `${judged} || fail ${shellWord(name)} has failed`];
    }),
    "exit $status",
  ];
  return lines.join("\n") + "\n";
}
