/**
 * What a run has to show by `--web`: its live page, the result so far as JSON, and its metrics.
 * @module
 */
import type { FinalResult, RunView } from "@/engine/show/view.ts";
import { serveWeb, type WebServer, type WebServerOptions } from "@/web/http_server.ts";
import { LiveRun, type LiveRunOptions } from "@/web/live_run.ts";
import { METRICS_TYPE, metricsText } from "@/web/metrics.ts";

/** The pages of one run, served. */
export interface RunSite {
  readonly url: string;
  /** The run is over: everybody who watches is told its result. */
  finish(final: FinalResult): void;
  close(): Promise<void>;
}

/** Begins to serve. @throws {SetupError} where it cannot listen. */
export async function serveRun(
  view: RunView,
  options: LiveRunOptions & WebServerOptions,
): Promise<RunSite> {
  const live = new LiveRun(view, options);
  let final: FinalResult | undefined;
  const metrics = async () => {
    const [summary, figures] = final
      ? [final.summary, final.figures]
      : await Promise.all([view.summary(), view.figures()]);
    return metricsText(summary, figures, final?.result);
  };
  const server: WebServer = await serveWeb(options, {
    pages: {
      "/": async () => ({ type: "text/html; charset=utf-8", body: await live.page() }),
      "/result.json": async () => ({
        type: "application/json; charset=utf-8",
        body: `${JSON.stringify(await live.result())}\n`,
      }),
      "/metrics": async () => ({ type: METRICS_TYPE, body: await metrics() }),
    },
    streams: {
      "/events": (stream) =>
        live.watch({
          send: (message) => stream.send("change", message),
          end: () => stream.end(),
        }),
    },
  });
  return {
    url: server.url,
    finish(result) {
      final = result;
      live.finish(result);
    },
    async close() {
      await server.close();
      live.close();
    },
  };
}
