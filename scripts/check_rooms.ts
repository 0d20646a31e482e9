/**
 * Fails when a file of lib/ imports a room it may not see, or breaks a rule of its room. The tables
 * below are the architecture.
 *
 * Run: deno run --allow-read scripts/check_rooms.ts
 * @module
 */
const MAY_SEE: Readonly<Record<string, readonly string[]>> = {
  base: [],
  iana: [],
  wire: ["base", "iana"],
  crypto: ["base", "iana"],
  pki: ["base", "iana", "crypto"],
  eap: ["base", "iana", "crypto"],
  ike: ["base", "iana", "wire", "crypto", "pki", "eap"],
  esp: ["base", "iana", "crypto"],
  ping: ["base", "esp"],
  traffic: ["base", "ping"],
  sim: ["base", "iana", "wire", "crypto", "pki", "eap", "ike", "esp"],
  script: ["base", "iana", "wire", "crypto", "ike"],
  native: ["base"],
  files: ["base"],
  radius: ["base", "iana", "crypto", "eap", "native"],
  transport: ["base", "wire", "esp", "native", "ping", "traffic"],
  datapath: ["base", "iana", "crypto", "esp", "native", "files", "ping", "traffic"],
  setup: ["base", "iana"],
  engine: [
    "base",
    "iana",
    "wire",
    "crypto",
    "pki",
    "eap",
    "ike",
    "esp",
    "ping",
    "traffic",
    "native",
    "files",
    "radius",
    "transport",
    "datapath",
    "setup",
  ],
  report: ["base", "iana", "files", "engine"],
  web: ["base", "engine", "report", "api"],
  api: ["base", "native", "files", "setup", "engine"],
  daemon: ["base", "native", "files", "setup", "api"],
  control: ["base", "files", "setup", "api", "daemon"],
};
/**
 * The wings of ike/, which are its folders, in the order of import: a wing may import itself and the
 * wings before it, and the files of the room itself may import all of them.
 */
