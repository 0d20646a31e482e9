/**
 * Loaded before the tests of this directory: none of them may take longer than
 * {@linkcode TEST_LIMIT_S}. One that hangs would otherwise end the run of all that come after it.
 * @module
 */

/** Seconds; the longest takes about one minute where the machine has nothing else to do. */
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

// Tests here use no other form.
Object.defineProperty(Deno, "test", { value: limited });
