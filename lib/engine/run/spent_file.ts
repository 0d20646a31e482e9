/**
 * The tickets by which nothing is resumed any more, in a file beside `secretsfile`, so that a gateway refuses
 * them after a restart too (RFC 5723 §4.3.1). Each line has the identifier of a ticket in hex digits, and when it
 * expires in milliseconds since 1970.
 * @module
 */
import { SetupError, SystemError } from "@/base/errors.ts";
import { LineFile, readLines } from "@/files/line_file.ts";
import { SPENT_TICKETS_MAX, type SpentTickets } from "@/ike/records/resumption.ts";
import type { Setup } from "@/setup/setup.ts";

/** Octets of a line: two digits for each octet of an identifier of 16, a time, and two separators. */
const LINE_OCTETS = 48;
/** The longest file, in octets: twice the tickets that are remembered. */
const FILE_OCTETS_MAX = 2 * SPENT_TICKETS_MAX * LINE_OCTETS;
const LINE = /^((?:[0-9a-f]{4}){1,16}) (\d{1,15})$/;

/** Spent tickets that are kept in a file. */
export interface KeptSpentTickets extends SpentTickets {
  close(): void;
}

/**
 * Opens the file of a gateway's setup; undefined: its tickets do not outlive a restart anyway. `note` is called
 * if the file cannot be written later.
 * @throws {SetupError} if the file cannot be read or written.
 */
export function openSpent(
  { role, ikeconf: { secretsfile, resume } }: Setup,
  note: (words: string) => void,
): KeptSpentTickets | undefined {
  if (role !== "gateway" || secretsfile === "" || resume === "never") return undefined;
  const path = `${secretsfile}.spent`;
  try {
    const untilMs = new Map<string, number>();
    for (const line of readLines(path, FILE_OCTETS_MAX)) {
      const [, digits, until] = LINE.exec(line) ?? [];
      if (digits && Number(until) > Date.now()) untilMs.set(nameOf(digits), Number(until));
    }
    while (untilMs.size > SPENT_TICKETS_MAX) untilMs.delete(untilMs.keys().next().value!);
    const file = new LineFile({
      path,
      octetsMax: FILE_OCTETS_MAX,
      lines: () => untilMs.entries().map(([name, until]) => lineOf(name, until)),
      failed: (why) =>
        note(`Spent tickets are not kept any more, as ${path} cannot be written: ${why}`),
    });
    return {
      untilMs,
      added: (name, until) => file.append(lineOf(name, until)),
      close: () => file.close(),
    };
  } catch (e) {
    if (!(e instanceof SystemError)) throw e;
    throw new SetupError(`ikeconf.secretsfile: Cannot use ${path}: ${e.message}`);
  }
}

function lineOf(name: string, until: number): string {
  const digits = Array.from(
    { length: name.length },
    (_, i) => name.charCodeAt(i).toString(16).padStart(4, "0"),
  );
  return `${digits.join("")} ${Math.ceil(until)}`;
}

function nameOf(digits: string): string {
  return String.fromCharCode(...digits.match(/.{4}/g)!.map((four) => parseInt(four, 16)));
}
