import assert from "node:assert/strict";
import { EapUsers } from "@/eap/users.ts";

Deno.test("a user is found by name, by template, or as everybody else", () => {
  const users = new EapUsers([
    { identity: "bob&d@lab", password: "pw&d" },
    { identity: "bob7@lab", password: "own" },
    { identity: "&d" },
  ]);
  assert.equal(users.find("bob7@lab")?.password, "own");
  assert.deepEqual(users.find("bob012@lab"), { identity: "bob012@lab", password: "pw012" });
  assert.equal(users.find("bob@lab"), undefined);
  assert.equal(users.find("bobx1@lab"), undefined);
  assert.equal(users.find("bob12345678901@lab"), undefined);
  assert.equal(users.find("42")?.identity, "42");
  const all = new EapUsers([{ identity: "*", password: "x" }, { identity: "bob", password: "y" }]);
  assert.equal(all.find("bob")?.password, "y");
  assert.deepEqual(all.find("eve"), { identity: "eve", password: "x" });
});

Deno.test("a template whose ends overlap in a short name does not match", () => {
  assert.equal(new EapUsers([{ identity: "aa&daa" }]).find("aaa"), undefined);
});
