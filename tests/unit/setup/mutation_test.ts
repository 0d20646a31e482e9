/**
 * Thousands of setup files with random damage. Each file is accepted, or refused with an error that has a
 * position in the file. The compact form of an accepted file must give the same setup.
 */
import assert from "node:assert/strict";
import { SeededRandom } from "@/base/random.ts";
import { readSetup, SetupErrors } from "@/setup/read.ts";
import { namesOf, ROOT, type Section } from "@/setup/schema.ts";
import { compactSetup, defaultSetup } from "@/setup/write.ts";

const FOLDER = new URL("../../setups/", import.meta.url);
const FILES = [...Deno.readDirSync(FOLDER)].map(({ name }) => name).sort()
  .map((name) => Deno.readTextFileSync(new URL(name, FOLDER)));
const NAMES = [...new Set(namesBelow(ROOT))];

/** The names of all options and sections in a section and below it. */
function namesBelow(s: Section): string[] {
  const inner = [...Object.values(s.sections), ...Object.values(s.lists)];
  return [...namesOf(s), ...inner.flatMap(namesBelow)];
}

/** Values that programs for YAML or setups easily misread. */
const VALUES = [
  ..."~|null|\"\"|''|yes|0|-1|1e9|0x10|99999999999999999999|10s|-5s|1h1h|.5s|&a|*a|!t x|!!str 1|@|`|%|[|]|{|}|[[]]|{a: b}|[null]|- a|'|\"|a: b|::|::1|10.0.0.1/33|::/0|255.255.255.255/32|constructor|__proto__|aes-cbc|null, 3des|65536|#|? x|<<|\u00e9|\u{1f600}|x # y|> |\\"
    .split("|"),
  "|",
  "a".repeat(3_000),
];

/** A text with one random change. */
function mutate(text: string, random: SeededRandom): string {
  const lines = text.split("\n");
  const at = random.below(lines.length);
  const line = lines[at]!;
  const value = () => random.pick(VALUES);
  const replaceLine = (...newLines: string[]) =>
    [...lines.slice(0, at), ...newLines, ...lines.slice(at + 1)].join("\n");
  switch (random.below(9)) {
    case 0: { // A value is replaced.
      return replaceLine(line.replace(/:.*/, `: ${value()}`));
    }
    case 1: // A line is removed.
      return replaceLine();
    case 2: // A line is repeated.
      return replaceLine(line, line);
    case 3: // A line gets another indentation.
      return replaceLine(" ".repeat(random.below(9)) + line.trimStart());
    case 4: // An option is added, perhaps in the wrong section.
      return replaceLine(line, `${/^ */.exec(line)![0]}${random.pick(NAMES)}: ${value()}`);
    case 5: { // A character is replaced.
      const i = random.below(text.length);
      return text.slice(0, i) + random.pick([..."\t\n:#-&*![]{}'\"|>%@` ax0\0\r\x7f\ufeff"]) +
        text.slice(i + 1);
    }
    case 6: // The end of the text is cut off.
      return text.slice(0, random.below(text.length));
    case 7: // The text continues in the middle of another file.
      return text.slice(0, random.below(text.length)) + random.pick(FILES).slice(random.below(200));
    default: // The name of an option is mistyped.
      return replaceLine(line.replace(/\w(?=\w*:)/, random.pick(["", "x", "xx", "-", " "])));
  }
}

/**
 * Whether the file is accepted. Asserts that it is otherwise refused with readable errors that have a
 * position in the file.
 */
function isAccepted(text: string, lenient: boolean): boolean {
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

Deno.test("each of 2,500 damaged files is accepted, or refused with an error that has a position", () => {
  let accepted = 0;
  let lenient = 0;
  for (let seed = 1; seed <= 2_500; seed++) {
    const random = new SeededRandom(seed);
    let text = random.chance(0.1) ? defaultSetup() : random.pick(FILES);
    const damages = 1 + random.below(4);
    for (let i = 0; i < damages && text !== ""; i++) text = mutate(text, random);
    try {
      if (isAccepted(text, false)) accepted++;
      else if (isAccepted(text, true)) lenient++;
    } catch (e) {
      throw new Error(`seed ${seed}: ${JSON.stringify(text)}`, { cause: e });
    }
  }
  // Many files were accepted, and many were refused.
  assert.ok(accepted > 250 && accepted < 2_000, `${accepted} accepted`);
  assert.ok(lenient > 50, `${lenient} accepted with --lenient`);
});

Deno.test("the checks of several options together fail for no damaged file with another kind of error", () => {
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

Deno.test("files that are made to exhaust a reader are refused with errors", () => {
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
      assert.fail(`the file ${name} was accepted`);
    } catch (e) {
      assert.ok(e instanceof SetupErrors, `${name}: ${e instanceof Error ? e.stack : e}`);
    }
  }
});
