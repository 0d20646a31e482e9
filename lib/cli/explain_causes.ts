/**
 * Explains the causes by which results count failures, apart from those that are notifies.
 * @module
 */
import type { Explanation } from "@/cli/explain_notifies.ts";
import type { EapCause } from "@/eap/failure.ts";
import type { RadiusCause } from "@/eap/radius/login.ts";
import type { CloseCode } from "@/ike/records/failure.ts";

/** The ends of an IKE SA that are not notifies, by the name of the API's CloseCode. */
const CLOSE_CODES: Readonly<Record<keyof typeof CloseCode, Explanation>> = {
  OPEN: ["The IKE SA has not ended.", "docs/api.md", "Nothing."],
  STOPPED: [
    "This end closed the IKE SA on purpose, for example at the end of the test.",
    "docs/api.md",
    "Nothing.",
  ],
  DELETED_BY_PEER: [
    "The peer deleted the IKE SA. A client counts the tunnel as lost, a gateway does not.",
    "RFC 7296 §1.4.1",
    "The peer's log: its lifetimes, limits of sessions, a reload of its configuration.",
  ],
  REKEYED: ["Another IKE SA took its place.", "RFC 7296 §1.3.2, §2.18", "Nothing."],
  NO_ANSWER: [
    "A request was sent as often as `maxretran` says, and nobody answered.",
    "RFC 7296 §2.1, §2.4",
    "Whether the peer runs and can be reached (address, port, firewall, route); with many tunnels its queue: " +
    "a smaller `maxhalfopen`, a longer `retraninterval`. A peer does not answer what it cannot decrypt or authenticate.",
  ],
  LIVENESS_FAILED: [
    "A liveness check of an established IKE SA was not answered.",
    "RFC 7296 §2.4",
    "Whether the peer crashed or the path is interrupted; if the peer is overloaded, `dpdinterval`, `maxretran` and `retraninterval`.",
  ],
  HARD_EXPIRY: [
    "The IKE SA came to the end of its lifetime before a rekey replaced it.",
    "RFC 7296 §2.8",
    "Why rekeys did not succeed (`rekeys.refused` of the result), `lifetimeovertime` and the lifetimes.",
  ],
  INITIAL_CONTACT: [
    "A peer with the same identity set up another IKE SA and sent INITIAL_CONTACT.",
    "RFC 7296 §2.4",
    "Whether clients share an identity (`myid` without `&d`).",
  ],
  REAUTHENTICATED: ["A new IKE SA was authenticated in its place.", "RFC 7296 §2.8.3", "Nothing."],
  FLAPPED: [
    "`flapconf` closed the tunnel, which is set up again later.",
    "docs/setup.md",
    "Nothing.",
  ],
  REDIRECTED: [
    "The gateway sent the client to another one.",
    "RFC 5685",
    "The gateway to which the client was sent.",
  ],
  RESUMED: [
    "The peer resumed the IKE SA by its ticket as another one, so that the old one was dropped.",
    "RFC 5723 §4.3.2",
    "Nothing.",
  ],
  PEER_CRASHED: [
    "The peer said that it has lost the IKE SA, and proved it by its token.",
    "RFC 6290 §4.5",
    "Why the peer restarted, or ended the IKE SA by itself.",
  ],
  REFUSED_HERE: [
    "This end could not accept a message of the peer, or could not verify it.",
    "RFC 7296 §2.21",
    "The example says what is wrong, which mostly is the peer's proposal, AUTH, certificate or selectors.",
  ],
};

