/**
 * What a daemon has to show by `--web`: the page of its instances, that table as JSON, the live page or
 * the report of each instance, and the metrics of all. It asks the instances only while somebody watches,
 * and once a second at most, however many do.
 * @module
 */
import { withoutSentences } from "@/report/masking.ts";
import { reportPage, type ReportStyle } from "@/report/report_page.ts";
import { readResult } from "@/report/read_result.ts";
import { daemonMetrics } from "@/web/daemon_metrics.ts";
import { daemonPage, shownInstances } from "@/web/daemon_page.ts";
import {
  type EventStream,
  type OtherPage,
  type Page,
  serveWeb,
  type WebServer,
  type WebServerOptions,
} from "@/web/http_server.ts";
import type { DaemonView, InstanceRow } from "@/web/instance_row.ts";
import { METRICS_TYPE } from "@/web/metrics.ts";

/** How often the instances are asked, at most. */
const ASK_MS = 1_000;

const HTML = "text/html; charset=utf-8";
const JSON_TYPE = "application/json; charset=utf-8";

/** The pages of a running instance that are shown as its own. */
const PAGES: readonly string[] = ["", "events", "result.json", "metrics"];

/** How the pages are served. */
export interface DaemonSiteOptions extends WebServerOptions {
  /** How the reports of instances are written whose processes have ended. */
  readonly reports: ReportStyle;
}

/** The pages of one daemon, served. */
export interface DaemonSite {
  readonly url: string;
  close(): Promise<void>;
}

/** Begins to serve. @throws {SetupError} where it cannot listen. */
export async function serveDaemon(
  view: DaemonView,
  options: DaemonSiteOptions,
): Promise<DaemonSite> {
  const table = new InstanceTable(view);
  const metrics = new Recent(async () => daemonMetrics(await table.rows(), view));
  const server: WebServer = await serveWeb(options, {
    pages: {
      "/": async () => ({ type: HTML, body: daemonPage(await table.rows()) }),
      "/instances.json": async () => ({
        type: JSON_TYPE,
        body: `${JSON.stringify(await table.rows())}\n`,
      }),
      "/metrics": async () => ({
        type: METRICS_TYPE,
        body: await metrics.get(),
      }),
    },
    streams: { "/events": (stream) => table.watch(stream) },
    others: {
      shape: "/instances/NAME/",
      at: (path) => pageOfInstance(path, view, options.reports),
    },
  });
  return {
    url: server.url,
    async close() {
      table.close();
      await server.close();
    },
  };
}

/** The page of an instance: that of its process, or a report of the result that it left. */
function pageOfInstance(
  path: string,
  view: DaemonView,
  reports: ReportStyle,
): OtherPage | undefined {
  const [, encoded, rest] = /^\/instances\/([^/]+)\/([^/]*)$/.exec(path) ?? [];
  if (encoded === undefined || rest === undefined || !PAGES.includes(rest)) return undefined;
  const name = decoded(encoded);
  if (name === undefined) return undefined;
  const server = view.serverOf(name);
  if (server) {
    const upstream = { ...server, path: `/${rest}` };
    return { kind: "forward", upstream, isStream: rest === "events" };
  }
  const text = rest === "" || rest === "result.json" ? view.resultOf(name) : undefined;
  return text === undefined
    ? undefined
    : { kind: "page", page: () => reportOf(text, rest, reports) };
}

function reportOf(text: string, rest: string, reports: ReportStyle): Promise<Page> {
  const result = readResult(text, "the result");
  if (rest === "") return Promise.resolve({ type: HTML, body: reportPage(result, reports) });
  const body = JSON.stringify(reports.masks ? withoutSentences(result) : result);
  return Promise.resolve({ type: JSON_TYPE, body: `${body}\n` });
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** What takes work to find out, and is found out once for all who ask within a second. */
class Recent<T> {
  readonly #find: () => Promise<T>;
  #found: { readonly atMs: number; readonly what: Promise<T> } | undefined;

  constructor(find: () => Promise<T>) {
    this.#find = find;
  }

  /** As it is now, or was within the last second. */
  get(): Promise<T> {
    const atMs = Date.now();
    if (this.#found && atMs - this.#found.atMs < ASK_MS) return this.#found.what;
    const what = this.#find();
    this.#found = { atMs, what };
    what.catch(() => this.#found = undefined);
    return what;
  }
}

/** Asks for the instances, and tells whoever watches of changes. */
class InstanceTable {
  readonly #rows: Recent<readonly InstanceRow[]>;
  /** What each watcher was told last. */
  readonly #watchers = new Map<EventStream, string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isTelling = false;

  constructor(view: DaemonView) {
    this.#rows = new Recent(view.instances);
  }

  /** The instances as they are now, or were within the last second. */
  rows(): Promise<readonly InstanceRow[]> {
    return this.#rows.get();
  }

  watch(stream: EventStream): () => void {
    this.#watchers.set(stream, "");
    if (!this.#isTelling) this.#askIn(0);
    return () => this.#watchers.delete(stream);
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const stream of this.#watchers.keys()) stream.end();
    this.#watchers.clear();
  }

  #askIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#tellAll(), ms);
  }

  async #tellAll(): Promise<void> {
    if (this.#watchers.size === 0 || this.#isTelling) return;
    this.#isTelling = true;
    try {
      const news = JSON.stringify(shownInstances(await this.rows()));
      for (const [stream, told] of this.#watchers) {
        if (told !== news && stream.send("change", news)) this.#watchers.set(stream, news);
      }
    } catch {
      // The daemon logs what goes wrong with an instance; the next question may be answered.
    } finally {
      this.#isTelling = false;
    }
    if (this.#watchers.size > 0) this.#askIn(ASK_MS);
  }
}
