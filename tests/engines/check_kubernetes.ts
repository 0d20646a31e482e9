/**
 * Manifests of an exported recipe, by the published schemas of Kubernetes; each container run as its pod
 * would run it: the same arguments, environment, user and capabilities, and a root that is read-only; and
 * gather.sh, whose kubectl has the logs of these containers in place of a cluster.
 * @module
 */
import { Job } from "kubernetes-models/batch/v1/Job";
import { Secret } from "kubernetes-models/v1/Secret";
import { Service } from "kubernetes-models/v1/Service";
import { parseAllDocuments } from "yaml";
import type { Checks } from "../control/checks.ts";
import { must, run } from "../control/lab.ts";
import { CLIENTS, type Lab, MYIKEV2 } from "./lab.ts";
import { exportFor, TUNNELS, writeRecipe } from "./recipe.ts";

/** What is read here of a Job. */
interface JobManifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly completions?: number;
    readonly template: {
      readonly spec: {
        readonly containers: readonly [{
          readonly args: readonly string[];
          readonly securityContext: { readonly capabilities: { readonly add: readonly string[] } };
        }];
      };
    };
  };
}

/** The schemas of the kinds that are exported. */
const KINDS = { Job, Secret, Service };

export async function kubernetesChecks(checks: Checks, lab: Lab): Promise<void> {
  writeRecipe(lab, { runningSec: 4 });
  const directory = await exportFor("kubernetes", lab);
  const text = Deno.readTextFileSync(`${directory}/manifests.yaml`);
  const manifests = parseAllDocuments(text).map((document) => document.toJS());
  const kinds = manifests.map(({ kind }) => kind);
  checks.equal("Kubernetes: the kinds of the manifests", kinds, [
    "Secret",
    "Service",
    "Job",
    "Job",
  ]);
  for (const manifest of manifests) {
    const { kind, metadata } = manifest;
    checks.equal(`Kubernetes: ${kind} ${metadata.name} fits its schema`, refusal(manifest), "");
  }
  const wrong = structuredClone(manifests.at(-1));
  wrong.spec.template.spec.containers[0].args = "test";
  checks.match("Kubernetes: what does not fit the schema is told", refusal(wrong), /args/);
  const { stringData } = manifests[0];
  for (const [name, setup] of Object.entries(stringData)) lab.write(name, String(setup));
  const [gateway, clients] = manifests.slice(2) as [JobManifest, JobManifest];
  checks.equal("Kubernetes: a pod for each slice", clients.spec.completions, CLIENTS.length);
  const pods = lab.path("pods");
  Deno.mkdirSync(pods);
  const gatewayPod = `${pods}/${gateway.metadata.name}-0`;
  lab.start("gw", into(`${gatewayPod}.log`, `${gatewayPod}.pid`, container(lab, gateway)));
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const begin = String(Math.ceil(Date.now() / 1_000) + 2);
  const results = await Promise.all(CLIENTS.map(async (host, index) => {
    const { stdout, stderr } = await lab.run(host, container(lab, clients, begin), {
      JOB_COMPLETION_INDEX: String(index),
      HOME: "/tmp",
    });
    const line = stdout.split("\n").find((each) => each.startsWith("{"));
    checks.match(`Kubernetes: pod ${index} passes`, line ?? stderr, /"result":"passed"/);
    Deno.writeTextFileSync(`${pods}/${clients.metadata.name}-${index}.log`, stderr + stdout);
    return lab.write(`pod-${index}.json`, line ?? "");
  }));
  const merged = JSON.parse(await must([MYIKEV2, "merge", "--json", ...results]));
  checks.equal("Kubernetes: the pods make all tunnels", merged.tunnels.established, TUNNELS);
  await gatherChecks(checks, lab, directory);
}

