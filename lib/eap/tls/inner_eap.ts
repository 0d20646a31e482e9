/**
 * EAP inside a tunnel: MSCHAPv2 or MD5, by the same conversations that are used outside.
 * @module
 */
import type { OwnEapPeer, OwnEapServer } from "@/eap/conversation.ts";
import type { EapCredentials, EapEnvironment, InnerMethod, ServerContext } from "@/eap/method.ts";
import { md5 } from "@/eap/methods/md5.ts";
import { mschapv2 } from "@/eap/methods/mschapv2.ts";
import { converseAsPeer } from "@/eap/peer_conversation.ts";
import { converseAsServer } from "@/eap/server_conversation.ts";
import type { EapUserTable } from "@/eap/users.ts";
import { EapType } from "@/iana/eap_type.ts";

const EAP_TYPES: Readonly<Record<InnerMethod, number | undefined>> = {
  mschapv2: EapType.MSCHAPV2,
  md5: EapType.MD5_CHALLENGE,
  pap: undefined,
};

const methodOf = (type: number) => [mschapv2, md5].find((method) => method.type === type);

/** The inner methods, the preferred one first. */
export const INNER_METHODS: readonly InnerMethod[] = ["mschapv2", "md5", "pap"];

/** A peer of the inner method. */
export function innerPeer(own: EapCredentials, env: EapEnvironment): OwnEapPeer {
  const type = EAP_TYPES[own.inner ?? "mschapv2"]!;
  const { identity, password } = own;
  return converseAsPeer({ identity, password, methods: [type] }, env, methodOf);
}

/** A server of the inner methods that its settings allow. */
export function innerServer(context: ServerContext): OwnEapServer {
  const { settings: { users, name }, env } = context;
  const methods = allowedInner(context).flatMap((word) => EAP_TYPES[word] ?? []);
  // The methods of a user in the table are outer methods.
  const everybody: EapUserTable = {
    find(identity) {
      const user = users.find(identity);
      return user && { ...user, methods: undefined };
    },
    hasSim: false,
    hasTriplets: false,
    isEmpty: false,
  };
  return converseAsServer({ methods, users: everybody, name }, env, methodOf);
}

/** The inner methods that a server accepts. */
export function allowedInner({ settings: { inner } }: ServerContext): readonly InnerMethod[] {
  return inner ?? INNER_METHODS;
}
