/**
 * EAP-TLS: both ends authenticate by certificates (RFC 5216; RFC 9190 for TLS 1.3).
 * @module
 */
import type { EapMethod } from "@/eap/method.ts";
import { lacksTlsAsPeer, tlsPeer } from "@/eap/tls/peer.ts";
import { lacksTlsAsServer, tlsServer } from "@/eap/tls/server.ts";
import { EapType } from "@/iana/eap_type.ts";

/** See {@linkcode EapMethod}. */
export const tls: EapMethod = {
  type: EapType.TLS,
  name: "EAP-TLS",
  word: "tls",
  derivesKeys: true,
  lacksAsPeer(own, env) {
    const lacks = lacksTlsAsPeer(own, env);
    return lacks ?? (own.tls?.certificate ? undefined : "there is no certificate of this end");
  },
  beginAsPeer: (own, env) => tlsPeer(EapType.TLS, { own, env }, undefined),
  lacksAsServer(context) {
    const lacks = lacksTlsAsServer(context);
    if (lacks || context.user || context.settings.users.isEmpty) return lacks;
    // Without a user, any certificate of a trusted authority would be accepted, whatever the table names.
    return "the table of users does not name this identity";
  },
  beginAsServer: (context) => tlsServer(EapType.TLS, context, undefined),
};
