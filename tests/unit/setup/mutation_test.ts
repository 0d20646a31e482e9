/**
 * Thousands of damaged setup files: each loads, or is refused in words at a place in the file; what
 * loads can be compacted to the same setup.
 */
import assert from "node:assert/strict";
import { SeededRandom } from "@/base/random.ts";
import { readSetup, SetupErrors } from "@/setup/read.ts";
import { namesOf, ROOT, type Section } from "@/setup/schema.ts";
import { compactSetup, defaultSetup } from "@/setup/write.ts";

const FOLDER = new URL("../../setups/", import.meta.url);
const FILES = [...Deno.readDirSync(FOLDER)].map(({ name }) => name).sort()
  .map((name) => Deno.readTextFileSync(new URL(name, FOLDER)));
const NAMES = [...new Set(namesDeep(ROOT))];

function namesDeep(s: Section): string[] {
  const inner = [...Object.values(s.sections), ...Object.values(s.lists)];
  return [...namesOf(s), ...inner.flatMap(namesDeep)];
}

/** Values that programs often read wrongly. */
const VALUES = [
  ..."~|null|\"\"|''|yes|0|-1|1e9|0x10|99999999999999999999|10s|-5s|1h1h|.5s|&a|*a|!t x|!!str 1|@|`|%|[|]|{|}|[[]]|{a: b}|[null]|- a|'|\"|a: b|::|::1|10.0.0.1/33|::/0|255.255.255.255/32|constructor|__proto__|aes-cbc|null, 3des|65536|#|? x|<<|\u00e9|\u{1f600}|x # y|> |\\"
    .split("|"),
  "|",
  "a".repeat(3_000),
];

/** One small damage. */
function mutate(text: string, random: SeededRandom): string {
  const lines = text.split("\n");
  const at = random.below(lines.length);
  const line = lines[at]!;
  const value = () => random.pick(VALUES);
  const replaceLine = (...by: string[]) =>
    [...lines.slice(0, at), ...by, ...lines.slice(at + 1)].join("\n");
  switch (random.below(9)) {
    case 0: { // A value becomes another.
      return replaceLine(line.replace(/:.*/, `: ${value()}`));
    }
    case 1: // A line is lost.
      return replaceLine();
    case 2: // A line stands twice.
      return replaceLine(line, line);
    case 3: // A line moves to another depth.
      return replaceLine(" ".repeat(random.below(9)) + line.trimStart());
    case 4: // An option stands where it may not belong.
      return replaceLine(line, `${/^ */.exec(line)![0]}${random.pick(NAMES)}: ${value()}`);
    case 5: { // A character becomes another.
      const i = random.below(text.length);
      return text.slice(0, i) + random.pick([..."\t\n:#-&*![]{}'\"|>%@` ax0\0\r\x7f\ufeff"]) +
        text.slice(i + 1);
    }
    case 6: // The end is missing.
      return text.slice(0, random.below(text.length));
    case 7: // Two files run into each other.
      return text.slice(0, random.below(text.length)) + random.pick(FILES).slice(random.below(200));
    default: // A key is mistyped.
      return replaceLine(line.replace(/\w(?=\w*:)/, random.pick(["", "x", "xx", "-", " "])));
  }
}

/** Whether the file loads. Any error that is not about a line of the file is a fault of the program. */
function tried(text: string, lenient: boolean): boolean {
  let read;
  try {
    read = readSetup(text, "f", { lenient, unchecked: true });
  } catch (e) {
    assert.ok(e instanceof SetupErrors, e instanceof Error ? e.stack ?? e.message : String(e));
    assert.ok(e.errors.length > 0 && e.errors.length <= 101);
    const lines = text.split("\n").length;
    for (const { message, position } of e.errors) {
      assert.doesNotMatch(message, /undefined|\[object|NaN|Invariant/, message);
      // deno-lint-ignore no-control-regex -- that is what must not be there.
      assert.doesNotMatch(message, /[\x00-\x1f\x7f-\x9f]/, message);
      assert.ok(message.length < 600, message);
      if (!position) continue;
      assert.ok(position.line >= 1 && position.line <= lines, `${message} of ${lines} lines`);
      assert.ok(position.column >= 1 && position.column <= text.length + 1, message);
    }
    return false;
  }
  const compact = compactSetup(text, "f", lenient);
  assert.deepEqual(readSetup(compact, "f", { unchecked: true }).setup, read.setup);
  return true;
}

Deno.test("2,500 damaged files load or are refused with an error", () => {
  let loaded = 0;
  let lenient = 0;
  for (let seed = 1; seed <= 2_500; seed++) {
    const random = new SeededRandom(seed);
    let text = random.chance(0.1) ? defaultSetup() : random.pick(FILES);
    const damages = 1 + random.below(4);
    for (let i = 0; i < damages && text !== ""; i++) text = mutate(text, random);
    try {
      if (tried(text, false)) loaded++;
      else if (tried(text, true)) lenient++;
    } catch (e) {
      throw new Error(`seed ${seed}: ${JSON.stringify(text)}`, { cause: e });
    }
  }
  // Both outcomes occur often.
  assert.ok(loaded > 250 && loaded < 2_000, `${loaded} load`);
  assert.ok(lenient > 50, `${lenient} load leniently`);
});

Deno.test("the checks between options also work for damaged files", () => {
  for (let seed = 1; seed <= 1_500; seed++) {
    const random = new SeededRandom(seed);
    const text = mutate(mutate(random.pick(FILES), random), random);
    try {
      readSetup(text, "f");
    } catch (e) {
      assert.ok(e instanceof SetupErrors, `seed ${seed}: ${e instanceof Error ? e.stack : e}`);
    }
  }
});

Deno.test("hostile files of any content are refused quickly", () => {
  const files: Record<string, string> = {
    brackets: "[".repeat(100_000),
    braces: "{a: ".repeat(50_000),
    keys: Array.from({ length: 40_000 }, (_, i) => `k${i}: v`).join("\n"),
    questions: "? ".repeat(50_000),
    anchors: `a: ${"&a ".repeat(30_000)}`,
    documents: "---\n".repeat(50_000),
    quotes: `a: "${"\\n".repeat(100_000)}`,
    closing: "]".repeat(20_000),
    selectors: `ikeconf: {childlist: [{ownts: [${"{},".repeat(20_000)}]}]}`,
    steps: Array.from({ length: 1_000 }, (_, i) => `${" ".repeat(i)}a:`).join("\n"),
    long: `desc: ${"x".repeat(400_000)}`,
  };
  for (const [name, text] of Object.entries(files)) {
    try {
      readSetup(text, "f");
      assert.fail(`${name} loads`);
    } catch (e) {
      assert.ok(e instanceof SetupErrors, `${name}: ${e instanceof Error ? e.stack : e}`);
    }
  }
});
