/**
 * Raw public keys of a peer (RFC 7670): which of those that are trusted here may be the one it signs by.
 * @module
 */
import { sameOctets } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import type { PublicKey } from "@/crypto/signature.ts";
import { hasCertificates, rawKeysIn } from "@/ike/auth/certificate_payloads.ts";
import type { VerifyingAuth } from "@/ike/records/config.ts";
import type { Turn } from "@/ike/records/event.ts";
import { parsePublicKey } from "@/pki/public_key.ts";
import { showPublicKey } from "@/pki/raw_key.ts";
import type { Payload } from "@/wire/message.ts";

/** Keys that are tried for a peer that shows none. */
const TRIED_MAX = 16;

/**
 * The trusted keys that may be the peer's: the one that it shows, or any where it shows nothing at all, as
 * peers do whose keys are known by configuration alone. Undefined: it is to be authenticated by a
 * certificate. A text says why its key is not taken.
 */
export function rawKeysOf(
  { sa }: Turn,
  config: VerifyingAuth,
  payloads: readonly Payload[],
): readonly PublicKey[] | string | undefined {
  const { rawKeys } = config;
  const shown = rawKeysIn(payloads);
  if (shown.length === 0) {
    return rawKeys && !hasCertificates(payloads) ? candidates(config, rawKeys) : undefined;
  }
  if (!rawKeys) return "it shows a raw public key (RFC 7670), and peerrawkey is not set";
  if (shown.length > 1) return "it shows several raw public keys, and it can have signed by one";
  const noIdentity = withoutIdentity(config);
  if (noIdentity) return noIdentity;
  try {
    const key = parsePublicKey(shown[0]!);
    const known = rawKeys.find(({ spki }) => sameOctets(spki, key.spki));
    if (known) return [known];
    if (sa.env.broken.has("trust_any_raw_key")) return [key];
    return `its raw public key, ${showPublicKey(key, sa.env.crypto)}, is none of peerrawkey`;
  } catch (e) {
    if (e instanceof WireError) return `its raw public key is of no use: ${e.message}`;
    throw e;
  }
}

function candidates(
  config: VerifyingAuth,
  rawKeys: readonly PublicKey[],
): readonly PublicKey[] | string {
  if (rawKeys.length > TRIED_MAX) {
    return `it shows no key, and more than ${TRIED_MAX} of peerrawkey are not tried`;
  }
  return withoutIdentity(config) ?? rawKeys;
}

/** Nobody has certified whose key it is, so that it cannot hold what `matchpeerid` asks of a certificate. */
function withoutIdentity({ mustHold, idFrom }: VerifyingAuth): string | undefined {
  if (!mustHold && !idFrom) return undefined;
  return "it shows no certificate, matchpeerid asks for an identity in one";
}
