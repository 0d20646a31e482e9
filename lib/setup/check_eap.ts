/**
 * Checks the options of authentication by EAP (RFC 7296 §2.16, RFC 5998).
 * @module
 */
import { EapType } from "@/iana/eap_type.ts";
import { nameOfRadiusAttribute, RadiusAttribute } from "@/iana/radius.ts";
import { ownMethods, peerMethods } from "@/setup/auth_methods.ts";
import { EAP_METHODS } from "@/setup/eap_options.ts";
import { MYID_WORDS } from "@/setup/ike_options.ts";
import type { Check, Rule } from "@/setup/rule.ts";
import type { IkeConf, Setup } from "@/setup/setup.ts";

const BY_PASSWORD: readonly number[] = [
  EapType.MD5_CHALLENGE,
  EapType.GTC,
  EapType.MSCHAPV2,
  EapType.TTLS,
  EapType.PEAP,
];
const WITHOUT_KEY: readonly number[] = [EapType.MD5_CHALLENGE, EapType.GTC];
const BY_SIM: readonly number[] = [EapType.SIM, EapType.AKA, EapType.AKA_PRIME];
/** The methods in which the server has a certificate. */
export const BY_TLS: readonly number[] = [EapType.TLS, EapType.TTLS, EapType.PEAP];
/** RADIUS attributes that our requests have in any case, or that need a form of their own. */
const OWN_ATTRIBUTES: readonly number[] = [
  RadiusAttribute.USER_NAME,
  RadiusAttribute.STATE,
  RadiusAttribute.VENDOR_SPECIFIC,
  RadiusAttribute.NAS_IDENTIFIER,
  RadiusAttribute.PROXY_STATE,
  RadiusAttribute.EAP_MESSAGE,
  RadiusAttribute.MESSAGE_AUTHENTICATOR,
];
const KEY_DIGITS = 32;
const SQN_DIGITS_MAX = 12;

/** Checks which end uses EAP, and what its methods and relays need. */
export function checkEap(setup: Setup, rule: Rule): void {
  const { myid, myid2 } = setup.ikeconf;
  const own = ownMethods(setup.ikeconf);
  const foreign = [myid, myid2].find((id) => IDENTITIES.includes(id));
  if (foreign !== undefined && !own.includes("eap")) {
    const words = `${foreign === myid ? "myid" : "myid2"} ${foreign} needs authownmethod eap`;
    return rule(words, "ikeconf.myid", "ikeconf.myid2", OWN);
  }
  if (![...own, ...peerMethods(setup.ikeconf)].some((method) => method.startsWith("eap"))) return;
  checkSessionAttribute(setup.ikeconf, rule);
  if (setup.role === "client") checkClient(setup, rule);
  else checkGateway(setup.ikeconf, rule);
}

/**
 * Checks the methods of EAP-only authentication, in which the method alone authenticates the gateway
 * (RFC 5998 §4). `warn` is told of methods that are too weak for it, as a test may want just them.
 */
export function checkEapOnly({ ikeconf, role }: Setup, rule: Rule, warn: Check["warn"]): void {
  const { authownmethod, authpeermethod, eapmethod } = ikeconf;
  const isOnly = (role === "client" ? authpeermethod : authownmethod) === "eap-only";
  if (!isOnly || eapmethod.length === 0) return;
  const keyless = eapmethod.filter((type) => WITHOUT_KEY.includes(type));
  const words = `eapmethod ${namesOf(keyless)} has no key, which EAP-only authentication needs ` +
    "(RFC 5998 §4)";
  if (keyless.length === eapmethod.length) rule(words, METHOD, OWN, PEER);
  else if (keyless.length > 0) warn(`${words}: a peer that chooses it is refused`, METHOD);
  if (!eapmethod.includes(EapType.MSCHAPV2)) return;
  const weak = "eapmethod mschapv2 can be broken by guessing passwords: methods of EAP-only " +
    "authentication must resist that (RFC 5998 §4)";
  warn(weak, METHOD);
}

function namesOf(types: readonly number[]): string {
  return Object.entries(EAP_METHODS).filter(([, type]) => types.includes(type))
    .map(([name]) => name).join(", ");
}

