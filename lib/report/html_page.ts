/**
 * An HTML page that needs nothing else: its scripts and styles are in it. A content security policy lets
 * them run, by their hashes, and nothing else. A file can reach no network, a live page its own server
 * alone.
 * @module
 */
import { createHash } from "node:crypto";
import pageCss from "@/report/page/report.css" with { type: "text" };
import { escapeXml } from "@/base/xml.ts";

/** What a page consists of. */
export interface PageParts {
  readonly title: string;
  /** Style sheets before that of every page. */
  readonly styles: readonly string[];
  readonly scripts: readonly string[];
  /** A script element with data for the scripts; empty: none. */
  readonly data: string;
  /** The lines of HTML of its main element, in which texts of others are escaped. */
  readonly body: readonly string[];
  /** Whether its script may connect to the server from which it came. */
  readonly live: boolean;
}

/** The text of the page. */
export function htmlPage({ title, styles, scripts, data, body, live }: PageParts): string {
  const sheets = [...styles, pageCss];
  const rules = [...policyOf(scripts, sheets), ...(live ? ["connect-src 'self'"] : [])].join("; ");
  return [
    "<!DOCTYPE html>",
    '<html lang="en">',
    "<head>",
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${rules}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="referrer" content="no-referrer">',
    `<title>${escapeXml(title)}</title>`,
    ...sheets.map((css) => `<style>${css}</style>`),
    "</head>",
    "<body>",
    "<main>",
    ...body,
    "</main>",
    ...(data === "" ? [] : [data]),
    ...scripts.map((script) => `<script>${script}</script>`),
    "</body>",
    "</html>",
    "",
  ].join("\n");
}

/**
 * JSON for a script element: `<` is escaped, so that no text can end the element or begin another
 * one.
 */
export function inScript(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}

function policyOf(scripts: readonly string[], styles: readonly string[]): string[] {
  const hashes = (texts: readonly string[]) =>
    texts.map((text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`).join(" ");
  return [
    "default-src 'none'",
    `script-src ${hashes(scripts)}`,
    `style-src ${hashes(styles)}`,
    "base-uri 'none'",
    "form-action 'none'",
  ];
}
