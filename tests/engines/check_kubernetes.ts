/**
 * Manifests of an exported recipe, by the published schemas of Kubernetes; and each container run as its pod
 * would run it: the same arguments, environment and capabilities, and a root that is read-only.
 * @module
 */
import { Job } from "kubernetes-models/batch/v1/Job";
import { Secret } from "kubernetes-models/v1/Secret";
import { Service } from "kubernetes-models/v1/Service";
import { parseAllDocuments } from "yaml";
import type { Checks } from "../control/checks.ts";
import { must } from "../control/lab.ts";
import { type Host, type Lab, MYIKEV2 } from "./lab.ts";
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
  checks.equal("Kubernetes: a pod for each slice", clients.spec.completions, 3);
  lab.start("gw", container(lab, gateway));
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const hosts = ["lab1", "lab2", "lab3"] satisfies Host[];
  const results = await Promise.all(hosts.map(async (host, index) => {
    const { stdout, stderr } = await lab.run(host, container(lab, clients), {
      JOB_COMPLETION_INDEX: String(index),
      HOME: "/tmp",
    });
    const line = stdout.split("\n").find((each) => each.startsWith("{"));
    checks.match(`Kubernetes: pod ${index} passes`, line ?? stderr, /"result":"passed"/);
    return lab.write(`pod-${index}.json`, line ?? "");
  }));
  const merged = JSON.parse(await must([MYIKEV2, "merge", "--json", ...results]));
  checks.equal("Kubernetes: the pods make all tunnels", merged.tunnels.established, TUNNELS);
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
 * capabilities of the manifest.
 */
function container(lab: Lab, { spec }: JobManifest): string[] {
  const { args, securityContext } = spec.template.spec.containers[0];
  const added = securityContext.capabilities.add.map((name) => `+${name.toLowerCase()}`);
  const script = `set -e
mount -t tmpfs tmpfs /mnt
cp ${lab.directory}/*.yaml ${MYIKEV2} /mnt/
mount -o remount,bind,ro /
mount -t tmpfs tmpfs /tmp
cd /
exec setpriv --no-new-privs --bounding-set=${["-all", ...added].join(",")} /mnt/myikev2 "$@"`;
  const words = args.map((word) => word.replace("/setups/", "/mnt/"));
  return ["unshare", "--mount", "sh", "-c", script, "sh", ...words];
}