/** The attribute of the session must not be one that has another meaning in every request. */
function checkSessionAttribute({ eapradiusid }: IkeConf, rule: Rule): void {
  if (!OWN_ATTRIBUTES.includes(eapradiusid)) return;
  const name = nameOfRadiusAttribute(eapradiusid);
  const words =
    `eapradiusid ${eapradiusid} is ${name}, which requests have already (RFC 3579 §3.2)`;
  rule(words, "ikeconf.eapradiusid");
}

function checkClient({ ikeconf, numberoftunnels }: Setup, rule: Rule): void {
  const { authownmethod, authpeermethod, eapmethod } = ikeconf;
  if (ikeconf.authpeer2 === "eap") {
    return rule("the second authentication of a gateway cannot be EAP (RFC 7296 §2.16)", PEER2);
  }
  if (authownmethod === "eap-only") {
    return rule("a client authenticates by eap; eap-only is a value of its authpeermethod", OWN);
  }
  if (authpeermethod === "eap") {
    return rule("a gateway can authenticate by eap-only, but not by eap (RFC 5998)", PEER);
  }
  if (authpeermethod === "eap-only" && authownmethod !== "eap") {
    return rule("authpeermethod eap-only needs authownmethod eap (RFC 5998)", PEER, OWN);
  }
  if (eapmethod.length === 0) checkRelay(ikeconf, rule);
  else checkMethods(ikeconf, numberoftunnels, rule);
}

function checkRelay(ikeconf: IkeConf, rule: Rule): void {
  const { eapimplementaion, eapoltestconf, eapfile, eapradiussvr } = ikeconf;
  const lacks = (option: string, what: string) =>
    rule(`${option} is required for ${what}; or set methods of this program in eapmethod`, OWN);
  if (eapimplementaion === "eap-snoop") {
    if (eapoltestconf === "") lacks("eapoltestconf", "eap-snoop");
  } else if (eapfile === "" || !eapradiussvr.some((server) => server !== undefined)) {
    lacks(eapfile === "" ? "eapfile" : "eapradiussvr", "eap-file");
  }
}

function checkMethods(ikeconf: IkeConf, tunnels: number, rule: Rule): void {
  const { eapmethod, eappassword, eapsimk, eapsimopc, eapsimsqn, eedir, eapinner } = ikeconf;
  const { eapidentity, myid, myid2, authownmethod } = ikeconf;
  const id = authownmethod === "eap" || myid2 === "" ? myid : myid2;
  if (eapidentity === "" && MYID_WORDS.includes(id)) {
    const words = `${id === myid ? "myid" : "myid2"} ${id} is no EAP identity`;
    rule(`eapidentity is required: ${words}`, METHOD, "ikeconf.eapidentity");
  }
  const uses = (types: readonly number[]) => eapmethod.some((type) => types.includes(type));
  if (uses(BY_PASSWORD) && eappassword === "") {
    rule("eappassword is required for this eapmethod", METHOD);
  }
  if (uses([EapType.TLS]) && eedir === "") rule("eedir is required for eapmethod tls", METHOD);
  if (uses([EapType.PEAP]) && eapinner === "pap") {
    rule(
      "eapinner pap is only possible in TTLS: PEAP has EAP methods inside",
      "ikeconf.eapinner",
      METHOD,
    );
  }
  if (!uses(BY_SIM)) return;
  const place = digitsOf(tunnels);
  checkKey("eapsimk", eapsimk, { rule, place });
  checkKey("eapsimopc", eapsimopc, { rule, place });
  checkSqn("eapsimsqn", eapsimsqn, { rule, place });
}

