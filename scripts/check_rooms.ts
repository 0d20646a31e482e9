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
  sim: ["base", "iana", "wire", "crypto", "pki", "eap", "ike", "esp"],
  script: ["base", "iana", "wire", "crypto", "ike"],
  native: ["base"],
  files: ["base"],
  radius: ["base", "iana", "crypto", "eap", "native"],
  transport: ["base", "wire", "esp", "native", "ping"],
  datapath: ["base", "iana", "crypto", "esp", "native", "files", "ping"],
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
    "native",
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
 * The wings of ike/ in the order of import: a wing sees itself and those before it, and the files of
 * the room itself see all of them.
 */
const IKE_WINGS = ["records", "negotiate", "window", "path", "auth", "extensions", "tasks"];
/** The command line sees everything. */
const SEES_ALL = ["cli"];
/** What no pure room may touch: time, chance and the outside must arrive as arguments. */
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
/** The one door: crypto/ may use these. */
const CRYPTO_DOOR = ["crypto"];
const WEB_CRYPTO = /\bcrypto\.(?:subtle|getRandomValues|randomUUID)\b/;
/** Whatever writes, makes or renames a file goes by `files/`, which follows no links. */
const FILE_DOOR = "files";
const WRITES_FILES = new RegExp(
  [
    // Without options a file is opened to be read.
    /\bDeno\.open(?:Sync)?\([^()]*,/,
    /\bDeno\.(?:create|write(?:Text)?File|mkdir|rename|chmod|chown|truncate|copyFile)(?:Sync)?\(/,
    /\bDeno\.(?:symlink|link|makeTemp\w+)(?:Sync)?\(|["']node:fs\b/,
  ].map((rule) => rule.source).join("|"),
);
/** The files that may make a session of HTTP/2, or look at one: see `lib/api/grpc_connections.ts`. */
const HTTP2_DOORS: ReadonlySet<string> = new Set([
  "lib/api/grpc_connections.ts",
  "lib/api/http2_guard.ts",
  "tests/unit/api/http2_guard_test.ts",
  "tests/unit/scripts/check_rooms_test.ts",
]);
/** What of the gRPC library opens connections; types and constants do not. */
const OPENS_GRPC: ReadonlySet<string> = new Set([
  "Client",
  "Server",
  "loadPackageDefinition",
  "makeClientConstructor",
  "makeGenericClientConstructor",
]);
/** What reaches a terminal goes by `files/terminal.ts`, which takes out what would steer it. */
const SPEAKS = /\bconsole\.\w+/;
/** A literal within a literal, which only keeps the formatter from writing a line for each field. */
const SPREAD_LITERAL = /\.\.\.\{\s*\w/;
const LINES_MAX = 600;
/** Files that would collect what has a room of its own, or hide where it is. */
const NO_FILE = /(?:^|\/)(?:utils?|helpers?|common|mod|index)\.ts$/;

/** What is wrong with one file of lib/, `path` from the root of the project. */
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
    const isDoor = CRYPTO_DOOR.includes(room) && (node === "crypto" || node === "buffer");
    if (node && PURE.includes(room) && !isDoor) faults.push(`may not import node:${node}`);
  }
  if (PURE.includes(room)) {
    const impure = IMPURE.exec(code)?.[0] ??
      (CRYPTO_DOOR.includes(room) ? undefined : WEB_CRYPTO.exec(code)?.[0]);
    if (impure) faults.push(`touches the outside world by ${impure}`);
  }
  const writes = room === FILE_DOOR ? undefined : WRITES_FILES.exec(code)?.[0];
  if (writes) faults.push(`writes files by ${writes}: files/ is the door for that`);
  const speaks = room === FILE_DOOR ? undefined : SPEAKS.exec(code)?.[0];
  if (speaks) faults.push(`speaks by ${speaks}: files/terminal.ts is the door for that`);
  if (room !== "native" && /\bdlopen\b/.test(code)) faults.push("only native/ may dlopen");
  if (/^export\s+(?:type\s+)?(?:\*|\{[^}]*\})\s*(?:as \w+ )?from\b/m.test(code)) {
    faults.push("exports what another file has: import it from where it is");
  }
  if (SPREAD_LITERAL.test(code)) faults.push("spreads a literal: write its fields");
  if (NO_FILE.test(path)) faults.push("has a name that says nothing");
  const lines = source.split("\n").length;
  if (lines > LINES_MAX && room !== "iana") faults.push(`is longer than ${LINES_MAX} lines`);
  return faults;
}

/** Why a file of a wing of ike/ may not import this; undefined: it may. */
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
 * Circles of imports among files, type imports included: each as the files of it, in their order.
 * `sources` has the source of each file by its path from the root of the project.
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

/** How a file, tests and scripts included, opens connections of HTTP/2 past their guard. */
export function http2FaultsOf(path: string, source: string): string[] {
  if (HTTP2_DOORS.has(path)) return [];
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

/** Specifiers of static, side-effect, re-exporting and dynamic imports, and of import types. */
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
      for (const why of [...faults, ...http2FaultsOf(path, source)]) {
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
