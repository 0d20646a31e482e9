import assert from "node:assert/strict";
import {
  circlesOf,
  faultsOf,
  http2FaultsOf,
  spreadFaultsOf,
} from "../../../scripts/check_rooms.ts";

/** Each line of code alone in a file, and what is said of it; nothing where it is allowed. */
const CASES: readonly (readonly [path: string, code: string, fault: RegExp | undefined])[] = [
  ["lib/ike/a.ts", 'import { x } from "@/wire/message.ts";', undefined],
  ["lib/wire/a.ts", 'import { x } from "@/ike/records/ike_sa.ts";', /may not see ike\//],
  ["lib/wire/a.ts", 'import type { X } from "@/ike/records/ike_sa.ts";', /may not see ike\//],
  ["lib/wire/a.ts", 'import "@/ike/records/ike_sa.ts";', /may not see ike\//],
  ["lib/wire/a.ts", 'const x = await import("@/ike/records/ike_sa.ts");', /may not see ike\//],
  ["lib/wire/a.ts", 'type X = import("@/ike/records/ike_sa.ts").X;', /may not see ike\//],
  ["lib/wire/a.ts", 'import {\n  x,\n} from "@/ike/records/ike_sa.ts";', /may not see ike\//],
  ["lib/engine/a.ts", 'import { x } from "@/sim/world.ts";', /may not see sim\//],
  ["lib/cli/a.ts", 'import { x } from "@/sim/world.ts";', undefined],
  ["lib/nowhere/a.ts", "", /no known room/],
  ["lib/ike/a.ts", 'import { x } from "./b.ts";', /write @\/room\/file\.ts/],
  ["lib/ike/a.ts", 'import { x } from "../wire/b.ts";', /write @\/room\/file\.ts/],
  ["lib/ike/a.ts", 'import { x } from "@/ike";', /not a file\.ts/],
  ["lib/setup/a.ts", 'import { x } from "npm:yaml";', /imports of deno\.json/],
  ["lib/setup/a.ts", 'import { x } from "yaml";', undefined],
  ["lib/ike/a.ts", "const t = Date.now();", /Date\.now/],
  ["lib/ike/a.ts", "const t = new Date();", /new Date/],
  ["lib/ike/a.ts", "const t = new Date(nowMs);", undefined],
  ["lib/sim/a.ts", "const t = performance.now();", /performance/],
  ["lib/sim/a.ts", "const x = Math.random();", /Math\.random/],
  ["lib/wire/a.ts", "setTimeout(f, 1);", /setTimeout/],
  ["lib/base/a.ts", "Deno.exit();", /Deno\./],
  ["lib/eap/a.ts", "Deno.exit();", /Deno\./],
  ["lib/engine/a.ts", "setTimeout(f, 1);", undefined],
  ["lib/ike/a.ts", "// never Date.now() here", undefined],
  ["lib/ike/a.ts", "/** Not Math.random(). */", undefined],
  ["lib/ike/a.ts", 'import { x } from "node:crypto";', /node:crypto/],
  ["lib/crypto/a.ts", 'import { x } from "node:crypto";', undefined],
  ["lib/crypto/a.ts", 'import { x } from "node:fs";', /node:fs/],
  ["lib/ike/a.ts", "crypto.getRandomValues(x);", /crypto\.getRandomValues/],
  ["lib/wire/a.ts", "await crypto.subtle.sign();", /crypto\.subtle/],
  ["lib/crypto/a.ts", "await crypto.subtle.sign();", undefined],
  ["lib/transport/a.ts", "Deno.dlopen(x, y);", /only native\//],
  ["lib/cli/a.ts", "const { dlopen } = Deno;", /only native\//],
  ["lib/native/a.ts", "Deno.dlopen(x, y);", undefined],
  ["lib/cli/a.ts", "Deno.writeTextFileSync(x, y);", /use files\//],
  ["lib/daemon/a.ts", "await Deno.mkdir(x);", /use files\//],
  ["lib/report/a.ts", 'import fs from "node:fs";', /use files\//],
  ["lib/files/a.ts", 'import fs from "node:fs"; Deno.openSync(x);', undefined],
  ["lib/cli/a.ts", "Deno.readFileSync(x);", undefined],
  ["lib/cli/a.ts", "console.error(x);", /use files\/terminal\.ts/],
  ["lib/files/a.ts", "console.log(x);", undefined],
  ["lib/ike/a.ts", 'export * from "@/ike/b.ts";', /another file/],
  ["lib/ike/a.ts", 'export type { X } from "@/ike/b.ts";', /another file/],
  ["lib/base/utils.ts", "", /says nothing/],
  ["lib/ike/tasks/index.ts", "", /says nothing/],
  ["lib/ike/a.ts", "\n".repeat(599), undefined],
  ["lib/ike/a.ts", "\n".repeat(600), /longer than 600/],
  ["lib/iana/a.ts", "\n".repeat(600), undefined],
];

for (const [path, code, fault] of CASES) {
  const shown = code.length > 60 ? `${code.length} lines` : JSON.stringify(code);
  Deno.test(`${shown} in ${path} is ${fault ? "a fault" : "allowed"}`, () => {
    const faults = faultsOf(path, code);
    if (fault) assert.match(faults.join("\n"), fault);
    else assert.deepEqual(faults, []);
  });
}

Deno.test("no file spreads a literal in place of writing its fields, tests included", () => {
  const faults = (code: string) => spreadFaultsOf("tests/unit/ike/a_test.ts", code).length;
  assert.equal(faults("const x = { ...{ a, b }, c };"), 1);
  assert.equal(faults("const x = {\n  ...{ a: 0 },\n};"), 1);
  assert.equal(faults("const x = { ...a, ...(b ? { b } : {}) };"), 0);
  assert.equal(faults("// const x = { ...{ a, b }, c };"), 0);
});

Deno.test("only api/grpc_connections.ts opens connections of HTTP/2, tests included", () => {
  const faults = (code: string, path = "tests/hostile/a.ts") => http2FaultsOf(path, code).length;
  assert.equal(faults('import { Client } from "@grpc/grpc-js";'), 1);
  assert.equal(
    faults('import {\n  credentials,\n  loadPackageDefinition,\n} from "@grpc/grpc-js";'),
    1,
  );
  assert.equal(faults('import { Client, Server as S } from "@grpc/grpc-js";'), 2);
  assert.equal(faults('import * as grpc from "@grpc/grpc-js";'), 1);
  assert.equal(faults('const grpc = await import("@grpc/grpc-js");'), 1);
  assert.equal(faults('import http2 from "node:http2";'), 1);
  assert.equal(faults('import type { Client } from "@grpc/grpc-js";'), 0);
  assert.equal(faults('import { type Client, credentials, status } from "@grpc/grpc-js";'), 0);
  assert.equal(faults('// import { Client } from "@grpc/grpc-js";'), 0);
  assert.equal(faults('import { Client } from "@grpc/grpc-js";', "lib/api/grpc_connections.ts"), 0);
});

Deno.test("a folder of ike/ imports only the folders before it", () => {
  const imports = (path: string) => `import { a } from "@/ike/${path}";`;
  const of = (path: string, seen: string) => faultsOf(`lib/ike/${path}`, imports(seen));
  assert.deepEqual(of("auth/psk.ts", "records/sa.ts"), []);
  assert.deepEqual(of("auth/psk.ts", "auth/rounds.ts"), []);
  assert.deepEqual(of("handle.ts", "tasks/delete.ts"), []);
  assert.deepEqual(of("window/exchange.ts", "path/nat.ts"), [
    "may not see ike/path/ from ike/window/",
  ]);
  assert.deepEqual(of("records/sa.ts", "handle.ts"), [
    "may not see @/ike/handle.ts from ike/records/",
  ]);
  assert.deepEqual(of("utility/a.ts", "records/sa.ts"), [
    "is in utility/, which is no known wing of ike/",
  ]);
});

Deno.test("a circle of imports is found, type imports included", () => {
  const file = (name: string) => `import type { A } from "@/ike/${name}.ts";`;
  const sources = (last: string) =>
    new Map([["lib/ike/a.ts", file("b")], ["lib/ike/b.ts", file("c")], ["lib/ike/c.ts", last]]);
  assert.deepEqual(circlesOf(sources("")), []);
  assert.deepEqual(circlesOf(sources(file("b"))), [["lib/ike/b.ts", "lib/ike/c.ts"]]);
  const all = ["lib/ike/a.ts", "lib/ike/b.ts", "lib/ike/c.ts"];
  assert.deepEqual(circlesOf(sources(file("a"))), [all]);
});