function checkGateway(ikeconf: IkeConf, rule: Rule): void {
  const { authownmethod, authpeermethod, eapradiussvr, eapmethod, eapusers, eedir } = ikeconf;
  if (authownmethod === "eap") {
    return rule("a gateway can authenticate by eap-only, but not by eap (RFC 5998)", OWN);
  }
  if (ikeconf.authown2 === "eap") {
    return rule("the second authentication of a gateway cannot be EAP (RFC 7296 §2.16)", OWN2);
  }
  if (authpeermethod !== "eap" && ikeconf.authpeer2 !== "eap") {
    return authpeermethod === "eap-only"
      ? rule("a client authenticates by eap; eap-only is a value of authownmethod", PEER)
      : rule("authownmethod eap-only needs authpeermethod eap (RFC 5998)", OWN, PEER);
  }
  if (eapradiussvr.some((server) => server !== undefined) && eapmethod.length === 0) return;
  if (eapmethod.length === 0 || eapusers.length === 0) {
    const words =
      "authpeermethod eap needs eapmethod and eapusers, or a RADIUS server (eapradiussvr)";
    return rule(words, authpeermethod === "eap" ? PEER : PEER2);
  }
  if (eapmethod.some((type) => BY_TLS.includes(type)) && eedir === "") {
    rule("eedir is required for eapmethod tls, ttls and peap", METHOD);
  }
  for (const [i, { identity, simk, simopc, simsqn, simtriplets }] of eapusers.entries()) {
    const at = `eapusers[${i}]`;
    if (identity === "") rule(`${at}.identity is empty: expected a name, or *`, `ikeconf.${at}`);
    if (simtriplets !== "" && (identity === "*" || identity.includes("&d"))) {
      rule(`${at}.simtriplets are of one card: identity must be one name`, `ikeconf.${at}`);
    }
    if (simk === "" && simopc === "") continue;
    if (simtriplets !== "") {
      rule(`${at}: simtriplets and simk exclude each other`, `ikeconf.${at}`);
    }
    checkKey(`${at}.simk`, simk, { rule });
    checkKey(`${at}.simopc`, simopc, { rule });
    checkSqn(`${at}.simsqn`, simsqn, { rule });
  }
}

/** The keywords of `myid` that stand for the identity of a relay. */
const IDENTITIES = ["eapol-test-conf", "eapusepcap"];
const OWN2 = "ikeconf.authown2";
const PEER2 = "ikeconf.authpeer2";
const OWN = "ikeconf.authownmethod";
const PEER = "ikeconf.authpeermethod";
const METHOD = "ikeconf.eapmethod";

/** Where a wrong text is reported, and the hex digits that the number of a tunnel may need. */
interface HexCheck {
  readonly rule: Rule;
  /** Absent: &d has no meaning there. */
  readonly place?: number;
}

/** Hex digits of the number of the last tunnel. */
function digitsOf(tunnels: number): number {
  return Math.max(tunnels - 1, 0).toString(16).length;
}

/** Checks a key in hex; `&d` stands for the digits that are missing. */
function checkKey(option: string, text: string, { rule, place }: HexCheck): void {
  const [before = "", ...others] = text.split("&d");
  const digits = before + others.join("");
  const isNumbered = others.length === 1 && place !== undefined;
  const isFull = isNumbered ? digits.length < KEY_DIGITS : digits.length === KEY_DIGITS;
  if (!/^[0-9a-f]*$/i.test(digits) || !isFull || (others.length > 0 && !isNumbered)) {
    return rule(`${option} is no key: expected ${KEY_DIGITS} hex digits`, `ikeconf.${option}`);
  }
  if (isNumbered) checkPlace(option, KEY_DIGITS - digits.length, { rule, place });
}

function checkSqn(option: string, text: string, { rule, place }: HexCheck): void {
  const [before = "", ...others] = text.split("&d");
  const digits = before + others.join("");
  const isNumbered = others.length === 1 && place !== undefined;
  const isShort = digits.length <= SQN_DIGITS_MAX;
  if (!/^[0-9a-f]*$/i.test(digits) || !isShort || (others.length > 0 && !isNumbered)) {
    const words = `${option} is no SQN: expected ${SQN_DIGITS_MAX} hex digits at most`;
    return rule(words, `ikeconf.${option}`);
  }
  if (isNumbered) checkPlace(option, SQN_DIGITS_MAX - digits.length, { rule, place });
}

/** The number of the last tunnel must fit into the digits that the text leaves for it. */
function checkPlace(option: string, left: number, { rule, place = 0 }: HexCheck): void {
  if (place <= left) return;
  const words = `${option} leaves ${left} hex digits for &d, and the last tunnel needs ${place}`;
  rule(words, `ikeconf.${option}`, "numberoftunnels");
}
