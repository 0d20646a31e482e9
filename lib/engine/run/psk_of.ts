/**
 * The pre-shared keys of a setup: that of `psk`, and those of the identities in `psks` and `pskfile`.
 * @module
 */
import { SetupError, type SetupPosition, WireError } from "@/base/errors.ts";
import { isSecretText, secretOctets } from "@/base/secret_text.ts";
import { lineFault, type LinesFile, readIdentityLines } from "@/engine/run/identity_lines.ts";
import { type PskEntry, pskTable } from "@/ike/auth/psk_table.ts";
import type { PskAuth } from "@/ike/records/config.ts";
import { everyOwnMethod, everyPeerMethod } from "@/setup/auth_methods.ts";
import { isGiven } from "@/setup/check_identities.ts";
import { parseIdentityText } from "@/setup/identity_text.ts";
import type { IkeConf, Setup } from "@/setup/setup.ts";

/** One identity and its secret as texts. */
interface Line {
  readonly id: string;
  readonly secret: string;
}

/** The lines of `pskfile`; none if the setup names no file, or neither end has a pre-shared key. */
export function readPskFile(
  { ikeconf }: Setup,
  positionOf?: (path: string) => SetupPosition,
): readonly Line[] {
  const { pskfile, pskencoding } = ikeconf;
  if (
    pskfile === "" || ![...everyOwnMethod(ikeconf), ...everyPeerMethod(ikeconf)].includes("psk")
  ) {
    return [];
  }
  const option = "pskfile";
  const position = positionOf?.(`ikeconf.${option}`);
  const file: LinesFile = { path: pskfile, option, what: "its secret", position };
  return readIdentityLines(file).map(({ id, value: secret, at }) => {
    if (isSecretText(secret, pskencoding)) return { id, secret };
    throw lineFault(file, `${at}: the secret is no ${pskencoding} (pskencoding)`);
  });
}

/** The pre-shared keys of both ends. @throws {SetupError} if an identity is invalid. */
export function pskAuth({ ikeconf }: Setup, file: readonly Line[]): PskAuth {
  const { psk, pskencoding, psks } = ikeconf;
  const lines = [...psks.filter(isGiven), ...file];
  const secret = secretOctets(psk, pskencoding);
  const table = lines.length > 0 ? { table: tableOf(lines, pskencoding) } : {};
  return { kind: "psk", ...(secret ? { secret } : {}), ...table };
}

function tableOf(lines: readonly Line[], encoding: IkeConf["pskencoding"]) {
  const entries = lines.map(({ id, secret }): PskEntry => {
    const same = secret.includes("&d") ? undefined : secretOctets(secret, encoding)!;
    return {
      identity: parseIdentityText(id),
      secretOf: (number) => same ?? secretOctets(secret.replaceAll("&d", number), encoding)!,
    };
  });
  try {
    return pskTable(entries);
  } catch (e) {
    if (e instanceof WireError) throw new SetupError(`ikeconf.psks: ${e.message}`);
    throw e;
  }
}
