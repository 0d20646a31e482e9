/**
 * A result as one HTML page that needs nothing else: verdict first, then what was tested, failures by
 * cause, plots over time and all figures. A live page is the same with a script that hears of changes.
 *
 * Texts of a result are a peer's words: they go through {@linkcode escapeXml}, or stand in the JSON that the
 * page holds, where no `<` is left. A content security policy lets the page's own scripts and styles run,
 * by their hashes, and nothing else. A file can reach no network, a live page its own server alone.
 * @module
 */
import { createHash } from "node:crypto";
import uplotCss from "uplot/dist/uPlot.min.css" with { type: "text" };
import uplotScript from "uplot/dist/uPlot.iife.min.js" with { type: "text" };
import pageCss from "@/report/page/report.css" with { type: "text" };
import liveScript from "@/report/page/live.js" with { type: "text" };
import pageScript from "@/report/page/report.js" with { type: "text" };
import { escapeXml } from "@/base/xml.ts";
import { withoutSentences } from "@/report/masking.ts";
import { sectionsOf } from "@/report/report_sections.ts";
import type { RunResultJson } from "@/report/result.ts";

const STYLES: readonly string[] = [uplotCss, pageCss];

/** The text of the file. With `masks`, sentences that may contain an identity are left out. */
export function reportPage(whole: RunResultJson, masks: boolean): string {
  const result = masks ? withoutSentences(whole) : whole;
  return page(result, { scripts: [uplotScript, pageScript], policy: [], live: false });
}

/** The page of a run that goes on: its script opens the event stream of its own server. */
export function livePage(result: RunResultJson): string {
  const scripts = [uplotScript, pageScript, liveScript];
  return page(result, { scripts, policy: ["connect-src 'self'"], live: true });
}

interface PageKind {
  readonly scripts: readonly string[];
  /** Rules of the content security policy beside those of every page. */
  readonly policy: readonly string[];
  readonly live: boolean;
}

function page(result: RunResultJson, { scripts, policy, live }: PageKind): string {
  const title = `${result.setup ?? "myikev2"}: ${result.result}`;
  const rules = [...policyOf(scripts), ...policy].join("; ");
  return [
    "<!DOCTYPE html>",
    '<html lang="en">',
    "<head>",
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${rules}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="referrer" content="no-referrer">',
    `<title>${escapeXml(title)}</title>`,
    ...STYLES.map((css) => `<style>${css}</style>`),
    "</head>",
    "<body>",
    "<main>",
    ...(live ? ['<p id="connection" class="hint" role="status">Connecting …</p>'] : []),
    ...sectionsOf(result).map(({ id, html }) => `<section id="${id}">\n${html}\n</section>`),
    "</main>",
    `<script type="application/json" id="result">${inScript(result)}</script>`,
    ...scripts.map((script) => `<script>${script}</script>`),
    "</body>",
    "</html>",
    "",
  ].join("\n");
}

function policyOf(scripts: readonly string[]): string[] {
  const hashes = (texts: readonly string[]) =>
    texts.map((text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`).join(" ");
  return [
    "default-src 'none'",
    `script-src ${hashes(scripts)}`,
    `style-src ${hashes(STYLES)}`,
    "base-uri 'none'",
    "form-action 'none'",
  ];
}

/**
 * JSON for a script element: `<` is escaped, so that no text can end the element or begin another
 * one.
 */
function inScript(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}
