/**
 * Configures session resumption (RFC 5723) and quick crash detection (RFC 6290) from a setup, and reads or
 * makes the file that keeps the secrets of a gateway over a restart (`secretsfile`).
 * @module
 */
import { fromHex, toHex } from "@/base/bytes.ts";
import { SetupError, SystemError } from "@/base/errors.ts";
import { readPrivate, writeNew } from "@/files/private_file.ts";
import type { CrashDetectionConfig } from "@/ike/records/crash_detection.ts";
import type { ResumptionConfig } from "@/ike/records/ticket_issuing.ts";
import type { Setup } from "@/setup/setup.ts";

const KEY_ID_OCTETS = 8;
const KEY_OCTETS = 32;
/** The longest file that is read, in octets; a file of secrets has four short lines. */
const FILE_OCTETS_MAX = 4_096;

/** The secrets that a gateway must keep over a restart, so that its clients can resume their sessions. */
export interface GatewaySecrets {
  /** 8 octets: the identifier by which tickets name `ticketKey`. */
  readonly ticketKeyId: Uint8Array;
  /** 32 octets: the key from which the keys of all tickets are derived. */
  readonly ticketKey: Uint8Array;
  /** 32 octets: the secret of tokens of quick crash detection (RFC 6290 §5.1). */
  readonly crashSecret: Uint8Array;
}

/** The configuration of quick crash detection; undefined: it is not used. */
export function crashDetectionOf(
  { ikeconf: { crashdetection } }: Setup,
  secrets: GatewaySecrets | undefined,
): CrashDetectionConfig | undefined {
  if (crashdetection === "never") return undefined;
  const takes = crashdetection !== "make";
  if (crashdetection === "take") return { takes };
  return { takes, secret: (secrets ?? freshSecrets()).crashSecret };
}

/** Random secrets, which are lost at the end of this run. */
export function freshSecrets(): GatewaySecrets {
  return {
    ticketKeyId: crypto.getRandomValues(new Uint8Array(KEY_ID_OCTETS)),
    ticketKey: crypto.getRandomValues(new Uint8Array(KEY_OCTETS)),
    crashSecret: crypto.getRandomValues(new Uint8Array(KEY_OCTETS)),
  };
}

/** The configuration of session resumption; undefined: it is not used. */
export function resumptionOf(
  { role, ikeconf }: Setup,
  secrets: GatewaySecrets | undefined,
): ResumptionConfig | undefined {
  const { resume, resumelifetime: lifetimeMs } = ikeconf;
  if (resume === "never") return undefined;
  if (role === "client") return { asks: true };
  const { ticketKeyId: keyId, ticketKey: key } = secrets ?? freshSecrets();
  return { asks: false, issues: { keyId, key, lifetimeMs } };
}

/**
 * Reads the secrets in `secretsfile` of a gateway. A file that does not exist is made, with new secrets, and
 * readable by its owner only. Undefined: the setup needs no such file.
 * @throws {SetupError} if the file cannot be read or made, or does not contain the secrets.
 */
export function openSecrets({ role, ikeconf }: Setup): GatewaySecrets | undefined {
  const { secretsfile: path, resume, crashdetection } = ikeconf;
  const isUsed = resume !== "never" || crashdetection === "make" || crashdetection === "both";
  if (role !== "gateway" || path === "" || !isUsed) return undefined;
  try {
    return parse(readPrivate(path, FILE_OCTETS_MAX), path);
  } catch (e) {
    if (!(e instanceof SystemError)) throw e;
    if (e.errno !== "ENOENT") {
      throw new SetupError(`ikeconf.secretsfile: Cannot read ${path}: ${e.message}`);
    }
  }
  const secrets = freshSecrets();
  try {
    writeNew(path, format(secrets), "user");
  } catch (e) {
    if (!(e instanceof SystemError)) throw e;
    throw new SetupError(`ikeconf.secretsfile: Cannot make ${path}: ${e.message}`);
  }
  return secrets;
}

function format({ ticketKeyId, ticketKey, crashSecret }: GatewaySecrets): string {
  return "# Secrets of a gateway of myikev2. Whoever reads them can resume its clients' sessions.\n" +
    `ticketkeyid ${toHex(ticketKeyId)}\nticketkey ${toHex(ticketKey)}\n` +
    `crashsecret ${toHex(crashSecret)}\n`;
}

function parse(text: string, path: string): GatewaySecrets {
  const lines = new Map(
    text.split("\n").filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => line.split(" ", 2) as [string, string]),
  );
  const read = (name: string, octets: number) => {
    const value = fromHex(lines.get(name) ?? "");
    if (value?.length === octets) return value;
    throw new SetupError(
      `ikeconf.secretsfile: ${path} has no ${name} of ${octets} octets in hex digits: remove the ` +
        "file, and another is made",
    );
  };
  return {
    ticketKeyId: read("ticketkeyid", KEY_ID_OCTETS),
    ticketKey: read("ticketkey", KEY_OCTETS),
    crashSecret: read("crashsecret", KEY_OCTETS),
  };
}
