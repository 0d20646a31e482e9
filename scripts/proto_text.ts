/**
 * Reads our proto files as they are written, comments included: for the document of the APIs, and for
 * the types of their messages.
 * @module
 */

/** A message, a nested message or a service; a field or a call. */
export interface ProtoBlock {
  readonly kind: "message" | "service";
  readonly name: string;
  readonly comment: string;
  readonly entries: ProtoEntry[];
  readonly nested: ProtoBlock[];
}
/** A field, or a call. */
export interface ProtoEntry {
  readonly comment: string;
  /** Of a field: name, number, type. Of a call: name, request, answer. */
  readonly name: string;
  readonly columns: readonly string[];
}
/** A proto file. */
export interface ProtoText {
  readonly comment: string;
  readonly blocks: ProtoBlock[];
}

const FIELD = /^((?:repeated )?[\w.]+) (\w+) = (\d+);$/;
const CALL = /^rpc (\w+)\((\w+)\) returns \((stream )?(\w+)\);$/;
const OPEN = /^(message|service) (\w+) \{(\})?$/;
const ASIDE = /^(syntax|package|import|option) /;

/**
 * Reads one of our own proto files: every statement stands on a line of its own, and every message,
 * field and call has a comment.
 * @throws {Error} naming the line that is none of these.
 */
export function readProto(text: string): ProtoText {
  const blocks: ProtoBlock[] = [];
  const open: ProtoBlock[] = [];
  let fileComment: string | undefined;
  let comment: string[] = [];
  for (const [i, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    const said = comment.join("\n");
    if (line.startsWith("//")) {
      comment.push(line.slice(3));
      continue;
    }
    comment = [];
    if (line.startsWith("syntax ")) fileComment = said;
    if (line === "" || ASIDE.test(line)) continue;
    if (line === "}") {
      open.pop();
      continue;
    }
    const [, kind, name, closed] = OPEN.exec(line) ?? [];
    if (kind) {
      const block = {
        kind: kind as ProtoBlock["kind"],
        name: name!,
        comment: said,
        entries: [],
        nested: [],
      };
      (open.at(-1)?.nested ?? blocks).push(block);
      if (!closed) open.push(block);
      continue;
    }
    const entry = parseEntry(line, said);
    if (!entry || said === "") {
      throw new Error(`Line ${i + 1} is no documented field or call: ${line}`);
    }
    open.at(-1)!.entries.push(entry);
  }
  if (!fileComment) throw new Error("Cannot describe a file that does not say what it is");
  return { comment: fileComment, blocks };
}

function parseEntry(line: string, comment: string): ProtoEntry | undefined {
  const field = FIELD.exec(line);
  if (field) return { comment, name: field[2]!, columns: [field[3]!, field[1]!] };
  const call = CALL.exec(line);
  if (call) return { comment, name: call[1]!, columns: [call[2]!, `${call[3] ?? ""}${call[4]}`] };
  return undefined;
}