/** gather.sh waits for the Jobs, stops the gateway, and makes one result of the logs of the pods. */
async function gatherChecks(checks: Checks, lab: Lab, directory: string): Promise<void> {
  const bin = lab.path("bin");
  Deno.mkdirSync(bin);
  Deno.symlinkSync(MYIKEV2, `${bin}/myikev2`);
  Deno.writeTextFileSync(`${bin}/kubectl`, KUBECTL, { mode: 0o755 });
  const env = [`PATH=${bin}:/usr/bin:/bin`, `PODS=${lab.path("pods")}`];
  const gather = () => run(["env", ...env, `${directory}/gather.sh`], directory);
  const { code, stdout } = await gather();
  checks.equal("Kubernetes: gather.sh has status 0", [code, stdout], [0, ""]);
  const files = [...Deno.readDirSync(`${directory}/results`)].map(({ name }) => name);
  const mergedFile = files.find((name) => name.endsWith(".merged.json")) ?? "none";
  const merged = JSON.parse(Deno.readTextFileSync(`${directory}/results/${mergedFile}`));
  checks.equal("Kubernetes: gather.sh merges the slices", [
    merged.result,
    merged.tunnels.established,
  ], [
    "passed",
    TUNNELS,
  ]);
  const lost = [...Deno.readDirSync(lab.path("pods"))].find(({ name }) => name.endsWith("-2.log"))!;
  Deno.removeSync(`${lab.path("pods")}/${lost.name}`);
  const without = await gather();
  checks.equal("Kubernetes: gather.sh fails where a slice is missing", without.code, 1);
}

/** A kubectl whose pods are the files of a directory: NAME.log, and NAME.pid of one that still runs. */
const KUBECTL = `#!/bin/sh
case "$1 $2" in
"get job") [ -e "$PODS/$3-0.pid" ] && kill -0 "$(cat "$PODS/$3-0.pid")" 2> /dev/null || echo Complete ;;
"get pods") app=\${4#app=} && app=\${app%%,*}
  for log in "$PODS/$app-\${4##*test=}"-*.log; do name=\${log##*/} && echo "pod/\${name%.log}"; done ;;
logs*) cat "$PODS/\${2#pod/}.log" ;;
exec*) kill -INT "$(cat "$PODS/\${2#pod/}.pid")" ;;
*) echo "kubectl $*: not known" >&2; exit 1 ;;
esac
`;

/** A command whose output and process are those of a pod. */
function into(log: string, pid: string, command: readonly string[]): string[] {
  return ["sh", "-c", `echo $$ > ${pid}; exec "$@" > ${log} 2>&1`, "sh", ...command];
}

/** What the schema of its kind says against a manifest; empty: nothing. */
function refusal(manifest: { readonly kind: string }): string {
  const kind = KINDS[manifest.kind as keyof typeof KINDS];
  try {
    // deno-lint-ignore no-explicit-any -- a manifest that is read is of no known type.
    new kind(manifest as any).validate();
    return "";
  } catch (e) {
    return e instanceof Error ? e.message : String(e);
  }
}

/**
 * The command of a container: its setups at a mount of their own, a read-only root, /tmp of its own, and the
 * capabilities of the manifest. `begin`: the time that start.sh would have written into the ConfigMap.
 */
function container(lab: Lab, { spec }: JobManifest, begin = ""): string[] {
  const { args, securityContext } = spec.template.spec.containers[0];
  const added = securityContext.capabilities.add.map((name) => `+${name.toLowerCase()}`);
  const script = `set -e
mount -t tmpfs tmpfs /mnt
cp ${lab.directory}/*.yaml ${MYIKEV2} /mnt/
mount -o remount,bind,ro /
mount -t tmpfs tmpfs /tmp
cd /
exec setpriv --no-new-privs --bounding-set=${["-all", ...added].join(",")} /mnt/myikev2 "$@"`;
  const words = args.map((word) => word.replace("/setups/", "/mnt/").replace("$(BEGIN)", begin));
  return ["unshare", "--mount", "sh", "-c", script, "sh", ...words];
}
