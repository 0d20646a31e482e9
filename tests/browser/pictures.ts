/**
 * Takes the pictures of docs/pictures anew: of the report and the live page of a run of 2,000 tunnels, and of
 * the page of a daemon. The tests that take them also check what is on them.
 *
 * Run as root, with what these tests need: deno task pictures
 * @module
 */
const root = new URL("../../", import.meta.url).pathname;
const pictures = `${root}docs/pictures`;
/** A picture in a document should not take longer to load than its text. */
const OCTETS_MAX = 100_000;

async function run(...words: readonly string[]): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [...words],
    cwd: root,
    env: { REPORT_PICTURES: pictures },
  }).spawn().status;
  if (!success) Deno.exit(1);
}

await Deno.mkdir(pictures, { recursive: true });
const options = ["--tunnels", "2000", "--pictures", pictures];
await run("test", "-A", "--no-check", "tests/browser/demonstration_test.ts", "--", ...options);
await run("task", "test:daemon", "--only", "check_page");
for (const { name } of Deno.readDirSync(pictures)) {
  const { size } = await Deno.stat(`${pictures}/${name}`);
  if (size > OCTETS_MAX) throw new Error(`${name} has ${size} octets, more than ${OCTETS_MAX}`);
}
