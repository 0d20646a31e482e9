import assert from "node:assert/strict";
import { apiDocument } from "../../../scripts/api_docs.ts";

const ROOT = `${import.meta.dirname}/../../..`;

Deno.test("docs/api.md is what the comments of the proto files say", async () => {
  const written = await Deno.readTextFile(`${ROOT}/docs/api.md`);
  assert.equal(written, await apiDocument(ROOT), "run: deno run -A scripts/api_docs.ts");
});

Deno.test("docs/api.md tells every message and call of the proto files", async () => {
  const document = await apiDocument(ROOT);
  for (const path of ["myikev2/api/api.proto", "myikev2/daemonapi/daemonapi.proto"]) {
    const proto = await Deno.readTextFile(`${ROOT}/proto/${path}`);
    for (const [, name] of proto.matchAll(/^ *(?:message|service) (\w+)/gm)) {
      assert.match(document, new RegExp(`^### (\\w+\\.)?${name}$`, "m"), name!);
    }
    for (const [, name, number] of proto.matchAll(/ (\w+) = (\d+);/g)) {
      assert.match(document, new RegExp(`^\\| \`${name}\` \\| ${number} \\|`, "m"), name!);
    }
    for (const [, name] of proto.matchAll(/rpc (\w+)/g)) {
      assert.match(document, new RegExp(`^\\| \`${name}\` \\|`, "m"), name!);
    }
  }
});
