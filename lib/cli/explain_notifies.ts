/**
 * Explains each notify of IANA's registry: its meaning, where it is defined, and what to look at
 * when it is received.
 * @module
 */
import type { NotifyType } from "@/iana/notify_type.ts";

/** An explanation: the meaning, its source, and what to look at. Options are in backquotes. */
export type Explanation = readonly [means: string, source: string, lookAt: string];

/**
 * Explanations by the name of the notify. The type demands an entry for every name of the registry.
 */
export const NOTIFY_EXPLANATIONS: Readonly<Record<keyof typeof NotifyType, Explanation>> = {
  UNSUPPORTED_CRITICAL_PAYLOAD: [
    "A payload was marked critical and the receiver does not know its type; its number follows.",
    "RFC 7296 §2.5, §3.10.1",
    "Which end added the payload: decode the messages with `loglevel: 5` and compare what both implement.",
  ],
  INVALID_IKE_SPI: [
    "A message named an IKE SA that the receiver does not have. The notify is not protected, and so proves nothing.",
    "RFC 7296 §2.21.4",
    "Whether the peer restarted or deleted the SA without notice; liveness checks (`dpdinterval`) find that out.",
  ],
  INVALID_MAJOR_VERSION: [
    "The receiver does not speak this major version of IKE.",
    "RFC 7296 §2.5",
    "Whether the peer only allows IKEv1.",
  ],
  INVALID_SYNTAX: [
    "A message was malformed: a length, a type or a value is out of range, or it could not be decrypted properly.",
    "RFC 7296 §2.21, §3.10.1",
    "The log of both ends: one of them has a bug, or keys differ. `--pcap` and `--keylog` show the message in Wireshark.",
  ],
  INVALID_MESSAGE_ID: [
    "A Message ID was outside of the window; the notify is sent in an INFORMATIONAL request.",
    "RFC 7296 §2.3, §3.10.1",
    "Whether messages are injected or replayed, or an end lost its state.",
  ],
  INVALID_SPI: [
    "An ESP or AH packet came with an SPI that the receiver does not have.",
    "RFC 7296 §1.5",
    "Whether the CHILD_SA was deleted or rekeyed at one end only: rekeys and lifetimes in both logs.",
  ],
  NO_PROPOSAL_CHOSEN: [
    "None of the offered suites is acceptable to the responder.",
    "RFC 7296 §2.7, §3.3.6",
    "For the IKE SA `ikeencyptalg`, `ikeintegrityalg`, `ikeprfalg`, `dhgrpid`; for a CHILD_SA `encalg`, `integrityalg`, " +
    "`esn`, `pfsgrpid`. The failure's example says what was offered; the peer's log says what it wants.",
  ],
  INVALID_KE_PAYLOAD: [
    "The KE payload has another key exchange method than the responder chose; the notify names that method.",
    "RFC 7296 §1.2, §1.3",
    "`dhgrpid` or `pfsgrpid`: put the group that the peer wants first, which saves a round trip, or add it.",
  ],
  AUTHENTICATION_FAILED: [
    "The peer's AUTH payload, certificate or EAP conversation was not accepted, or its identity is unknown. " +
    "Responders do not say which of these it was.",
    "RFC 7296 §2.21.2",
    "`psk`, `myid`, `peerid`, the authentication methods `authownmethod` and `authpeermethod`, " +
    "certificates and their time, and whose key a raw public key is (`peerrawkeyfile`); the log of the end " +
    "that refused says why.",
  ],
  SINGLE_PAIR_REQUIRED: [
    "The responder accepts traffic selectors of one pair of addresses only.",
    "RFC 7296 §2.9",
    "`ownts` and `peerts`: ask for single addresses.",
  ],
  NO_ADDITIONAL_SAS: [
    "The responder makes no more CHILD_SAs on this IKE SA, or none at all after the first.",
    "RFC 7296 §1.3, §3.10.1",
    "How many entries `childlist` has, and the peer's limit. Where it refuses rekeys so, the SA ends at its lifetime.",
  ],
  INTERNAL_ADDRESS_FAILURE: [
    "The gateway could not assign an inner address.",
    "RFC 7296 §3.15.4",
    "Whether the pool is exhausted (`poolconf`, `GetPoolUsageSummary`), or has no addresses of the requested family.",
  ],
  FAILED_CP_REQUIRED: [
    "The responder wants a configuration payload, and the initiator sent none.",
    "RFC 7296 §2.19",
    "`ratunnel: true` at the client.",
  ],
  TS_UNACCEPTABLE: [
    "None of the offered traffic selectors is acceptable.",
    "RFC 7296 §2.9",
    "`ownts` and `peerts` of both ends, and whether an inner address lies in them.",
  ],
  INVALID_SELECTORS: [
    "A packet came through a CHILD_SA whose selectors do not contain it.",
    "RFC 7296 §3.10.1, RFC 4301 §5.2",
    "What the sender routes into the tunnel, and the selectors that were narrowed at set-up.",
  ],
  UNACCEPTABLE_ADDRESSES: [
    "The responder does not accept the new addresses of a MOBIKE update.",
    "RFC 4555 §3.5",
    "The peer's policy for addresses.",
  ],
  UNEXPECTED_NAT_DETECTED: [
    "An end that forbids NATs found that a NAT had changed the addresses.",
    "RFC 4555 §3.9",
    "`disallownat`, and which device on the path is a NAT.",
  ],
  USE_ASSIGNED_HoA: [
    "The home agent assigned another home address than the requested one.",
    "RFC 5026",
    "Mobile IPv6 at the peer; this program does not use it.",
  ],
  TEMPORARY_FAILURE: [
    "The peer cannot do this now, mostly because of a rekey of its own; the request is to be repeated later.",
    "RFC 7296 §2.25",
    "Nothing if it is rare. If it is frequent, let one end only rekey, or both at different times.",
  ],
  CHILD_SA_NOT_FOUND: [
    "The CHILD_SA that was to be rekeyed no longer exists.",
    "RFC 7296 §2.25",
    "Nothing if a Delete crossed the rekey; otherwise the lifetimes of both ends.",
  ],
  INVALID_GROUP_ID: [
    "The group of a group key management request is unknown.",
    "RFC 9838",
    "G-IKEv2 at the peer; this program does not use it.",
  ],
  AUTHORIZATION_FAILED: [
    "The group member is not authorized.",
    "RFC 9838",
    "G-IKEv2 at the peer; this program does not use it.",
  ],
  STATE_NOT_FOUND: [
    "An IKE_FOLLOWUP_KE request names a key exchange that the responder does not know or has given up.",
    "RFC 9370 §2.2.4",
    "Whether the additional key exchanges took too long, or the peer lost its state.",
  ],
  TS_MAX_QUEUE: [
    "The responder makes no more CHILD_SAs with the same selectors.",
    "RFC 9611",
    "`resourcesas` of both ends: how many CHILD_SAs with the same selectors the client asks for, and how many the gateway makes.",
  ],
  REGISTRATION_FAILED: [
    "A group member could not be registered.",
    "RFC 9838",
    "G-IKEv2 at the peer; this program does not use it.",
  ],
  INITIAL_CONTACT: [
    "This is the only IKE SA between these identities: all earlier ones are dead.",
    "RFC 7296 §2.4",
    "Whether several clients share an identity (`myid` without `&d`): they would end each other's tunnels.",
  ],
  SET_WINDOW_SIZE: [
    "The number of requests that the sender accepts at a time.",
    "RFC 7296 §2.3",
    "Nothing: this program sends one request at a time, which is always allowed.",
  ],
  ADDITIONAL_TS_POSSIBLE: [
    "The selectors were narrowed, and more CHILD_SAs would be possible.",
    "RFC 7296 §2.9",
    "`ownts` and `peerts`, if the agreed selectors are smaller than intended.",
  ],
  IPCOMP_SUPPORTED: [
    "The sender can compress packets (IPComp), with this transform and CPI.",
    "RFC 7296 §2.22",
    "`ipcomp`.",
  ],
  NAT_DETECTION_SOURCE_IP: [
    "A hash of the sender's address and port; if it does not match, there is a NAT in front of the sender.",
    "RFC 7296 §2.23",
    "`enablenatt`; the log says at which end a NAT was found.",
  ],
  NAT_DETECTION_DESTINATION_IP: [
    "A hash of the receiver's address and port; if it does not match, there is a NAT in front of the receiver.",
    "RFC 7296 §2.23",
    "`enablenatt`; the log says at which end a NAT was found.",
  ],
  COOKIE: [
    "The responder wants the request repeated with this cookie before it keeps state for the initiator.",
    "RFC 7296 §2.6",
    "The peer's limit of half-open SAs; `maxhalfopen` of a client, `numoftunneltoenablecookie` of a gateway.",
  ],
  USE_TRANSPORT_MODE: [
    "The CHILD_SA is to be in transport mode.",
    "RFC 7296 §1.3.1",
    "`tunnelmode` of both ends.",
  ],
  HTTP_CERT_LOOKUP_SUPPORTED: [
    "The sender can fetch certificates by HTTP.",
    "RFC 7296 §3.6",
    "Nothing: this program sends certificates themselves.",
  ],
  REKEY_SA: [
    "The request rekeys the CHILD_SA with this SPI.",
    "RFC 7296 §1.3.3",
    "Lifetimes of the CHILD_SA at both ends.",
  ],
  ESP_TFC_PADDING_NOT_SUPPORTED: [
    "The sender does not accept packets with TFC padding.",
    "RFC 7296 §1.3.1, RFC 4303 §2.7",
    "`tfc`.",
  ],
  NON_FIRST_FRAGMENTS_ALSO: [
    "Packet fragments other than the first, which have no ports, may go through the CHILD_SA.",
    "RFC 7296 §1.3.1, RFC 4301 §7",
    "Selectors with ports, if fragments are lost.",
  ],
  MOBIKE_SUPPORTED: ["The sender supports MOBIKE.", "RFC 4555 §3.1", "`mobike`."],
  ADDITIONAL_IP4_ADDRESS: ["Another IPv4 address of the sender.", "RFC 4555 §3.6", "`mobike`."],
  ADDITIONAL_IP6_ADDRESS: ["Another IPv6 address of the sender.", "RFC 4555 §3.6", "`mobike`."],
  NO_ADDITIONAL_ADDRESSES: [
    "The sender no longer has another address.",
    "RFC 4555 §3.6",
    "`mobike`.",
  ],
  UPDATE_SA_ADDRESSES: [
    "The SAs move to the addresses of this message.",
    "RFC 4555 §3.5",
    "`mobike`.",
  ],
  COOKIE2: [
    "A value that the peer returns, which proves that the path works in both directions.",
    "RFC 4555 §3.7",
    "`mobike`.",
  ],
  NO_NATS_ALLOWED: [
    "The sender forbids NATs, and names the addresses that it used.",
    "RFC 4555 §3.9",
    "`disallownat`.",
  ],
  AUTH_LIFETIME: [
    "The responder wants the initiator to reauthenticate within this time.",
    "RFC 4478",
    "`reauth`, and the peer's lifetime of authentication.",
  ],
  MULTIPLE_AUTH_SUPPORTED: [
    "The sender supports several authentications, one after the other.",
    "RFC 4739",
    "`authown2` and `authpeer2` of both ends.",
  ],
  ANOTHER_AUTH_FOLLOWS: [
    "Another authentication follows this one.",
    "RFC 4739",
    "`authown2` and `authpeer2` of both ends.",
  ],
  REDIRECT_SUPPORTED: [
    "The client can be redirected to another gateway.",
    "RFC 5685 §3",
    "`followredirect` of a client; `redirectto` and `redirectat` of a gateway.",
  ],
  REDIRECT: [
    "The gateway sends the client to another one.",
    "RFC 5685 §3",
    "Whether the named gateway can be reached; `followredirect` of the client.",
  ],
  REDIRECTED_FROM: [
    "The gateway that redirected the client to this one.",
    "RFC 5685 §3",
    "Whether gateways redirect in a circle: five redirections within 300s are followed (REDIRECT_LOOP).",
  ],
  TICKET_LT_OPAQUE: [
    "A ticket for session resumption, with its lifetime.",
    "RFC 5723 §6",
    "`resume` and `resumelifetime` of the gateway.",
  ],
  TICKET_REQUEST: [
    "The sender asks for a ticket.",
    "RFC 5723 §4.1",
    "`resume` of the client.",
  ],
  TICKET_ACK: [
    "A ticket follows later.",
    "RFC 5723 §4.2",
    "Whether a ticket follows in INFORMATIONAL, for which the client asks again.",
  ],
  TICKET_NACK: [
    "The ticket was not accepted, or none is issued.",
    "RFC 5723 §4.3",
    "`resumptions.refused` of the gateway's result: expired, used before, or of another gateway (`secretsfile`).",
  ],
  TICKET_OPAQUE: [
    "A ticket that is presented.",
    "RFC 5723 §4.3",
    "Whether the gateway has issued it, and has its key still (`secretsfile`).",
  ],
  LINK_ID: [
    "An identifier of the virtual link of an IPv6 client.",
    "RFC 5739",
    "The peer's IPv6 configuration.",
  ],
  USE_WESP_MODE: [
    "Wrapped ESP is offered.",
    "RFC 5840",
    "The peer's WESP; this program does not use it.",
  ],
  ROHC_SUPPORTED: [
    "Header compression over IPsec is offered.",
    "RFC 5857",
    "The peer's ROHC; this program does not use it.",
  ],
  EAP_ONLY_AUTHENTICATION: [
    "The initiator accepts authentication of both ends by EAP alone.",
    "RFC 5998",
    "`authpeermethod`, and whether the EAP method authenticates the server.",
  ],
  CHILDLESS_IKEV2_SUPPORTED: [
    "The responder takes an IKE_AUTH request without a CHILD_SA, which CREATE_CHILD_SA makes later.",
    "RFC 6023 §3",
    "`childless`: never, allow or force, at both ends.",
  ],
  QUICK_CRASH_DETECTION: [
    "A token by which the peer can prove that it lost its state.",
    "RFC 6290 §4.1",
    "`crashdetection` of both ends, and `secretsfile` of the gateway.",
  ],
  IKEV2_MESSAGE_ID_SYNC_SUPPORTED: [
    "The sender's cluster can synchronize Message IDs.",
    "RFC 6311",
    "The peer's failover; this program does not use it.",
  ],
  IPSEC_REPLAY_COUNTER_SYNC_SUPPORTED: [
    "The sender's cluster can synchronize replay counters.",
    "RFC 6311",
    "The peer's failover; this program does not use it.",
  ],
  IKEV2_MESSAGE_ID_SYNC: [
    "Message IDs after a failover.",
    "RFC 6311",
    "The peer's failover; this program does not use it.",
  ],
  IPSEC_REPLAY_COUNTER_SYNC: [
    "Replay counters after a failover.",
    "RFC 6311",
    "The peer's failover; this program does not use it.",
  ],
  SECURE_PASSWORD_METHODS: [
    "Methods of password authentication that the sender has.",
    "RFC 6467",
    "The peer's password methods; this program uses EAP.",
  ],
  PSK_PERSIST: [
    "A pre-shared key is to be replaced by a stronger one.",
    "RFC 6631",
    "The peer's PACE; this program does not use it.",
  ],
  PSK_CONFIRM: [
    "The stronger pre-shared key is confirmed.",
    "RFC 6631",
    "The peer's PACE; this program does not use it.",
  ],
  ERX_SUPPORTED: [
    "EAP re-authentication is supported.",
    "RFC 6867",
    "The peer's EAP; this program does not use ERP.",
  ],
  IFOM_CAPABILITY: [
    "Flow mobility of 3GPP is supported.",
    "3GPP TS 24.303",
    "The peer's 3GPP profile; this program does not use it.",
  ],
  GROUP_SENDER: [
    "The group member also wants to send.",
    "RFC 9838",
    "G-IKEv2 at the peer; this program does not use it.",
  ],
  IKEV2_FRAGMENTATION_SUPPORTED: [
    "The sender accepts IKE messages in fragments.",
    "RFC 7383 §2.3",
    "`enablefragment` and `mtu`, if large messages (certificates, ML-KEM) are lost on the path.",
  ],
  SIGNATURE_HASH_ALGORITHMS: [
    "Hash algorithms that the sender can verify signatures with.",
    "RFC 7427 §4",
    "The hash algorithms configured for signatures at both ends.",
  ],
  CLONE_IKE_SA_SUPPORTED: [
    "IKE SAs can be cloned.",
    "RFC 7791",
    "The peer's cloning; this program does not use it.",
  ],
  CLONE_IKE_SA: [
    "The new IKE SA is a clone of this one.",
    "RFC 7791",
    "The peer's cloning; this program refuses it by NO_ADDITIONAL_SAS.",
  ],
  PUZZLE: [
    "The responder wants the initiator to solve a puzzle first.",
    "RFC 8019 §7.1, §8.1",
    "The peer's defence against floods: fewer half-open SAs (`maxhalfopen`); `puzzlebitsmax` of a client, " +
    "`puzzlethreshold` and `puzzledifficulty` of a gateway.",
  ],
  USE_PPK: ["A post-quantum pre-shared key can be used.", "RFC 8784 §3", "`ppk` of both ends."],
  PPK_IDENTITY: [
    "Which post-quantum pre-shared key is used.",
    "RFC 8784 §3",
    "`ppk` of both ends.",
  ],
  NO_PPK_AUTH: [
    "An AUTH value for a responder that does not have the post-quantum pre-shared key.",
    "RFC 8784 §3",
    "`ppk`, and whether the key is mandatory.",
  ],
  INTERMEDIATE_EXCHANGE_SUPPORTED: [
    "The sender supports IKE_INTERMEDIATE.",
    "RFC 9242 §3.1",
    "Additional key exchanges, which need it.",
  ],
  IP4_ALLOWED: [
    "The gateway assigns IPv4 addresses.",
    "RFC 8983",
    "`poolconf`, and the family that the client asks for.",
  ],
  IP6_ALLOWED: [
    "The gateway assigns IPv6 addresses.",
    "RFC 8983",
    "`poolconf`, and the family that the client asks for.",
  ],
  ADDITIONAL_KEY_EXCHANGE: [
    "Links the exchanges of several key exchanges in a rekey.",
    "RFC 9370 §2.2.4",
    "Additional key exchanges of both ends.",
  ],
  USE_AGGFRAG: [
    "Packets may be aggregated and fragmented in ESP (IP-TFS).",
    "RFC 9347 §5.1",
    "`iptfs` of both ends; the log of the peer, if it declines.",
  ],
  SUPPORTED_AUTH_METHODS: [
    "Methods of authentication that the sender supports.",
    "RFC 9593",
    "`authownmethod` and `authpeermethod`.",
  ],
  SA_RESOURCE_INFO: [
    "Which resource (such as a CPU) a parallel CHILD_SA belongs to.",
    "RFC 9611",
    "`resourcesas` of both ends.",
  ],
  USE_PPK_INT: [
    "A post-quantum pre-shared key is mixed in by IKE_INTERMEDIATE.",
    "RFC 9867",
    "`ppk` of both ends.",
  ],
  PPK_IDENTITY_KEY: [
    "The identity of a post-quantum pre-shared key, with a confirmation.",
    "RFC 9867",
    "`ppk` of both ends.",
  ],
  IKE_SA_INIT_FULL_TRANSCRIPT_AUTH: [
    "The sender's AUTH covers the IKE_SA_INIT messages of both ends if the other end says this too.",
    "draft-ietf-ipsecme-ikev2-downgrade-prevention",
    "`transcriptauth` of both ends. If AUTHENTICATION_FAILED follows, somebody may have altered IKE_SA_INIT on the way.",
  ],
};
