/**
 * Declares the command `createpki` with its options and examples.
 * @module
 */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { CreatePkiOptions } from "@/cli/createpki.ts";
import { wholeNumber } from "@/cli/options.ts";
import { KEY_TYPES, type KeyType, parseKeyType } from "@/pki/templates.ts";

const COUNT_MAX = 1_000_000;
const LEVELS_MAX = 16;

/** Adds `createpki` to the program. */
export function addCreatePki(program: Command, exit: (status: number) => void): void {
  program.command("createpki")
    .description("make certificate authorities and end-entity certificates, with their keys")
    .option("-c, --count <n>", "number of end-entity certificates", wholeNumber(0, COUNT_MAX), 1)
    .option("--cadir <dir>", "directory of the authorities (rootca, sub-lv-N_myikev2)", ".")
    .option("--eedir <dir>", "directory of the end entities (ee-N_myikev2)", ".")
    .option(
      "--lookupdir <dir>",
      "directory of what peers look up by hash and URL (certlookupdir): of each end entity ee-N_myikev2.cer, " +
        "its certificate in DER, and ee-N_myikev2.bundle with the authorities below the root",
    )
    .option(
      "-l, --calvl <n>",
      "authorities below the root, each signed by the one above; 0: the root signs end entities",
      wholeNumber(0, LEVELS_MAX),
      1,
    )
    .addOption(keyOption("--cakeytype <type>", `keys of authorities: ${KEY_TYPES}`, 4096))
    .addOption(keyOption("--eekeytype <type>", "keys of end entities, of the same types", 2048))
    .option("--caprefix <text>", "prefix of the common names of authorities", "")
    .option(
      "--eeprefix <text>",
      "prefix of the common names of end entities; with &d the whole name, &d being the index",
      "",
    )
    .addHelpText(
      "after",
      `
Examples:
  myikev2 createpki --cadir ca --eedir ee
  myikev2 createpki -c 1000 --cadir ca --eedir ee --cakeytype ecdsa:p-256 --eekeytype ecdsa:p-256
  myikev2 createpki -c 10 -l 0 --eekeytype ed25519 --eeprefix 'client&d.example.org'

A client that sends bundles (certurlbundle) names the authorities of its cadir that are in them:
rename sub-lv-N_myikev2.cert to sub-lv-N_myikev2.cert.certp, and set sendingmarkedca.

Nothing is written over: a file that is there already is an error. Keys are PKCS#8, not encrypted,
and for their owner alone (0600).`,
    )
    .action(async (options: CreatePkiOptions) => {
      const { createPki } = await import("@/cli/createpki.ts");
      exit(await createPki(options));
    });
}

function keyType(value: string): KeyType {
  const type = parseKeyType(value);
  if (type) return type;
  throw new InvalidArgumentError(`Expected one of ${KEY_TYPES}.`);
}

/** An option for a type of key; its default is RSA of so many bits, which help shows as it is typed. */
function keyOption(flags: string, description: string, rsaBits: number): Option {
  const type: KeyType = { kind: "rsa", rsaBits };
  return new Option(flags, description).argParser(keyType).default(type, `rsa:${rsaBits}`);
}
