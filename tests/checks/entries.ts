/**
 * The rules of RFC 7296 on received data, each with the test that checks our core: a rule in a test file of
 * this directory becomes a test, and a line of `docs/checks.md`.
 * @module
 */

/** The role of our core in the IKE SA. */
export type Role = "initiator" | "responder";

/** A line of `docs/checks.md`. */
export interface Entry {
  /** A section such as `§2.2`, or of another RFC: `RFC 7383 §2.6`. */
  readonly section: string;
  /** The rule in our own words, in one sentence. */
  readonly rule: string;
  /** The file of the test, relative to the project; for a rule without a test, the file that says so. */
  readonly file: string;
  /** Names of tests; empty if the rule deliberately has none. */
  readonly tests: readonly string[];
  /** Why there is no test of it. */
  readonly reason?: string;
}

const ENTRIES: Entry[] = [];

/** The rules of all test files that were imported. */
export function entries(): readonly Entry[] {
  return ENTRIES;
}

/** The functions by which a test file declares rules. */
export interface Checks {
  /** Declares a rule and its test, which fails if our core does not follow the rule. */
  check(section: string, rule: string, test: () => void): void;
  /** Declares a rule that both ends of an IKE SA must follow, with a test for each. */
  both(section: string, rule: string, test: (role: Role) => void): void;
  /** Declares a rule that another test checks; `name` must be contained in the name of that test. */
  proved(section: string, rule: string, by: { readonly file: string; readonly name: string }): void;
  /** Declares a rule without a test, and the reason. */
  absent(section: string, rule: string, reason: string): void;
}

/** The functions for the file at `url`, which is its `import.meta.url`. */
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
