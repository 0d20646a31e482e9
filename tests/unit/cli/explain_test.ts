import assert from "node:assert/strict";
import { CAUSE_EXPLANATIONS } from "@/cli/explain_causes.ts";
import { NOTIFY_EXPLANATIONS } from "@/cli/explain_notifies.ts";
import { adviceOf, explain, explainedNames, explanationLines } from "@/cli/explain.ts";
import { answerTab } from "@/cli/completion_command.ts";
import { build, main } from "@/cli/program.ts";
import { NotifyType } from "@/iana/notify_type.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import { namesOf, ROOT, type Section } from "@/setup/schema.ts";

const LIB = new URL("../../../lib/", import.meta.url).pathname;

/** The texts of all TypeScript files in a folder and below. */
async function* sources(folder: string): AsyncIterableIterator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* sources(`${folder}${name}/`);
    else if (name.endsWith(".ts")) yield await Deno.readTextFile(folder + name);
  }
}

/** The names of causes of failures in the code: capitals in quotes that are assigned to a cause. */
async function causesInCode(): Promise<Set<string>> {
  const found = new Set<string>();
  for await (const text of sources(LIB)) {
    const assignments =
      /\b(?:cause|own)\b[^\n;"]*?[:=?][^\n;"]*?"([A-Z][A-Z_]{2,})"(?: : "([A-Z_]{3,})")?/g;
    for (const [, one, other] of text.matchAll(assignments)) {
      for (const name of [one, other]) if (name) found.add(name);
    }
  }
  return found;
}

Deno.test("every cause that the code names has an explanation", async () => {
  const causes = await causesInCode();
  const explained = { ...CAUSE_EXPLANATIONS, ...NOTIFY_EXPLANATIONS };
  for (const present of ["UNREACHABLE", "NOT_SENT", "HALF_OPEN_TIMEOUT", "HARD_EXPIRY"]) {
    assert.ok(causes.has(present), `${present} is not found in the code`);
  }
  const missing = [...causes, ...Object.keys(CloseCode)].filter((name) => !(name in explained));
  assert.deepEqual(missing, []);
});

Deno.test("every notify of the IANA registry is explained, by its name and by its number", () => {
  for (const [name, number] of Object.entries(NotifyType)) {
    const lines = explanationLines(name);
    assert.ok(lines.some((line) => line.startsWith(`${name} (notify ${number}, `)), name);
    assert.ok(explanationLines(String(number)).join().includes(name), `${number}`);
  }
});

/** A section of the setup schema, and all sections below it. */
function sections(section: Section): Section[] {
  const inner = [...Object.values(section.sections), ...Object.values(section.lists)];
  return [section, ...inner.flatMap(sections)];
}

const OPTIONS = sections(ROOT).flatMap(({ options }) => Object.keys(options));

Deno.test("every option of a setup file has an explanation, with its default", () => {
  assert.ok(OPTIONS.length > 100);
  for (const name of OPTIONS) {
    assert.match(
      explanationLines(name).join("\n"),
      /\(option.*\)\n {2}.+\n {2}Expects: .+ Default: /,
    );
  }
});

Deno.test("every explanation names a source, and only options that exist", () => {
  const known = new Set([...OPTIONS, ...sections(ROOT).flatMap(namesOf)]);
  const entries = Object.entries({ ...CAUSE_EXPLANATIONS, ...NOTIFY_EXPLANATIONS });
  for (const [name, [means, source, lookAt]] of entries) {
    assert.match(source, /RFC \d{3,4}|docs\/|README|IANA|3GPP|draft-ietf-|sendto/, name);
    assert.match(means, /\.$/, name);
    assert.match(lookAt, /\.$/, name);
    for (const [, quoted] of `${means} ${lookAt}`.matchAll(/`([a-z]+)(?:[:`])/g)) {
      const isOtherName = /^(?:enabled|setup)$/.test(quoted!) ||
        entries.some(([n]) => n === quoted);
      assert.ok(known.has(quoted!) || isOtherName, `${name} names ${quoted}, which is no option`);
    }
  }
});

Deno.test("an unknown name is refused, and similar names are suggested", async () => {
  assert.throws(() => explain("no_such_thing"), /Cannot explain no_such_thing: no cause/);
  assert.throws(() => explain("NOANSWER"), /similar names are NO_ANSWER/);
  const { error } = console;
  console.error = () => {};
  try {
    assert.equal(await main(["explain", "no_such_thing"]), 2);
  } finally {
    console.error = error;
  }
});

Deno.test("the names of explanations can be completed", async () => {
  const { log } = console;
  const printed: string[] = [];
  console.log = (text: string) => void printed.push(text);
  try {
    await answerTab(build(() => {}), ["--", "explain", "TS_UNA"]);
  } finally {
    console.log = log;
  }
  assert.match(printed.join("\n"), /^TS_UNACCEPTABLE/m);
  assert.ok(explainedNames().includes("EAP: malformed"));
});

Deno.test("a report has the advice on each cause, and none on a word of a peer", () => {
  assert.match(adviceOf("NO_ANSWER")!, /`retraninterval`/);
  assert.match(adviceOf("NO_PROPOSAL_CHOSEN")!, /\w/);
  for (const name of ["constructor", "__proto__", "no_answer", "<b>"]) {
    assert.equal(adviceOf(name), undefined);
  }
});
