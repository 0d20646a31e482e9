/**
 * The rules of RFC 7296 on received data, each with the test that holds our core to it: what a test
 * file of this directory states is a test, and a line of `docs/checks.md`.
 * @module
 */

/** Which end of the IKE SA our core is. */
export type Role = "initiator" | "responder";

/** A line of `docs/checks.md`. */
export interface Entry {
  /** `§2.2`, or of another RFC: `RFC 7383 §2.6`. */
  readonly section: string;
  /** The rule in our own words, as one sentence. */
  readonly rule: string;
  /** The file, from the root of the project, whose test it is; of an absent one, that says so. */
  readonly file: string;
  /** Names of tests; none where the rule is deliberately absent. */
  readonly tests: readonly string[];
  /** Why there is no test of it. */
  readonly reason?: string;
}

const ENTRIES: Entry[] = [];

/** What all test files that were imported state. */
export function entries(): readonly Entry[] {
  return ENTRIES;
}

/** How a test file states rules; they belong to the file. */
export interface Checks {
  /** A rule, and the test that fails when our core does not follow it. */
  check(section: string, rule: string, test: () => void): void;
  /** The same for a rule that both ends of an IKE SA must follow: a test each. */
  both(section: string, rule: string, test: (role: Role) => void): void;
  /** A rule that a test elsewhere proves; `name` must be (part of) its name there. */
  proved(section: string, rule: string, by: { readonly file: string; readonly name: string }): void;
  /** A rule without a test, and why. */
  absent(section: string, rule: string, reason: string): void;
}

/** The way of the file at `url`, which is its `import.meta.url`. */
export function checksOf(url: string): Checks {
  const file = url.slice(url.lastIndexOf("/tests/") + 1);
  const add = (section: string, rule: string, tests: string[], more: Partial<Entry> = {}) => {
    if (ENTRIES.some((e) => e.section === section && e.rule === rule)) {
      throw new TypeError(`Cannot state a rule twice: ${section} ${rule}`);
    }
    ENTRIES.push({ section, rule, file, tests, ...more });
  };
  return {
    check(section, rule, test) {
      const name = `${section} ${rule}`;
      add(section, rule, [name]);
      Deno.test(name, test);
    },
    both(section, rule, test) {
      const roles: readonly Role[] = ["initiator", "responder"];
      const names = roles.map((role) => `${section} ${rule} (our ${role})`);
      add(section, rule, names);
      for (const [i, role] of roles.entries()) Deno.test(names[i]!, () => test(role));
    },
    proved(section, rule, by) {
      add(section, rule, [by.name], { file: by.file });
    },
    absent(section, rule, reason) {
      add(section, rule, [], { reason });
    },
  };
}