/** Causes that are neither notifies nor close codes. */
const OTHERS: Readonly<Record<string, Explanation>> = {
  UNREACHABLE: [
    "Nobody answered, and ICMP said that the peer or its port cannot be reached.",
    "RFC 792, RFC 4443",
    "Whether the peer listens at `peeraddr` and `peerport`; routes and firewalls that reject.",
  ],
  NOT_SENT: [
    "Nobody answered, and the system could not send: the example has its error message.",
    "sendto(2)",
    "The route to the peer, the interface's state, its buffers; `datagrams.sendErrors` of the result.",
  ],
  NO_COMMON_AUTH_METHOD: [
    "The peer announced how it can be authenticated (SUPPORTED_AUTH_METHODS), and this end has none of these methods.",
    "RFC 9593 §3.1",
    "The example, which names the methods of both ends; `authownmethod`, `authownothers`, `dshashalg`, `usersapss`.",
  ],
  NO_FULL_TRANSCRIPT_AUTH: [
    "The gateway did not say IKE_SA_INIT_FULL_TRANSCRIPT_AUTH, which the client requires.",
    "draft-ietf-ipsecme-ikev2-downgrade-prevention",
    "Whether the gateway supports it; if it does, somebody has altered its answer on the way. `transcriptauth: offer` goes on without.",
  ],
  PUZZLE_REFUSED: [
    "The gateway gave a puzzle for IKE_AUTH that this end does not solve, and takes no IKE_AUTH without its solution.",
    "RFC 8019 §7.2",
    "`puzzlebitsmax` of the client, `puzzledifficulty` and `puzzleauth` of the gateway.",
  ],
  REDIRECT_LOOP: [
    "The client was redirected more than five times within 300 s.",
    "RFC 5685 §5.2",
    "Whether the gateways redirect clients to each other.",
  ],
  REDIRECT_UNUSABLE: [
    "The gateway redirected the client to an address that the client cannot use.",
    "RFC 5685 §5",
    "The example, which names the address and the reason.",
  ],
  TICKET_UNKNOWN: [
    "A client presented a ticket that this gateway has not issued, or that was altered.",
    "RFC 5723 §4.3.2, §6.1",
    "`secretsfile`, by which tickets outlive a restart; whether the client was at another gateway before.",
  ],
  TICKET_EXPIRED: [
    "A client presented a ticket after its time.",
    "RFC 5723 §4.3.2",
    "`resumelifetime` of the gateway, and the clocks of both ends.",
  ],
  TICKET_USED: [
    "A client presented a ticket a second time, or after this gateway had ended its IKE SA.",
    "RFC 5723 §4.3.1, §4.3.2",
    "Whether the client keeps tickets that it has used, or somebody repeats its messages.",
  ],
  TICKET_POLICY: [
    "A ticket keeps algorithms, or the absence of a post-quantum pre-shared key, that are not configured any more.",
    "RFC 5723 §5",
    "What has changed in the gateway's setup since it issued the ticket.",
  ],
  HALF_OPEN_TIMEOUT: [
    "A peer began an IKE SA and did not authenticate in time.",
    "RFC 7296 §2.6",
    "Whether its IKE_AUTH is lost on the way (large messages: `enablefragment`), or it is a scan or a flood.",
  ],
  NOT_REAUTHENTICATED: [
    "A gateway ended an IKE SA whose peer did not authenticate again within the AUTH_LIFETIME that it was given.",
    "RFC 4478 §3",
    "Whether the client follows AUTH_LIFETIME (`reauth: true` for ours); `reauthlifetime` of the gateway.",
  ],
  CROWDED_OUT: [
    "A peer that had not authenticated was dropped, as there were too many of them.",
    "RFC 7296 §2.6",
    "Whether it is a flood, or clients set up tunnels faster than this end can: cookies, or fewer tunnels at a time.",
  ],
  ICMP: [
    "Causes of `datagrams.sendErrors` that begin so: ICMP or ICMPv6 reported why a datagram was not delivered.",
    "RFC 792, RFC 4443",
    "The example; routes and firewalls on the way.",
  ],
  CHILD_DELETED_BY_PEER: [
    "The peer deleted a CHILD_SA that carried traffic, and did not replace it.",
    "RFC 7296 §1.4.1",
    "The peer's lifetimes and its log; `childlost` says what such a loss means to the test.",
  ],
  RATE_CUT: [
    "The peer completed half as many set-ups a second as before, or fewer, while tunnels waited for it and no request was lost.",
    "docs/results.md",
    "The example, which says from when and at which rates: a limit of the peer, or another load there; `loadconf.stages` or `setupinterval` for a slower pace.",
  ],
  behind: [
    "Packets of test traffic were due at the rate of `trafficconf`, and this process came too late to send them.",
    "docs/results.md",
    "A lower `rate`, larger packets, fewer tunnels in this process (`--slice`), a host with more to spare; `cpuMs` of the timeline.",
  ],
  strange: [
    "Packets came to the port of the test traffic that belong to no packet or tunnel of this run.",
    "docs/results.md",
    "Another test at the same `trafficconf.port`; `destaddr` and `srcaddr` of both ends, as each takes the first address of its selectors.",
  ],
  otherClock: [
    "Test traffic came one way from another host, whose clock tells no latency here; loss, order and jitter are measured all the same.",
    "RFC 3550 §6.4.1",
    "`direction: both`, where latency is that of the way there and back by one clock.",
  ],
  CLOSED: [
    "The SA was closed while the exchange was under way.",
    "docs/results.md",
    "What closed it: the log at that time.",
  ],
  OTHER: [
    "All causes after the first hundred distinct ones.",
    "docs/results.md",
    "The log, which has each of them.",
  ],
};

