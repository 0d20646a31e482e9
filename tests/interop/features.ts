/**
 * The features that the rows belong to, in the order of the matrix. Every row belongs to exactly one;
 * the run fails for a row without a feature and for a feature without rows.
 * @module
 */

/** A line of the matrix. */
export interface Feature {
  readonly name: string;
  /** A pattern for the names of its rows. */
  readonly rows: RegExp;
}

/** The number of features that must pass with strongSwan in every direction that they have. */
export const FEATURES_MIN = 25;

/** For each feature its description, and the names of its rows. */
const TABLE: readonly (readonly [string, RegExp])[] = [
  ["Pre-shared keys, one row a suite", /^psk /],
  ["Several proposals", /^several proposals/],
  ["INVALID_KE_PAYLOAD", /^INVALID_KE_PAYLOAD/],
  ["100 tunnels", /^100 tunnels/],
  ["Kinds of our identity", /^identity (?!unknown)/],
  ["Kinds of the peer's identity", /^(peer identity (?!unknown)|no peer identity)/],
  ["Traffic selectors narrowed", /^traffic selectors narrowed/],
  ["Traffic selectors with protocol and ports", /^traffic selectors with protocol/],
  ["IPv6 outside", /^IPv6 outside/],
  ["IPv6 inside", /^IPv4 outside, IPv6 inside/],
  ["Wrong pre-shared key", /^wrong PSK/],
  ["Certificates, methods 1, 9, 10 and 11", /^certificates .*method/],
  ["Certificates, digital signatures", /^certificates[ ,].*(digital signature|RSA-PSS)/],
  ["Certificates and pre-shared keys mixed", /^certificate of .*pre-shared key/],
  ["Certificates below other authorities", /^certificates below|our gateway sends the chain/],
  ["CERTREQ", /^certificates,.* CERTREQ/],
  ["Revocation by lists and by OCSP", /^certificates that lists|^OCSP response/],
  ["Identities of certificates", /^certificates with cert-/],
  ["Raw public keys", /^raw public key/],
  ["EAP methods of our own", /^EAP-\S+( \d\.\d| with \S+ inside)? of a user$/],
  ["EAP refused", /^EAP-.* is refused$/],
  ["EAP-only", /^EAP-only,/],
  ["EAP, RADIUS behind a gateway", /behind (our gateway|strongSwan)$/],
  ["EAP by eapol_test and from a capture", /^EAP-MSCHAPv2 (by eapol_test|from a capture)/],
  [
    "Two authentications",
    /^two authentications|^one authentication where|^a second authentication/,
  ],
  ["Methods of authentication announced", /^methods announced/],
  ["Certificates refused", /^certificate of .*refused$/],
  ["Unknown identity or address", /identity unknown|^no connection for our address/],
  ["No common IKE proposal or group", /^no common (IKE proposal|key exchange group)/],
  ["No common ESP or AH proposal", /^no common ESP proposal|^AH against ESP/],
  ["No common traffic selector", /^no common traffic selector/],
  ["Peer that is silent or absent", /^peer that never answers|^(address|port) where nobody/],
  ["Cookies", /^cookie demanded/],
  ["Limits of half-open SAs", /^dos_protection by default/],
  ["INITIAL_CONTACT", /^INITIAL_CONTACT/],
  ["IKE SA deleted", /^IKE SA deleted/],
  ["CHILD_SA deleted", /^CHILD_SA deleted/],
  ["Further CHILD_SAs", /^second CHILD_SA/],
  ["CHILD_SAs of several resources", /^CHILD_SAs of several resources/],
  ["ML-KEM, alone and as an additional key exchange", /^ML-KEM|^additional key exchange/],
  ["Several key exchanges, also of rekeys", /^three additional key exchanges/],
  ["Post-quantum pre-shared keys", /^PPK/],
  ["Session resumption", /^tickets, |^no ticket of/],
  ["Childless set-up", /^childless/],
  ["Redirection to another gateway", /^redirected/],
  ["CHILD_SA rekeyed by the peer", /^CHILD_SA rekeyed by (strongSwan|libreswan)/],
  [
    "CHILD_SA rekeyed by us",
    /^CHILD_SA (in transport mode with ESN )?rekeyed by us(?!.*key exchange)/,
  ],
  ["CHILD_SA rekeyed with a key exchange", /^CHILD_SA rekeyed .*key exchange/],
  ["IKE SA rekeyed by the peer", /^IKE SA rekeyed by (strongSwan|libreswan)/],
  ["IKE SA rekeyed by us", /^IKE SA rekeyed by us/],
  ["Rekeys that cross", /cross$/],
  ["Liveness checks of the peer", /^liveness checks of (strongSwan|libreswan)/],
  ["Liveness checks of ours", /^liveness checks of ours|^no check of ours|^forcedpd/],
  ["Peer lost, and back", /^peer killed/],
  ["Flapping", /^flapping/],
  ["Fragments", /fragments/],
  ["Address pools", /address (of|left in)/],
  ["Attributes of the configuration payload", /^attributes of/],
  ["Transport mode", /^transport mode(?! behind)|^tunnel mode asked/],
  ["Extended sequence numbers", /^extended sequence numbers/],
  ["AH", /^AH(?! against)/],
  ["IPComp", /^IPComp/],
  ["TFC padding", /^TFC/],
  ["NAT in front of either end", /^NAT (in front|detection|refused)|^transport mode behind a NAT/],
  ["NAT mapping that changes, rekeys through a NAT", /^NAT mapping|through a NAT$/],
  ["UDP encapsulation forced", /^UDP encapsulation forced/],
  ["Port 4500 without NAT traversal", /begins at port 4500/],
  ["MOBIKE, tunnels that move", /^MOBIKE/],
  ["IP-TFS", /^IP-TFS/],
  ["Authentication again", /^authentication again/],
  ["ESP carried by both processes", /^ESP of both processes/],
  ["Impairment on the way", /^loss, duplicates/],
  ["Test that ends by its running time", /^runningtime/],
  ["Test API shows the peer's SPIs and keys", /^the Test API/],
  ["tshark decrypts our capture", /^tshark/],
  ["The harness itself", /^the harness/],
];

/** All features. */
export const FEATURES: readonly Feature[] = TABLE.map(([name, rows]) => ({ name, rows }));

/** The features of the row `name`; there must be exactly one. */
export function featuresOf(name: string): Feature[] {
  return FEATURES.filter((feature) => feature.rows.test(name));
}
