import assert from "node:assert/strict";
import { Command } from "commander";
import type { TestConnection } from "@/api/connection.ts";
import { LocalTest } from "@/api/local.ts";
import { addShellCommands } from "@/cli/shell_commands.ts";
import { completeLine } from "@/cli/shell_completion.ts";
import { FakeRun } from "../../api/fake_view.ts";

/** Each line with the words that complete it, and the part of the line that they replace. */
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
  Deno.test(`the shell completes <${line}> by <${offers.join(" ")}>`, async () => {
    const commands = new Command().configureHelp({ showGlobalOptions: true })
      .helpOption(false).option("-j, --json", "");
    addShellCommands(commands, "", () => Promise.resolve());
    const test = new LocalTest(new FakeRun(), "auto");
    assert.deepEqual(await completeLine(line, commands, test), [[...offers], word]);
  });
}

Deno.test("the leading zeros of an SPI may be left out if no other SPI begins with the typed text", async () => {
  const commands = new Command();
  addShellCommands(commands, "", () => Promise.resolve());
  const entry = (OwnSPI: bigint) => ({
    OwnSPI: String(OwnSPI),
    PeerAddr: Uint8Array.of(192, 0, 2, 1),
    PeerPort: 500,
    State: 3,
    EstabTime: null,
  });
  const SummaryList = [0xb206e7ec7dee75f9n, 0x0b06e7ec7dee75f9n, 0x0c06e7ec7dee75f9n].map(entry);
  const test: TestConnection = {
    place: "nowhere",
    call: () => Promise.resolve({ SummaryList }),
    events: () => assert.fail("this test has no events"),
    finalSummary: () => Promise.resolve(undefined),
    close: () => {},
  };
  assert.deepEqual(await completeLine("dump b", commands, test), [["B206E7EC7DEE75F9"], "b"]);
  assert.deepEqual(await completeLine("dump c", commands, test), [["0C06E7EC7DEE75F9"], "c"]);
});
