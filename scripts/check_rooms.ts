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
  sim: ["base", "iana", "wire", "crypto", "ike", "esp"],
  native: ["base"],
  transport: ["base", "native"],
  datapath: ["base", "iana", "esp", "native"],
  setup: ["base", "iana"],
  engine: [
    ...["base", "iana", "wire", "crypto", "pki", "eap", "ike", "esp"],
    ...["native", "transport", "datapath", "setup"],
  ],
  report: ["base", "iana", "engine"],
  api: ["base", "native", "setup", "engine"],
  daemon: ["base", "setup", "api"],
};
/** The command line sees everything. */
const SEES_ALL = ["cli"];
/** What no pure room may touch: time, chance and the outside must arrive as arguments. */
const PURE = ["base", "iana", "wire", "crypto", "ike", "esp", "sim"];
const IMPURE = /\bDeno\.|\bDate\.now|\bperformance\.now|\bsetTimeout|\bsetInterval|\bMath\.random/;
/** The one door: crypto/ may use these. */
const CRYPTO_DOOR = ["crypto"];
const NODE_IMPORT = /from "node:([a-z_/]+)"/g;
const LINES_MAX = 600;

let faults = 0;
for await (const path of walk("lib")) await check(path);
if (faults === 0) console.log("rooms: every import is allowed");
Deno.exit(faults > 0 ? 1 : 0);

async function check(path: string): Promise<void> {
  const room = path.split("/")[1]!;
  const source = await Deno.readTextFile(path);
  const code = source.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
  if (!(room in MAY_SEE) && !SEES_ALL.includes(room)) return fault(path, `is in no known room`);
  for (const [, seen] of code.matchAll(/(?:from|import\()\s*"@\/([a-z]+)\//g)) {
    const allowed = SEES_ALL.includes(room) || seen === room || MAY_SEE[room]!.includes(seen!);
    if (!allowed) fault(path, `may not see ${seen}/`);
  }
  if (/from "\.\.?\//.test(code)) fault(path, "imports by a relative path; write @/room/file.ts");
  if (PURE.includes(room)) {
    if (IMPURE.test(code)) fault(path, "touches the outside world");
    for (const [, name] of code.matchAll(NODE_IMPORT)) {
      const door = CRYPTO_DOOR.includes(room) && (name === "crypto" || name === "buffer");
      if (!door) fault(path, `may not import node:${name}`);
    }
  }
  if (room !== "native" && /\bDeno\.dlopen\b/.test(code)) fault(path, "only native/ may dlopen");
  const lines = source.split("\n").length;
  if (lines > LINES_MAX && room !== "iana") fault(path, `is longer than ${LINES_MAX} lines`);
}

function fault(path: string, why: string): void {
  console.error(`${path}: ${why}`);
  faults++;
}

async function* walk(dir: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(dir)) {
    const path = `${dir}/${entry.name}`;
    if (entry.isDirectory) yield* walk(path);
    else if (path.endsWith(".ts")) yield path;
  }
}
