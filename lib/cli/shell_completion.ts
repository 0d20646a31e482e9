/**
 * What Tab offers in the shell: commands, options, and the SPIs of the test that is asked.
 * @module
 */
import type { Command } from "commander";
import type { TestConnection } from "@/api/connection.ts";
import { showSpi32, showSpi64 } from "@/base/bytes.ts";
import { ikeSas } from "@/cli/shell_answers.ts";
import { OF_CHILD_SA, OF_IKE_SA } from "@/cli/shell_commands.ts";

/** Offers at most. */
const OFFERS_MAX = 500;
/** IKE SAs whose CHILD_SAs are looked at: each is a call. */
const PARENTS_MAX = 50;

/** What may stand in place of the last word of `line`, and that word: as `node:readline` wants it. */
export async function completeLine(
  line: string,
  tree: Command,
  test: TestConnection,
): Promise<[offers: string[], word: string]> {
  const words = line.trimStart().split(/\s+/);
  const word = words.pop()!;
  return [await offersFor(words, word, tree, test), word];
}

async function offersFor(
  before: readonly string[],
  word: string,
  tree: Command,
  test: TestConnection,
): Promise<string[]> {
  const [name] = before.filter((w) => !w.startsWith("-"));
  if (name === undefined || (name === "help" && before.length === 1)) {
    const names = tree.commands.map((command) => command.name());
    return starting([...names, "help"].sort(), word).map((offer) => `${offer} `);
  }
  const command = tree.commands.find((c) => c.name() === name);
  if (!command) return [];
  if (word.startsWith("-")) {
    const options = [...command.options, ...tree.options].map((option) => option.long!);
    return starting([...options, "--help"], word).map((offer) => `${offer} `);
  }
  if (before.at(-1) === "-l" || before.at(-1) === "--level") {
    return starting(["1", "2", "3", "4", "5", "no"], word);
  }
  if (before.length > 1) return [];
  if (OF_IKE_SA.includes(name)) return await ikeSpis(word, test);
  if (OF_CHILD_SA.includes(name)) return await childSpis(word, test);
  return [];
}

function starting(offers: readonly string[], word: string): string[] {
  return offers.filter((offer) => offer.startsWith(word));
}

/** Our SPIs that begin with `word`, leading zeros written or not. */
async function ikeSpis(word: string, test: TestConnection): Promise<string[]> {
  const offers: string[] = [];
  for await (const page of ikeSas(test)) {
    for (const { OwnSPI } of page) {
      const spi = showSpi64(BigInt(OwnSPI as string));
      if (begins(spi, word)) offers.push(spi);
      if (offers.length >= OFFERS_MAX) return offers;
    }
    // Of many tunnels the first that fit do: nobody reads ten thousand.
    if (offers.length > 0) return offers;
  }
  return offers;
}

async function childSpis(word: string, test: TestConnection): Promise<string[]> {
  const { SummaryList } = await test.call("ListIKESA", { Start: 0, Len: PARENTS_MAX });
  const lists = await Promise.all(
    (SummaryList as { OwnSPI: string }[]).map(({ OwnSPI }) =>
      // One that has gone meanwhile has none.
      test.call("ListCHILDSA", { IKEOwnSPI: OwnSPI }).catch(() => ({ OwnSPIList: [] }))
    ),
  );
  return lists.flatMap(({ OwnSPIList }) => (OwnSPIList as number[]).map(showSpi32))
    .filter((spi) => begins(spi, word)).slice(0, OFFERS_MAX);
}

function begins(spi: string, word: string): boolean {
  const typed = word.toUpperCase().replace(/^0X/, "");
  return spi.startsWith(typed) || spi.replace(/^0+/, "").startsWith(typed);
}
