/**
 * Policies and routes with several owners: the value of the latest owner is in force, and without owners it
 * is removed.
 */
import assert from "node:assert/strict";
import { Owned } from "@/datapath/owned.ts";

interface Thing {
  readonly name: string;
  readonly shape: string;
}

function owned(): Owned<Thing> {
  return new Owned<Thing>(({ name }) => name, ({ shape }) => shape);
}

const thing = (name: string, shape = "plain"): Thing => ({ name, shape });

Deno.test("the first claim puts it, an equal one puts nothing, another shape puts it anew", () => {
  const book = owned();
  assert.equal(book.claim(1, thing("a")), true);
  assert.equal(book.claim(2, thing("a")), false);
  assert.equal(book.claim(3, thing("a", "bent")), true);
  assert.deepEqual(book.all(), [thing("a", "bent")]);
});

Deno.test("the last owner takes it away, others put their own shape back", () => {
  const book = owned();
  book.claim(1, thing("a"));
  book.claim(2, thing("a", "bent"));
  assert.deepEqual(book.release(2), { removed: [], restored: [thing("a")] });
  assert.deepEqual(book.release(1), { removed: [thing("a")], restored: [] });
  assert.equal(book.size, 0);
});

Deno.test("an owner under others goes without a trace", () => {
  const book = owned();
  book.claim(1, thing("a"));
  book.claim(2, thing("a", "bent"));
  assert.deepEqual(book.release(1), { removed: [], restored: [] });
  assert.deepEqual(book.all(), [thing("a", "bent")]);
});

Deno.test("an owner lets go of all it claimed, also twice of one thing, and a stranger of nothing", () => {
  const book = owned();
  book.claim(1, thing("a"));
  book.claim(1, thing("a"));
  book.claim(1, thing("b"));
  assert.deepEqual(book.release(9), { removed: [], restored: [] });
  assert.deepEqual(book.release(1).removed.map(({ name }) => name).sort(), ["a", "b"]);
  assert.deepEqual(book.release(1), { removed: [], restored: [] });
});