const IKE_WINGS = ["records", "negotiate", "window", "path", "auth", "extensions", "tasks"];
/** The rooms that may import every room. */
const SEES_ALL = ["cli"];
/** The rooms that may not use the clock, random numbers or the system, which must be arguments. */
const PURE = [
  "base",
  "iana",
  "wire",
  "crypto",
  "pki",
  "eap",
  "ike",
  "esp",
  "ping",
  "traffic",
  "sim",
  "script",
];
const IMPURE = new RegExp(
  [
    /\bDeno\./,
    /\bDate\.now|\bnew Date\(\)|\bperformance\./,
    /\bset(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b/,
    /\bMath\.random/,
    /\bconsole\.|\bfetch\(|\bglobalThis\b/,
  ].map((rule) => rule.source).join("|"),
);
/** The rooms that may use `node:crypto` and the Web Cryptography API. */
const CRYPTO_USERS = ["crypto"];
const WEB_CRYPTO = /\bcrypto\.(?:subtle|getRandomValues|randomUUID)\b/;
/** The room by which all files are written, made and renamed, as it follows no links. */
const FILE_ROOM = "files";
const WRITES_FILES = new RegExp(
  [
    // Without options a file is opened to be read.
    /\bDeno\.open(?:Sync)?\([^()]*,/,
    /\bDeno\.(?:create|write(?:Text)?File|mkdir|rename|chmod|chown|truncate|copyFile)(?:Sync)?\(/,
    /\bDeno\.(?:symlink|link|makeTemp\w+)(?:Sync)?\(|["']node:fs\b/,
  ].map((rule) => rule.source).join("|"),
);
/** The files that may make or read sessions of HTTP/2: see `lib/api/grpc_connections.ts`. */
const HTTP2_USERS: ReadonlySet<string> = new Set([
  "lib/api/grpc_connections.ts",
  "lib/api/http2_guard.ts",
  "tests/unit/api/http2_guard_test.ts",
  "tests/unit/scripts/check_rooms_test.ts",
]);
/** The exports of the gRPC library that open connections. */
const OPENS_GRPC: ReadonlySet<string> = new Set([
  "Client",
  "Server",
  "loadPackageDefinition",
  "makeClientConstructor",
  "makeGenericClientConstructor",
]);
/** Matches output to the terminal that does not use `files/terminal.ts`, which escapes control sequences. */
const PRINTS = /\bconsole\.\w+/;
/** Matches a literal within a literal, which only keeps the formatter from writing a line for each field. */
const SPREAD_LITERAL = /\.\.\.\{\s*\w/;
/** The test of this rule, which has examples of such literals. */
const SPREADS_ALLOWED: ReadonlySet<string> = new Set(["tests/unit/scripts/check_rooms_test.ts"]);
const LINES_MAX = 600;
/** Matches names of files that do not tell what the file contains. */
const NO_FILE = /(?:^|\/)(?:utils?|helpers?|common|mod|index)\.ts$/;

/** The faults of one file of lib/; `path` starts at the root of the project. */
export function faultsOf(path: string, source: string): string[] {
  const room = path.split("/")[1]!;
  const code = source.replaceAll(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm, "");
  if (!(room in MAY_SEE) && !SEES_ALL.includes(room)) return ["is in no known room"];
  const faults: string[] = [];
  for (const specifier of importsOf(code)) {
    const [, seen] = /^@\/([a-z]+)\/[a-z0-9_/]+\.(?:ts|bash|zsh|fish|js|css)$/.exec(specifier) ??
      [];
    if (specifier.startsWith("@/") && !seen) faults.push(`imports ${specifier}, not a file.ts`);
    if (specifier.startsWith(".")) faults.push(`imports ${specifier}; write @/room/file.ts`);
    if (/^(?:npm|jsr|https?|file):/.test(specifier)) {
      faults.push(`imports ${specifier}, which the imports of deno.json do not name`);
    }
    const allowed = SEES_ALL.includes(room) || seen === room || MAY_SEE[room]!.includes(seen!);
    if (seen && !allowed) faults.push(`may not see ${seen}/`);
    const wing = wingFault(path, specifier);
    if (wing) faults.push(wing);
    const node = /^node:(.+)$/.exec(specifier)?.[1];
    const isAllowed = CRYPTO_USERS.includes(room) && (node === "crypto" || node === "buffer");
    if (node && PURE.includes(room) && !isAllowed) faults.push(`may not import node:${node}`);
  }
  if (PURE.includes(room)) {
    const impure = IMPURE.exec(code)?.[0] ??
      (CRYPTO_USERS.includes(room) ? undefined : WEB_CRYPTO.exec(code)?.[0]);
    if (impure) faults.push(`touches the outside world by ${impure}`);
  }
  const writes = room === FILE_ROOM ? undefined : WRITES_FILES.exec(code)?.[0];
  if (writes) faults.push(`writes files by ${writes}: use files/`);
  const prints = room === FILE_ROOM ? undefined : PRINTS.exec(code)?.[0];
  if (prints) faults.push(`prints by ${prints}: use files/terminal.ts`);
  if (room !== "native" && /\bdlopen\b/.test(code)) faults.push("only native/ may dlopen");
  if (/^export\s+(?:type\s+)?(?:\*|\{[^}]*\})\s*(?:as \w+ )?from\b/m.test(code)) {
    faults.push("exports what another file has: import it from where it is");
  }
  if (NO_FILE.test(path)) faults.push("has a name that says nothing");
  const lines = source.split("\n").length;
  if (lines > LINES_MAX && room !== "iana") faults.push(`is longer than ${LINES_MAX} lines`);
  return faults;
}

/** Why a file of a wing of ike/ may not import this; undefined if it may. */
function wingFault(path: string, specifier: string): string | undefined {
  const own = /^lib\/ike\/(?:([a-z]+)\/)?[a-z0-9_]+\.ts$/.exec(path);
  const seen = /^@\/ike\/(?:([a-z]+)\/)?[a-z0-9_]+\.ts$/.exec(specifier);
  if (!own || own[1] === undefined) return undefined;
  const at = IKE_WINGS.indexOf(own[1]);
  if (at < 0) return `is in ${own[1]}/, which is no known wing of ike/`;
  if (!seen) return undefined;
  const wing = seen[1];
  if (wing !== undefined && IKE_WINGS.slice(0, at + 1).includes(wing)) return undefined;
  return `may not see ${wing === undefined ? specifier : `ike/${wing}/`} from ike/${own[1]}/`;
}

/**
 * Finds circles of imports among files, type imports included, each as the list of its files in
 * order. `sources` has the source of each file by its path from the root of the project.
 */
export function circlesOf(sources: ReadonlyMap<string, string>): string[][] {
  const edges = new Map([...sources].map(([path, source]) => {
    const code = source.replaceAll(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm, "");
    const seen = importsOf(code).filter((one) => one.startsWith("@/"));
    return [path, seen.map((one) => `lib/${one.slice(2)}`).filter((one) => sources.has(one))];
  }));
  const circles: string[][] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string) => {
    const at = trail.indexOf(path);
    if (at >= 0) return void circles.push(trail.slice(at));
    if (done.has(path)) return;
    trail.push(path);
    for (const next of edges.get(path)!) visit(next);
    trail.pop();
    done.add(path);
  };
  for (const path of edges.keys()) visit(path);
  return circles;
}

/** Whether a file, tests and scripts included, spreads a literal in place of writing its fields. */
export function spreadFaultsOf(path: string, source: string): string[] {
  if (SPREADS_ALLOWED.has(path)) return [];
  const code = source.replaceAll(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm, "");
  return SPREAD_LITERAL.test(code) ? ["spreads a literal: write its fields"] : [];
}

/** The imports by which a file, tests and scripts included, could open unguarded connections of HTTP/2. */
export function http2FaultsOf(path: string, source: string): string[] {
  if (HTTP2_USERS.has(path)) return [];
  const code = source.replaceAll(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm, "");
  const faults: string[] = importsOf(code).filter((specifier) => specifier === "node:http2");
  const imports = /\bimport\s+(?!type\b)([^;"]*?)\s+from\s*"@grpc\/grpc-js"/g;
  for (const [, names] of code.matchAll(imports)) {
    if (names!.startsWith("*")) faults.push("all of @grpc/grpc-js");
    const values = names!.replaceAll(/[{}]/g, "").split(",").map((name) => name.trim());
    faults.push(
      ...values.map((name) => name.split(" ")[0]!).filter((name) => OPENS_GRPC.has(name)),
    );
  }
  if (/\bimport\(\s*"@grpc\/grpc-js"/.test(code)) faults.push("all of @grpc/grpc-js");
  return faults.map((what) =>
    `imports ${what}: api/grpc_connections.ts opens connections of HTTP/2`
  );
}

/** The specifiers of all imports: static, side-effect, re-exporting and dynamic ones, and import types. */
function importsOf(code: string): string[] {
  const forms = /\bfrom\s*"([^"]+)"|\bimport\s*"([^"]+)"|\bimport\(\s*"([^"]+)"/g;
  return [...code.matchAll(forms)].map(([, from, bare, called]) => (from ?? bare ?? called)!);
}

async function* walk(dir: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(dir)) {
    const path = `${dir}/${entry.name}`;
    if (entry.isDirectory) yield* walk(path);
    else if (path.endsWith(".ts")) yield path;
  }
}

if (import.meta.main) {
  let count = 0;
  const sources = new Map<string, string>();
  for (const folder of ["lib", "tests", "scripts"]) {
    for await (const path of walk(folder)) {
      const source = await Deno.readTextFile(path);
      if (folder === "lib") sources.set(path, source);
      const faults = folder === "lib" ? faultsOf(path, source) : [];
      const everywhere = [...spreadFaultsOf(path, source), ...http2FaultsOf(path, source)];
      for (const why of [...faults, ...everywhere]) {
        console.error(`${path}: ${why}`);
        count++;
      }
    }
  }
  for (const circle of circlesOf(sources)) {
    console.error(`${circle.join(" imports ")} imports ${circle[0]}: a circle`);
    count++;
  }
  if (count === 0) console.log("rooms: every import is allowed, and none leads in a circle");
  Deno.exit(count > 0 ? 1 : 0);
}