const EAP: Readonly<Record<EapCause, Explanation>> = {
  "malformed": [
    "A packet, an attribute or a length does not follow the RFC of the method.",
    "RFC 3748 §4",
    "The example names the attribute; the other end's implementation.",
  ],
  "wrong credentials": [
    "The other end could not prove its identity.",
    "RFC 3748 §7.2",
    "Passwords, keys and identities of `eapusers` against those of the server.",
  ],
  "refused by the other end": [
    "The other end says that our credentials are wrong, or refuses for another reason.",
    "RFC 3748 §4.2",
    "The log of the server; the user's name and password.",
  ],
  "no common method": [
    "The two ends have no EAP method in common.",
    "RFC 3748 §5.3.1",
    "The EAP methods of both ends; the example says which were offered and which are wanted.",
  ],
  "no credentials": [
    "There is no user of that name, or no credential for it.",
    "RFC 3748 §5.1",
    "`eapusers`, and the identity that the other end sends.",
  ],
  "out of order": [
    "A message is well-formed, but is not expected at this point of the conversation.",
    "RFC 3748 §2",
    "The other end's implementation; a relay that mixes conversations.",
  ],
  "too long": [
    "The conversation had more messages than are allowed.",
    "RFC 3748 §2",
    "Whether it repeats itself: the log with `loglevel: 5`.",
  ],
  "tls": [
    "TLS inside EAP failed; the example has its alert.",
    "RFC 5216, RFC 9190",
    "Certificates of both ends, their time and their CA; the versions of TLS.",
  ],
  "not available": [
    "This program lacks something that the method needs, such as the C shim.",
    "README.md",
    "`myikev2 version`, which lists the available backends.",
  ],
  "not supported": [
    "The other end asks for something that this program refuses on purpose.",
    "docs/setup.md",
    "The example names it.",
  ],
  "relay": [
    "A server, a process or a file that a relay uses has failed.",
    "RFC 3579",
    "The example names it: the RADIUS server, `eapol_test` or the capture.",
  ],
};

const RADIUS: Readonly<Record<RadiusCause, Explanation>> = {
  "silent server": [
    "No RADIUS server answered.",
    "RFC 2865 §2.4",
    "The server's address and port, and whether it knows this client.",
  ],
  "wrong secret": [
    "The authenticator of a response is wrong, so the shared secrets differ.",
    "RFC 2865 §3, RFC 3579 §3.2",
    "The shared secret at both ends.",
  ],
  "lying server": [
    "The server's packet contradicts the EAP packet inside it, or does not answer the request.",
    "RFC 3579 §2.6.3",
    "The server's configuration, or a proxy on the way.",
  ],
  "rejected": [
    "The server sent Access-Reject.",
    "RFC 2865 §4.3",
    "The server's log: user, password, policy.",
  ],
  "no MSK": [
    "The server accepted the login, but sent no key, which IKE needs.",
    "RFC 7296 §2.16, RFC 2548",
    "Whether the server sends MS-MPPE-Send-Key and MS-MPPE-Recv-Key.",
  ],
};

/** Prefixes causes, as results name them for an IKE_AUTH by EAP: `EAP: malformed`. */
function underEap(table: Readonly<Record<string, Explanation>>): Record<string, Explanation> {
  return Object.fromEntries(Object.entries(table).map(([name, entry]) => [`EAP: ${name}`, entry]));
}

/** The explanations of all causes, by their name in results. */
export const CAUSE_EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  ...CLOSE_CODES,
  ...OTHERS,
  ...underEap(EAP),
  ...underEap(RADIUS),
};
