/**
 * What Tab offers in the shell: commands, options, and the SPIs of the test that is asked.
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
  const { offers } = await offersAt(
    tree,
    withTwoDashes(words),
    async (name, { command }, word) =>
      name === "spi" ? await spisFor(command.name(), word, test) : [],
  );
  // Values may be typed further: an SPI of which others are the beginning.
  const texts = offers.map(({ value, kind }) => kind === "value" ? value : `${value} `);
  return [texts, words.at(-1)!];
}

/** Our SPIs that the command of this name takes and that begin with `word`, leading zeros written or not. */
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
    // Of many tunnels the first that fit do: nobody reads ten thousand.
    if (offers.length > 0) return offers;
  }
  return [];
}

async function childSpis(word: string, test: TestConnection): Promise<Offer[]> {
  const { SummaryList } = await test.call("ListIKESA", { Start: 0, Len: PARENTS_MAX });
  const parents = (SummaryList as { OwnSPI: string }[]).map(({ OwnSPI }) => OwnSPI);
  const lists = await Promise.all(parents.map(async (OwnSPI): Promise<Offer[]> => {
    // One that has gone meanwhile has none.
    const { OwnSPIList } = await test.call("ListCHILDSA", { IKEOwnSPI: OwnSPI })
      .catch(() => ({ OwnSPIList: [] }));
    const does = `of ${showSpi64(BigInt(OwnSPI))}`;
    return (OwnSPIList as number[]).map((spi) => ({ value: showSpi32(spi), does, kind: "value" }));
  }));
  return fitting(word, lists.flat());
}

/** Those that begin with `word`; where none does, those that do without their leading zeros. */
function fitting(word: string, spis: readonly Offer[]): Offer[] {
  const typed = word.toUpperCase().replace(/^0X/, "");
  const whole = spis.filter(({ value }) => value.startsWith(typed));
  const bare = () => spis.filter(({ value }) => value.replace(/^0+/, "").startsWith(typed));
  return (whole.length > 0 ? whole : bare()).slice(0, OFFERS_MAX);
}
