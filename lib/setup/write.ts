/**
 * Writes setup files from the table of options: a commented file with all defaults, the compact
 * form of a given file, and the documentation.
 * @module
 */
import { type Document, isMap, isScalar, isSeq, parseDocument, type YAMLMap } from "yaml";
import { INVALID } from "@/setup/kinds.ts";
import { NOT_YET } from "@/setup/features.ts";
import type { Option } from "@/setup/option.ts";
import { readSetup } from "@/setup/read.ts";
import { ROOT, type Section } from "@/setup/schema.ts";

/**
 * A file with every option at its default and a comment with its meaning, in the order of the
 * table.
 */
export function defaultSetup(): string {
  const lines = [
    "# Every option with its default. Required are bindifname, startclntaddr and peeraddr of a client,",
    "# and ikeconf.psk for authentication by psk.",
    "",
  ];
  writeSection(ROOT, "", lines);
  return lines.join("\n") + "\n";
}

function writeSection(section: Section, indent: string, lines: string[]): void {
  for (const [name, option] of Object.entries(section.options)) {
    lines.push(`${indent}# ${meaning(option)}`, `${indent}${name}: ${defaultText(option)}`);
  }
  for (const [name, inner] of Object.entries(section.sections)) {
    lines.push("", `${indent}${name}:`);
    writeSection(inner, `${indent}  `, lines);
  }
  for (const [name, inner] of Object.entries(section.lists)) {
    lines.push(`${indent}${name}:`);
    const from = lines.length;
    writeSection(inner, `${indent}    `, lines);
    // The first line of an entry has the dash of the list.
    lines[from] = lines[from]!.replace(`${indent}    `, `${indent}  - `);
    moveDashToOption(lines, from, indent);
  }
}

/**
 * Moves the dash of an entry from a comment to the first option, as a dash before a comment would
 * be an empty entry.
 */
function moveDashToOption(lines: string[], from: number, indent: string): void {
  const comment = lines[from]!.replace(`${indent}  - `, `${indent}  `);
  lines[from] = comment;
  lines[from + 1] = lines[from + 1]!.replace(`${indent}    `, `${indent}  - `);
}

function meaning(option: Option<unknown>): string {
  const role = option.role === "both" ? "" : `${option.role} only: `;
  const missing = option.feature && option.feature in NOT_YET
    ? ` (not there yet: ${NOT_YET[option.feature as keyof typeof NOT_YET]})`
    : "";
  return `${role}${option.doc}${missing}`;
}

function defaultText(option: Option<unknown>): string {
  const texts = option.defaultTexts.map(quotedIfNeeded);
  return option.list ? `[${texts.join(", ")}]` : texts[0]!;
}

function quotedIfNeeded(text: string): string {
  return /^(\w[\w.:/-]*|-\d+)$/.test(text) ? text : JSON.stringify(text);
}

/**
 * The file without the options that equal their default; comments of the other options are kept.
 * @throws {SetupErrors} if the file cannot be read.
 */
export function compactSetup(content: string, file: string, lenient = false): string {
  readSetup(content, file, { lenient, unchecked: true });
  const document = parseDocument(content.replace(/^\ufeff/, ""), { schema: "failsafe" });
  keepHead(document);
  // A file with defaults only becomes empty except for its first comment.
  if (!isMap(document.contents) || prune(ROOT, document.contents)) {
    const { commentBefore } = document;
    return commentBefore ? `${commentBefore.replace(/^/gm, "#")}\n` : "";
  }
  return document.toString({ lineWidth: 0 });
}

/**
 * Treats a first comment that is followed by an empty line as a comment of the file, not of its
 * first option.
 */
function keepHead(document: Document): void {
  const key = isMap(document.contents) ? document.contents.items[0]?.key : undefined;
  if (!isScalar(key) || !key.commentBefore) return;
  const blocks = key.commentBefore.split("\n\n");
  if (blocks.length === 1) return;
  key.commentBefore = blocks.pop()!;
  document.commentBefore = blocks.join("\n\n");
}

/** Removes defaults from a section; returns whether nothing is left of it. */
function prune(section: Section, map: YAMLMap): boolean {
  if (!map.items) return false;
  map.items = map.items.filter(({ key, value }) => {
    const name = String((key as { value: unknown }).value);
    const option = own(section.options, name);
    if (option) return !equalsDefault(option, value);
    const inner = own(section.sections, name);
    if (inner) return isNull(value) ? false : !prune(inner, value as YAMLMap);
    if (own(section.overlays, name)) return !isNull(value);
    const list = own(section.lists, name);
    if (list) return !pruneList(list, value);
    return false; // Dead, or unknown and read leniently: it had no effect.
  });
  return map.items.length === 0;
}

/** The own property of a table, as every object also inherits properties such as `constructor`. */
function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/**
 * Removes defaults from a list; returns whether nothing is left of it. A list of one entry with
 * defaults only is the same as an absent list.
 */
function pruneList(section: Section, list: unknown): boolean {
  if (isNull(list)) return true;
  if (isMap(list)) return prune(section, list);
  if (!isSeq(list)) return false;
  const empty = list.items.map((entry) => isMap(entry) ? prune(section, entry) : isNull(entry));
  return empty.length === 1 && empty[0]!;
}

function isNull(node: unknown): boolean {
  if (node === null || node === undefined) return true;
  const { value, type } = node as { value?: unknown; type?: string };
  return type === "PLAIN" && ["", "~", "null", "Null", "NULL"].includes(String(value));
}

function equalsDefault(option: Option<unknown>, node: unknown): boolean {
  const textOf = (item: unknown) => isScalar(item) ? String(item.value) : undefined;
  const parse = (text: string | undefined) =>
    text === undefined ? INVALID : option.kind.parse(text);
  // `null` may be the NULL cipher, but an empty value is always absent.
  if (isNull(node) && !(option.namesNull && parse(textOf(node)) !== INVALID)) return true;
  const values = isSeq(node) ? node.items.map((i) => parse(textOf(i))) : [parse(textOf(node))];
  if (values.includes(INVALID)) return false;
  return JSON.stringify(option.list ? values : values[0]) === JSON.stringify(option.value);
}

/** The documentation of every option, as Markdown. */
export function optionsMarkdown(): string {
  const lines: string[] = [];
  document(ROOT, lines);
  return lines.join("\n") + "\n";
}

function document(section: Section, lines: string[]): void {
  lines.push(`## ${section.path ? `\`${section.path}\`` : "Top level"}`, "");
  lines.push("| option | default | role | expects | meaning |", "|---|---|---|---|---|");
  for (const [name, option] of Object.entries(section.options)) {
    const role = option.role === "both" ? "" : option.role;
    const expects = option.list ? `${option.kind.expects}; or a list` : option.kind.expects;
    const cells = [
      `\`${name}\``,
      `\`${defaultText(option)}\``,
      role,
      expects,
      meaning({
        ...option,
        role: "both",
      }),
    ];
    lines.push(`| ${cells.map((c) => c.replaceAll("|", "\\|")).join(" | ")} |`);
  }
  lines.push("");
  for (const inner of [...Object.values(section.sections), ...Object.values(section.lists)]) {
    document(inner, lines);
  }
}

/** Sets options at the top level of a file, which must be valid; the rest of it stays unchanged. */
export function withOptions(content: string, options: Readonly<Record<string, string>>): string {
  const document = parseDocument(content.replace(/^\ufeff/, ""), { schema: "failsafe" });
  for (const [name, text] of Object.entries(options)) {
    document.set(name, document.createNode(text));
  }
  return document.toString({ lineWidth: 0 });
}
