import assert from "node:assert/strict";
import { Command } from "commander";
import { LocalTest } from "@/api/local.ts";
import { addShellCommands } from "@/cli/shell_commands.ts";
import { completeLine } from "@/cli/shell_completion.ts";
import { FakeRun } from "../../api/fake_view.ts";

const OFFERS: readonly (readonly [line: string, offers: readonly string[], word: string])[] = [
  ["su", ["summary "], "su"],
  ["  dump", ["dump ", "dumpchild "], "dump"],
  ["rekey", ["rekeychild ", "rekeyike "], "rekey"],
  ["nothing ", [], ""],
  ["dump ", ["FEDCBA9876543210", "0000000000000002", "0000000000000003"], ""],
  ["dump fed", ["FEDCBA9876543210"], "fed"],
  ["listchild 2", ["0000000000000002"], "2"],
  ["listchild 0000", ["0000000000000002", "0000000000000003"], "0000"],
  ["rekeyike FED", ["FEDCBA9876543210"], "FED"],
  ["dump FE FE", [], "FE"],
  ["dumpchild c", ["C0FFEE01"], "c"],
  ["rekeychild 1", ["00000102"], "1"],
  ["summary ", [], ""],
  ["list --l", ["--len "], "--l"],
  ["list --j", ["--json "], "--j"],
  ["log -l n", ["no"], "n"],
  ["help pool", ["pool "], "pool"],
];

for (const [line, offers, word] of OFFERS) {
  Deno.test(`Tab behind <${line}>`, async () => {
    const tree = new Command().configureHelp({ showGlobalOptions: true })
      .helpOption(false).option("-j, --json", "");
    addShellCommands(tree, "", () => Promise.resolve());
    const test = new LocalTest(new FakeRun(), "auto");
    assert.deepEqual(await completeLine(line, tree, test), [[...offers], word]);
  });
}
