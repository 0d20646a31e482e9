/**
 * Writes `lib/api/proto/`: the types of all messages and calls of our proto files, so that a misspelt
 * field or call does not compile. Each message has two types: as it is sent, where every field may be left
 * out, and, under a name that ends in `Read`, as the loader of `api/definitions.ts` hands it over.
 *
 * Run: deno run -A scripts/api_types.ts
 * With `--check` it writes nothing and fails where a file is not current.
 * @module
 */
import { type ProtoBlock, type ProtoEntry, readProto } from "./proto_text.ts";

/** Our proto files, by package. */
const FILES: readonly (readonly [name: string, path: string])[] = [
  ["api", "myikev2/api/api.proto"],
  ["ikeapi", "myikev2/api/ike.proto"],
  ["daemonapi", "myikev2/daemonapi/daemonapi.proto"],
];

/** How a message is meant: as somebody sends it, or as it was read. */
type Form = "sent" | "read";

/** Scalar types, as they are sent and as they are read: 64-bit numbers are read as decimal text. */
const SCALARS: Readonly<Record<string, Readonly<Record<Form, string>>>> = {
  uint32: { sent: "number", read: "number" },
  int32: { sent: "number", read: "number" },
  fixed32: { sent: "number", read: "number" },
  float: { sent: "number", read: "number" },
  uint64: { sent: "number | string", read: "string" },
  fixed64: { sent: "number | string", read: "string" },
  bool: { sent: "boolean", read: "boolean" },
  string: { sent: "string", read: "string" },
  bytes: { sent: "Uint8Array", read: "Uint8Array" },
};

/** One file that is written: what it says, and what it names of others. */
class TypesFile {
  readonly #form: Form;
  readonly #package: string;
  readonly #types: string[] = [];
  /** Names by the file they are in. */
  readonly #imports = new Map<string, Set<string>>();

  constructor(packageName: string, form: Form) {
    this.#package = packageName;
    this.#form = form;
  }

  /** A message as it is sent, or as it is read. */
  addMessage({ name, comment, entries }: ProtoBlock): void {
    const isSent = this.#form === "sent";
    const own = isSent ? name : `${name}Read`;
    const said = isSent ? comment : `\`${name}\` as it is read; its fields are described there.`;
    const head = documented(said);
    if (entries.length === 0) {
      return void this.#types.push(
        `${head}export type ${own} = Readonly<Record<string, never>>;\n`,
      );
    }
    const fields = entries.map((entry) => this.#field(entry)).join("");
    this.#types.push(`${head}export interface ${own} {\n${fields}}\n`);
  }

  /** The calls of a service. */
  addService({ name, comment, entries }: ProtoBlock): void {
    const calls = entries.map(({ name, comment, columns }) => {
      const [request, returned] = columns as readonly [string, string];
      const answer = returned.replace("stream ", "");
      const kind = answer === returned ? "UnaryCall" : "StreamCall";
      this.#import("@/api/call_types.ts", kind);
      const types = [request, answer].flatMap((type) => [
        this.#named(type, "sent"),
        this.#named(type, "read"),
      ]);
      return `${documented(comment, "  ")}  readonly ${name}: ${kind}<${types.join(", ")}>;\n`;
    });
    this.#types.push(`${documented(comment)}export interface ${name} {\n${calls.join("")}}\n`);
  }

  /** The text of the file; `path` is that of the proto file below `proto/`. */
  text(path: string): string {
    const what = this.#form === "sent" ? "as they are sent, and its calls" : "as they are read";
    const head = `/**
 * The messages of \`proto/${path}\` ${what}.
 *
 * Written by scripts/api_types.ts: change the proto file, and run that.
 * @module
 */
`;
    const imports = [...this.#imports].sort().map(([file, names]) =>
      `import type { ${[...names].sort().join(", ")} } from "${file}";\n`
    );
    return `${head}${imports.join("")}\n${this.#types.join("\n")}`;
  }

