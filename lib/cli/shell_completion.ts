/**
 * Completes lines of the shell: commands, options, and the SPIs of the running test.
 * @module
 */
import type { Command } from "commander";
import type { TestConnection } from "@/api/connection.ts";
import { showSpi32, showSpi64 } from "@/base/bytes.ts";
import { type Offer, offersAt } from "@/cli/completion.ts";
import { endpoint, ikeSas } from "@/cli/shell_answers.ts";
import { OF_CHILD_SA, OF_IKE_SA } from "@/cli/shell_commands.ts";
import { showMessage } from "@/cli/shell_fields.ts";
import { withTwoDashes } from "@/cli/shell_words.ts";

/** The most completions that are offered. */
const OFFERS_MAX = 500;
/** The most IKE SAs whose CHILD_SAs are looked up, as each takes a call. */
const PARENTS_MAX = 50;

/** The completions of the last word of `line`, and that word, as `node:readline` expects them. */
export async function completeLine(
  line: string,
  tree: Command,
  test: TestConnection,
): Promise<[offers: string[], word: string]> {
  const words = line.trimStart().split(/\s+/);
  const { offers } = await offersAt(
    tree,
    withTwoDashes(words),
    async (name, { command }, word) =>
      name === "spi" ? await spisFor(command.name(), word, test) : [],
  );
  // No space follows a value, as an SPI may be the beginning of a longer one.
  const texts = offers.map(({ value, kind }) => kind === "value" ? value : `${value} `);
  return [texts, words.at(-1)!];
}

/** The SPIs that a command takes and that begin with `word`, with or without their leading zeros. */
export async function spisFor(
  command: string,
  word: string,
  test: TestConnection,
): Promise<Offer[]> {
  if (OF_IKE_SA.includes(command)) return await ikeSpis(word, test);
  if (OF_CHILD_SA.includes(command)) return await childSpis(word, test);
  return [];
}

async function ikeSpis(word: string, test: TestConnection): Promise<Offer[]> {
  for await (const page of ikeSas(test)) {
    const offers = fitting(
      word,
      page.map((message) => {
        const sa = showMessage("ikeLine", message);
        return { value: String(sa.OwnSPI), does: `${endpoint(sa)} ${sa.State}`, kind: "value" };
      }),
    );
    // Among many tunnels the first that fit are enough.
    if (offers.length > 0) return offers;
  }
  return [];
}

async function childSpis(word: string, test: TestConnection): Promise<Offer[]> {
  const { SummaryList } = await test.call("ListIKESA", { Start: 0, Len: PARENTS_MAX });
  const parents = SummaryList.map(({ OwnSPI }) => OwnSPI);
  const lists = await Promise.all(parents.map(async (OwnSPI): Promise<Offer[]> => {
    // An SA that has gone in the meantime has no CHILD_SAs.
    const { OwnSPIList } = await test.call("ListCHILDSA", { IKEOwnSPI: OwnSPI })
      .catch(() => ({ OwnSPIList: [] }));
    const does = `of ${showSpi64(BigInt(OwnSPI))}`;
    return (OwnSPIList as number[]).map((spi) => ({ value: showSpi32(spi), does, kind: "value" }));
  }));
  return fitting(word, lists.flat());
}

/** The SPIs that begin with `word`; if there are none, those that do so without their leading zeros. */
function fitting(word: string, spis: readonly Offer[]): Offer[] {
  const typed = word.toUpperCase().replace(/^0X/, "");
  const whole = spis.filter(({ value }) => value.startsWith(typed));
  const bare = () => spis.filter(({ value }) => value.replace(/^0+/, "").startsWith(typed));
  return (whole.length > 0 ? whole : bare()).slice(0, OFFERS_MAX);
}
