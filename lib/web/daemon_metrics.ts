/**
 * The metrics of all instances of a daemon in the text format of Prometheus: what the daemon knows of each,
 * and the metrics of each that has a web server, all with the label `test`, which is the name of the
 * instance (`instance` is what Prometheus calls the daemon itself).
 * @module
 */
import type { DaemonView, InstanceRow } from "@/web/instance_row.ts";
import { textAt } from "@/web/forward.ts";
import { escapedLabel } from "@/web/metrics.ts";

/** Instances that are asked at once. */
const ASKED_MAX = 16;

/** A metric with its HELP and TYPE, and its samples. */
interface Family {
  readonly head: string[];
  readonly samples: string[];
}

/** The whole text. */
export async function daemonMetrics(
  rows: readonly InstanceRow[],
  view: DaemonView,
): Promise<string> {
  const families = new Map<string, Family>();
  addOwn(families, rows);
  const texts = await textsOf(rows, view);
  const reached = [...texts.values()].filter((text) => text !== undefined).length;
  add(families, "instance_pages_unanswered", {
    help: "Instances with a live page whose metrics could not be read for this text",
    samples: [[{}, texts.size - reached]],
  });
  for (const [name, text] of texts) if (text !== undefined) merge(families, name, text);
  return [...families.values()].flatMap(({ head, samples }) => [...head, ...samples]).join("\n") +
    "\n";
}

/** The metrics of each instance that has a web server; undefined: it did not answer. */
async function textsOf(
  rows: readonly InstanceRow[],
  view: DaemonView,
): Promise<Map<string, string | undefined>> {
  const texts = new Map<string, string | undefined>();
  const waiting = rows.flatMap(({ name }) => {
    const server = view.serverOf(name);
    if (server) texts.set(name, undefined);
    return server ? [[name, { ...server, path: "/metrics" }] as const] : [];
  });
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      texts.set(next[0], await textAt(next[1]).catch(() => undefined));
    }
  };
  await Promise.all(Array.from({ length: ASKED_MAX }, work));
  return texts;
}

/** What the daemon knows of its instances. */
function addOwn(families: Map<string, Family>, rows: readonly InstanceRow[]): void {
  add(families, "instances", {
    help: "Instances of the daemon",
    samples: [[{}, rows.length]],
  });
  add(families, "instance_state", {
    help: "The state of each instance, and how its test stands; always 1",
    samples: rows.map(({ name, type, state, verdict = "unknown" }) =>
      [{ test: name, type, state, verdict }, 1] as const
    ),
  });
  const figures = rows.flatMap(({ name, figures }) => figures ? [{ name, figures }] : []);
  const gauge = (name: string, help: string, of: (row: typeof figures[number]) => number) =>
    add(families, name, { help, samples: figures.map((row) => [{ test: row.name }, of(row)]) });
  gauge(
    "instance_tunnels_configured",
    "numberoftunnels of each instance",
    (row) => row.figures.configured,
  );
  gauge(
    "instance_tunnels_established",
    "Tunnels that each instance has established",
    (row) => row.figures.established,
  );
  gauge(
    "instance_tunnels_live",
    "Tunnels of each instance that are live",
    (row) => row.figures.live,
  );
}

interface Gauge {
  readonly help: string;
  readonly samples: readonly (readonly [Readonly<Record<string, string>>, number])[];
}

function add(families: Map<string, Family>, name: string, { help, samples }: Gauge): void {
  if (samples.length === 0) return;
  const whole = `myikev2_${name}`;
  families.set(whole, {
    head: [`# HELP ${whole} ${help}`, `# TYPE ${whole} gauge`],
    samples: samples.map(([labels, value]) => {
      const told = Object.entries(labels).map(([label, text]) =>
        `${label}="${escapedLabel(text)}"`
      );
      return `${whole}${told.length > 0 ? `{${told.join(",")}}` : ""} ${value}`;
    }),
  });
}

/** Adds the metrics of one instance: a metric has its HELP and TYPE once, and all samples behind them. */
function merge(families: Map<string, Family>, test: string, text: string): void {
  const label = `test="${escapedLabel(test)}"`;
  let family: Family | undefined;
  for (const line of text.split("\n")) {
    const [, kind, name] = /^# (HELP|TYPE) (\S+) /.exec(line) ?? [];
    if (name !== undefined) {
      family = families.get(name) ?? { head: [], samples: [] };
      families.set(name, family);
      if (!family.head.some((one) => one.startsWith(`# ${kind} `))) family.head.push(line);
      continue;
    }
    const [, sample, labels, value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (sample === undefined || !family) continue;
    family.samples.push(`${sample}{${label}${labels ? `,${labels}` : ""}} ${value}`);
  }
}
