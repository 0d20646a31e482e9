/**
 * The page of a daemon: a table of its instances, whose script hears of changes. What an instance or a
 * setup says is escaped.
 * @module
 */
import { escapeXml } from "@/base/xml.ts";
import { htmlPage } from "@/report/html_page.ts";
import daemonScript from "@/web/page/daemon.js" with { type: "text" };
import type { InstanceRow } from "@/web/instance_row.ts";

/** One row of the table as its script reads it. */
export interface ShownRow {
  readonly name: string;
  /** Where its page is; empty: it has none. */
  readonly href: string;
  /** The cells after the name. */
  readonly cells: readonly string[];
  /** The word of the style: that of the verdict, or of the state. */
  readonly tone: string;
}

/** What the page shows at one moment. */
export interface ShownInstances {
  readonly totals: string;
  readonly rows: readonly ShownRow[];
}

/** Columns after the name. */
const COLUMNS: readonly (readonly [id: string, label: string])[] = [
  ["state", "state"],
  ["verdict", "verdict"],
  ["role", "role"],
  ["configured", "tunnels"],
  ["established", "established"],
  ["live", "live"],
  ["half-open", "half-open"],
  ["rate", "set-ups/s"],
  ["pings-sent", "pings"],
  ["pings-answered", "answered"],
  ["reason", "why"],
];
const NUMBERS: readonly string[] = [
  "configured",
  "established",
  "live",
  "half-open",
  "rate",
  "pings-sent",
  "pings-answered",
];

/** What the page shows of these instances. */
export function shownInstances(instances: readonly InstanceRow[]): ShownInstances {
  return { totals: totalsOf(instances), rows: instances.map(shownRow) };
}

/** The path of the page of an instance, relative to that of the daemon. */
export function pathOfInstance(name: string): string {
  return `instances/${encodeURIComponent(name)}/`;
}

/** The whole page. */
export function daemonPage(instances: readonly InstanceRow[]): string {
  const { totals, rows } = shownInstances(instances);
  return htmlPage({
    title: "myikev2 daemon",
    styles: [],
    scripts: [daemonScript],
    data: "",
    body: [
      '<p id="connection" class="hint" role="status">Connecting …</p>',
      "<h1>Instances of this daemon</h1>",
      `<p id="totals">${escapeXml(totals)}</p>`,
      '<div class="scroll" tabindex="0" role="region" aria-label="Instances">',
      '<table id="instances"><thead><tr><th scope="col">name</th>' +
      COLUMNS.map(([id, label]) =>
        `<th scope="col" data-column="${id}"${numberClass(id)}>${label}</th>`
      ).join("") +
      "</tr></thead>",
      `<tbody>${rows.map(rowHtml).join("")}</tbody></table></div>`,
      '<p class="hint">A name leads to the live page of its test, or to its report. ' +
      '<a href="metrics">Metrics of all instances for Prometheus</a>, ' +
      '<a href="instances.json">this table as JSON</a>.</p>',
    ],
    live: true,
  });
}

function shownRow(row: InstanceRow): ShownRow {
  const { name, type, state, verdict, reason, figures, hasPage } = row;
  const numbers = figures
    ? [
      figures.configured,
      figures.established,
      figures.live,
      figures.halfOpen,
      Math.round(figures.setupRate * 10) / 10,
      figures.pingsSent,
      figures.pingsAnswered,
    ].map(String)
    : NUMBERS.map(() => "–");
  return {
    name,
    href: hasPage ? pathOfInstance(name) : "",
    cells: [
      state,
      verdict ?? "–",
      figures?.role ?? (type === "other" ? "another program" : "–"),
      ...numbers,
      reason,
    ],
    tone: verdict && verdict !== "running" ? verdict : state.replaceAll(" ", "-"),
  };
}

function totalsOf(instances: readonly InstanceRow[]): string {
  const states = new Map<string, number>();
  for (const { state } of instances) states.set(state, (states.get(state) ?? 0) + 1);
  const told = [...states].map(([state, count]) => `${count} ${state}`).join(", ");
  const sum = (name: "configured" | "established" | "live") =>
    instances.reduce((total, { figures }) => total + (figures?.[name] ?? 0), 0);
  const are = instances.length === 1 ? "1 instance" : `${instances.length} instances`;
  if (instances.length === 0) return "There are no instances.";
  return `${are}: ${told}. Tunnels of all: ${sum("established")} of ${sum("configured")} ` +
    `established, ${sum("live")} live.`;
}

function rowHtml({ name, href, cells, tone }: ShownRow): string {
  const words = escapeXml(name);
  const head = href === "" ? words : `<a href="${escapeXml(href)}">${words}</a>`;
  return `<tr class="${escapeXml(tone)}"><th scope="row">${head}</th>` +
    cells.map((cell, i) => {
      const id = COLUMNS[i]![0];
      return `<td data-column="${id}"${numberClass(id)}>${escapeXml(cell)}</td>`;
    }).join("") + "</tr>";
}

function numberClass(id: string): string {
  return NUMBERS.includes(id) ? ' class="number"' : "";
}
