/**
 * Decides which trusted raw public keys (RFC 7670) the peer may have signed by. A key must belong to the
 * identity of the peer's ID payload, as otherwise the holder of any trusted key could be anybody. With
 * `matchpeerid: cert` it must belong to `peerid`, whatever the ID payload is, as a certificate must then
 * contain `peerid`.
 * @module
 */
import { sameOctets } from "@/base/bytes.ts";
import { WireError } from "@/base/errors.ts";
import type { PublicKey } from "@/crypto/signature.ts";
import { hasCertificates, rawKeysIn } from "@/ike/auth/certificate_payloads.ts";
import { keysOfIdentity, ownersOf } from "@/ike/auth/raw_key_table.ts";
import { resolveIdentity, showIdentity } from "@/ike/negotiate/identity.ts";
import type { Identity, RawKeyTable, VerifyingAuth } from "@/ike/records/config.ts";
import type { Turn } from "@/ike/records/event.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { parsePublicKey } from "@/pki/public_key.ts";
import { showPublicKey } from "@/pki/raw_key.ts";
import type { Payload } from "@/wire/message.ts";

/** The most keys that are tried for a peer that sends none. */
const TRIED_MAX = 16;

/**
 * The trusted keys by which the peer may have signed: the key that it sends, or all keys of its identity
 * if it sends none, as peers do whose keys are known only by configuration. Undefined: the peer must be
 * authenticated by a certificate. A text is the reason why its key is refused.
 */
export function rawKeysOf(
  { sa }: Turn,
  config: VerifyingAuth,
  payloads: readonly Payload[],
): readonly PublicKey[] | string | undefined {
  const { rawKeys } = config;
  const shown = rawKeysIn(payloads);
  if (shown.length === 0) {
    return rawKeys && !hasCertificates(payloads) ? candidates(sa, config, rawKeys) : undefined;
  }
  if (!rawKeys) {
    return "it shows a raw public key (RFC 7670), and peerrawkey and peerrawkeyfile are not set";
  }
  if (shown.length > 1) return "it shows several raw public keys, and it can have signed by one";
  const noIdentity = withoutIdentity(config);
  if (noIdentity) return noIdentity;
  try {
    return judge(sa, config, parsePublicKey(shown[0]!));
  } catch (e) {
    if (e instanceof WireError) return `its raw public key is of no use: ${e.message}`;
    throw e;
  }
}

/** The identity whose keys the peer may use, and the words that say where it comes from. */
function holderOf(
  { peer, path, index }: IkeSa,
  { mustHold }: VerifyingAuth,
): { readonly id: Identity; readonly words: string } {
  if (!mustHold) return { id: peer.id!, words: "which it says it is" };
  return {
    id: resolveIdentity(mustHold, path, index),
    words: "which peerid asks for (matchpeerid: cert)",
  };
}

/** The key that the peer sends if its identity may use that key, or else the reason of the refusal. */
function judge(
  sa: IkeSa,
  config: VerifyingAuth,
  key: PublicKey,
): readonly PublicKey[] | string {
  const table = config.rawKeys!;
  const { id, words } = holderOf(sa, config);
  const { broken, crypto } = sa.env;
  const isOwn = keysOfIdentity(table, id, sa).some(({ spki }) => sameOctets(spki, key.spki));
  if (isOwn || broken.has("trust_any_raw_key")) return [key];
  const owners = ownersOf(table, key);
  if (owners && broken.has("take_raw_key_of_another")) return [key];
  const name = showPublicKey(key, crypto);
  if (!owners) return `its raw public key, ${name}, is none of peerrawkey and peerrawkeyfile`;
  return `its raw public key, ${name}, belongs to ${owners} and not to ${showIdentity(id)}, ` +
    `${words}${expected(sa, table)}`;
}

/** The part of a refusal that names the identity which may use the keys without an identity. */
function expected({ path, index }: IkeSa, { unnamed, unnamedId }: RawKeyTable): string {
  if (unnamed.length === 0) return " (peerrawkeyfile)";
  if (!unnamedId) return " (peerrawkey names no identity, peerrawkeyfile does)";
  const wanted = showIdentity(resolveIdentity(unnamedId, path, index));
  return ` (only peerid, ${wanted}, may use the keys of peerrawkey)`;
}

/** The keys that are tried for a peer that sends no key, or the reason why it is refused. */
function candidates(
  sa: IkeSa,
  config: VerifyingAuth,
  table: RawKeyTable,
): readonly PublicKey[] | string {
  const noIdentity = withoutIdentity(config);
  if (noIdentity) return noIdentity;
  const { id } = holderOf(sa, config);
  const keys = keysOfIdentity(table, id, sa);
  if (keys.length === 0) {
    return `it shows no key, and no raw public key belongs to ${showIdentity(id)}${
      expected(sa, table)
    }`;
  }
  if (keys.length <= TRIED_MAX) return keys;
  return `it shows no key, and ${showIdentity(id)} has ${keys.length} raw public keys: at most ` +
    `${TRIED_MAX} are tried`;
}

/** The refusal of a raw key if `peerid` is a name in a certificate; undefined: it is not. */
function withoutIdentity({ idFrom }: VerifyingAuth): string | undefined {
  return idFrom && `it shows no certificate, and peerid ${idFrom} is a name in one`;
}
