/**
 * Is loaded before the tests of this directory, so that none takes longer than {@linkcode TEST_LIMIT_S}.
 * Otherwise one that hangs would end the run of all that follow it.
 * @module
 */

/** Limit in seconds; the longest test takes about one minute on a machine that does nothing else. */
const TEST_LIMIT_S = 300;

const register = Deno.test;

type Test = Deno.TestDefinition["fn"];

function limited(what: string | Deno.TestDefinition, fn?: Test): void {
  const { fn: test, ...about } = typeof what === "string" ? { name: what, fn: fn! } : what;
  const inTime: Test = async (context) => {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => reject(new Error(`not ended after ${TEST_LIMIT_S} s`)),
      TEST_LIMIT_S * 1000,
    );
    try {
      await Promise.race([test(context), late]);
    } finally {
      clearTimeout(timer);
    }
  };
  register({ ...about, fn: inTime });
}

// Tests here use no other form of Deno.test.
Object.defineProperty(Deno, "test", { value: limited });
