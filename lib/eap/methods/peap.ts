/**
 * PEAPv0: the server authenticates by a certificate, and the peer by an EAP method inside the tunnel
 * (MS-PEAP; TLS 1.3 by RFC 9427).
 * @module
 */
import type { EapMethod } from "@/eap/method.ts";
import { peapInnerPeer } from "@/eap/tls/peap_peer.ts";
import { peapInnerServer } from "@/eap/tls/peap_server.ts";
import { lacksTunnelAsPeer, tlsPeer } from "@/eap/tls/peer.ts";
import { lacksTlsAsServer, tlsServer } from "@/eap/tls/server.ts";
import { EapType } from "@/iana/eap_type.ts";

/** See {@linkcode EapMethod}. */
export const peap: EapMethod = {
  type: EapType.PEAP,
  name: "EAP-PEAP",
  word: "peap",
  derivesKeys: true,
  lacksAsPeer: (own, env) =>
    lacksTunnelAsPeer(own, env) ?? (own.inner === "pap" ? "PEAP has no PAP inside" : undefined),
  beginAsPeer: (own, env) => tlsPeer(EapType.PEAP, { own, env }, peapInnerPeer(own, env)),
  lacksAsServer: lacksTlsAsServer,
  beginAsServer: (context) => tlsServer(EapType.PEAP, context, peapInnerServer(context)),
};
