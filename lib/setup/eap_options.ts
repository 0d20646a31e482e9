/**
 * Options of EAP: methods of our own, users of a gateway, and the relays of existing files.
 * @module
 */
import { EapType } from "@/iana/eap_type.ts";
import { bool, endpoint, int, keyword, oneOf, text } from "@/setup/kinds.ts";
import { listOption, option } from "@/setup/option.ts";

const C = { role: "client" } as const;
const G = { role: "gateway" } as const;
const EAP = { feature: "eap" } as const;

/** EAP types by the words of `eapmethod`. */
export const EAP_METHODS: Readonly<Record<string, number>> = {
  md5: EapType.MD5_CHALLENGE,
  gtc: EapType.GTC,
  mschapv2: EapType.MSCHAPV2,
  tls: EapType.TLS,
  ttls: EapType.TTLS,
  peap: EapType.PEAP,
  sim: EapType.SIM,
  aka: EapType.AKA,
  "aka-prime": EapType.AKA_PRIME,
};

const NUMBERED = "; &d is the tunnel, in hex with zeros before it up to the full length";

/** Options of `ikeconf`. */
export const EAP_OPTIONS = {
  eapmethod: listOption(
    keyword(EAP_METHODS),
    [],
    "EAP methods of our own, the best first; eapimplementaion is not looked at then",
    { ...EAP, mayBeEmpty: true },
  ),
  eapidentity: option(text, "", "EAP identity; &d is the tunnel; empty: that of myid", {
    ...C,
    ...EAP,
  }),
  eappassword: option(text, "", "its password; &d is the tunnel", { ...C, ...EAP, secret: true }),
  eapinner: option(
    oneOf("mschapv2", "md5", "pap"),
    "mschapv2",
    "what runs inside TTLS and PEAP; pap inside TTLS alone",
    { ...C, ...EAP },
  ),
  eaptlsversion: option(
    oneOf("1.2", "1.3"),
    "1.3",
    "highest version of TLS in TLS, TTLS, PEAP",
    EAP,
  ),
  eapsimk: option(text, "", `K of SIM, AKA and AKA', 32 hex digits${NUMBERED}`, {
    ...C,
    ...EAP,
    secret: true,
  }),
  eapsimopc: option(text, "", `OPc of Milenage, 32 hex digits${NUMBERED}`, {
    ...C,
    ...EAP,
    secret: true,
  }),
  eapsimsqn: option(
    text,
    "0",
    `highest SQN that the card has seen, 12 hex digits at most${NUMBERED}`,
    {
      ...C,
      ...EAP,
    },
  ),
  eapaskidentity: option(bool, "false", "ask for the EAP identity though IDi has said it", {
    ...G,
    ...EAP,
  }),
  eapimplementaion: option(oneOf("eap-snoop", "eap-file"), "eap-snoop", "where EAP comes from", {
    ...C,
    ...EAP,
  }),
  eapoltestconf: option(text, "", "configuration of eapol_test; &d is the tunnel", {
    ...C,
    ...EAP,
    secret: true,
  }),
  eapoltestpath: option(text, "", "eapol_test; empty: found on PATH", { ...C, ...EAP }),
  eapfile: option(text, "", "capture of one successful RADIUS EAP login", { ...C, ...EAP }),
  eapradiusss: option(text, "", "RADIUS shared secret", { ...EAP, secret: true }),
  eapradiussvr: listOption(
    endpoint,
    [""],
    "RADIUS servers that a gateway asks, the best first; where a client with eap-file listens: " +
      "address:port",
    { ...EAP, mayBeEmpty: true },
  ),
  eapradiusid: option(int(1, 255), "31", "RADIUS attribute that tells sessions apart", EAP),
  eapsendstart: option(bool, "true", "begin with EAP-Start", { ...G, ...EAP }),
} as const;

/** An entry of `ikeconf.eapusers`: who may log in at a gateway with methods of its own. */
export const EAP_USER = {
  identity: option(text, "", "EAP identity; &d is any number, * anybody else", { ...G, ...EAP }),
  password: option(text, "", "its password; &d is that number", { ...G, ...EAP, secret: true }),
  methods: listOption(
    keyword(EAP_METHODS),
    [],
    "methods it may use; none: each for which it has a secret",
    { ...G, ...EAP, mayBeEmpty: true },
  ),
  simk: option(text, "", "K of SIM, AKA and AKA', 32 hex digits", { ...G, ...EAP, secret: true }),
  simopc: option(text, "", "OPc of Milenage, 32 hex digits", { ...G, ...EAP, secret: true }),
  simsqn: option(text, "0", "highest SQN that was given out, 12 hex digits at most", {
    ...G,
    ...EAP,
  }),
} as const;
