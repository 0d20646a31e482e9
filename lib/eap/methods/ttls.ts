/**
 * EAP-TTLS: the server authenticates by a certificate, and the peer by a password inside the tunnel
 * (RFC 5281; TLS 1.3 by RFC 9427).
 * @module
 */
import type { EapMethod } from "@/eap/method.ts";
import { lacksTunnelAsPeer, tlsPeer } from "@/eap/tls/peer.ts";
import { lacksTlsAsServer, tlsServer } from "@/eap/tls/server.ts";
import { ttlsInnerPeer } from "@/eap/tls/ttls_peer.ts";
import { ttlsInnerServer } from "@/eap/tls/ttls_server.ts";
import { EapType } from "@/iana/eap_type.ts";

/** See {@linkcode EapMethod}. */
export const ttls: EapMethod = {
  type: EapType.TTLS,
  name: "EAP-TTLS",
  word: "ttls",
  derivesKeys: true,
  lacksAsPeer: lacksTunnelAsPeer,
  beginAsPeer: (own, env) => tlsPeer(EapType.TTLS, { own, env }, ttlsInnerPeer(own, env)),
  lacksAsServer: lacksTlsAsServer,
  beginAsServer: (context) => tlsServer(EapType.TTLS, context, ttlsInnerServer(context)),
};
