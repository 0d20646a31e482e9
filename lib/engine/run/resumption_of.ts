/**
 * Session resumption (RFC 5723) and quick crash detection (RFC 6290) of a setup, and the file in which the
 * secrets of a gateway outlive a restart (`secretsfile`).
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
/** The longest file that is read: it has three lines. */
const FILE_OCTETS_MAX = 4_096;

/** What a gateway must keep over a restart, so that its clients may come back to it. */
export interface GatewaySecrets {
  /** 8 octets: the name of `ticketKey` in tickets. */
  readonly ticketKeyId: Uint8Array;
  /** 32 octets. */
  readonly ticketKey: Uint8Array;
  /** 32 octets: the secret of tokens of quick crash detection (RFC 6290 §5.1). */
  readonly crashSecret: Uint8Array;
}

/** What an end does about tokens of quick crash detection; undefined: nothing. */
export function crashDetectionOf(
  { ikeconf: { crashdetection } }: Setup,
  secrets: GatewaySecrets | undefined,
): CrashDetectionConfig | undefined {
  if (crashdetection === "never") return undefined;
  const takes = crashdetection !== "make";
  if (crashdetection === "take") return { takes };
  return { takes, secret: (secrets ?? freshSecrets()).crashSecret };
}

/** Secrets of this run alone. */
export function freshSecrets(): GatewaySecrets {
  return {
    ticketKeyId: crypto.getRandomValues(new Uint8Array(KEY_ID_OCTETS)),
    ticketKey: crypto.getRandomValues(new Uint8Array(KEY_OCTETS)),
    crashSecret: crypto.getRandomValues(new Uint8Array(KEY_OCTETS)),
  };
}

/** What an end does about tickets; undefined: nothing. */
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
 * The secrets in the file of a gateway, which is made if it is not there, for its owner alone.
 * @throws {SetupError} if it cannot be read or made, or is not such a file.
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