  #field({ name, comment, columns }: ProtoEntry): string {
    const declared = columns[1]!;
    const short = declared.replace("repeated ", "");
    const scalar = SCALARS[short]?.[this.#form];
    const one = scalar ?? this.#named(short, this.#form);
    const single = scalar === undefined ? `${one} | null` : one;
    const type = declared === short ? single : `readonly ${one.includes("|") ? `(${one})` : one}[]`;
    if (this.#form === "read") return `  readonly ${name}: ${type};\n`;
    return `${documented(comment, "  ")}  readonly ${name}?: ${type} | undefined;\n`;
  }

  /** The name of a message's type, imported where another file has it. */
  #named(type: string, form: Form): string {
    const at = type.lastIndexOf(".");
    const owner = at < 0 ? this.#package : type.slice(0, at);
    const name = form === "sent" ? type.slice(at + 1) : `${type.slice(at + 1)}Read`;
    const file = owner === "google.protobuf" ? "well_known.ts" : fileName(owner, form);
    if (file !== fileName(this.#package, this.#form)) this.#import(`@/api/proto/${file}`, name);
    return name;
  }

  #import(file: string, name: string): void {
    const known = this.#imports.get(file);
    if (known) known.add(name);
    else this.#imports.set(file, new Set([name]));
  }
}

/** The types of one package: the text of each of its files, by name. */
export function typesOf(name: string, path: string, proto: string): ReadonlyMap<string, string> {
  const { blocks } = readProto(proto);
  const files = (["sent", "read"] as const).map((form) => {
    const file = new TypesFile(name, form);
    for (const block of blocks) {
      if (block.kind === "message") {
        for (const message of flattened(block, "")) file.addMessage(message);
      } else if (form === "sent") file.addService(block);
    }
    return [fileName(name, form), file.text(path)] as const;
  });
  return new Map(files);
}

function fileName(packageName: string, form: Form): string {
  return form === "sent" ? `${packageName}.ts` : `${packageName}_read.ts`;
}

/** A message and those within it, each under a name of its own: `CHILDSADump.TS` is `CHILDSADumpTS`. */
function flattened(block: ProtoBlock, prefix: string): ProtoBlock[] {
  const name = prefix + block.name;
  const inner = new Set(block.nested.map((one) => one.name));
  const entries = block.entries.map((entry) => {
    const [number, type] = entry.columns as readonly [string, string];
    const short = type.replace("repeated ", "");
    if (!inner.has(short)) return entry;
    return { ...entry, columns: [number, type.replace(short, name + short)] };
  });
  const nested = block.nested.flatMap((one) => flattened(one, name));
  return [...nested, { ...block, name, entries, nested: [] }];
}

/** A comment of the proto file as a doc comment. */
function documented(comment: string, indent = ""): string {
  if (comment.includes("*/")) throw new Error(`A comment of a proto file holds */: ${comment}`);
  const lines = comment.split("\n");
  if (lines.length === 1) return `${indent}/** ${comment} */\n`;
  const middle = lines.map((line) => `${indent} * ${line}`.trimEnd() + "\n").join("");
  return `${indent}/**\n${middle}${indent} */\n`;
}

/** As the formatter writes it. */
async function formatted(text: string): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--line-width", "100", "--ext", "ts", "-"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { stdout, success } = await child.output();
  if (!success) throw new Error("The formatter refuses what was written");
  return new TextDecoder().decode(stdout);
}

/** What the formatter does not change: a check may start no other program. */
function withoutLayout(text: string): string {
  return text.replaceAll(/[\s,()]/g, "");
}

if (import.meta.main) {
  const root = `${import.meta.dirname}/..`;
  for (const [name, path] of FILES) {
    const files = typesOf(name, path, await Deno.readTextFile(`${root}/proto/${path}`));
    for (const [file, text] of files) {
      const target = `${root}/lib/api/proto/${file}`;
      if (!Deno.args.includes("--check")) {
        await Deno.writeTextFile(target, await formatted(text));
      } else if (withoutLayout(await Deno.readTextFile(target)) !== withoutLayout(text)) {
        console.error(`lib/api/proto/${file} is not current: deno run -A scripts/api_types.ts`);
        Deno.exit(1);
      }
    }
  }
}
