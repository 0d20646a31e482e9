/**
 * Options of EAP: the methods of this program, the users of a gateway, and relays of EAP.
 * @module
 */
import { EapType } from "@/iana/eap_type.ts";
import { bool, endpoint, int, keyword, oneOf, text } from "@/setup/kinds.ts";
import { listOption, option } from "@/setup/option.ts";

const C = { role: "client" } as const;
const G = { role: "gateway" } as const;
const EAP = { feature: "eap" } as const;

/** EAP types by the keywords of `eapmethod`. */
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

const NUMBERED =
  "; &d is the number of the tunnel, in hex with leading zeros up to the full length";

/** Options of `ikeconf`. */
export const EAP_OPTIONS = {
  eapmethod: listOption(
    keyword(EAP_METHODS),
    [],
    "EAP methods of this program, the preferred one first; eapimplementaion is then ignored",
    { ...EAP, mayBeEmpty: true },
  ),
  eapidentity: option(
    text,
    "",
    "EAP identity; &d is the number of the tunnel; empty: that of myid",
    {
      ...C,
      ...EAP,
    },
  ),
  eappassword: option(text, "", "EAP password; &d is the number of the tunnel", {
    ...C,
    ...EAP,
    secret: true,
  }),
  eapinner: option(
    oneOf("mschapv2", "md5", "pap"),
    "mschapv2",
    "method inside TTLS and PEAP; pap is only possible inside TTLS",
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
  eapaskidentity: option(
    bool,
    "false",
    "ask for the EAP identity by an Identity Request; false: it is that of IDi",
    { ...G, ...EAP },
  ),
  eapimplementaion: option(
    oneOf("eap-snoop", "eap-file"),
    "eap-snoop",
    "what provides EAP: eapol_test, or the capture of a login",
    {
      ...C,
      ...EAP,
    },
  ),
  eapoltestconf: option(text, "", "configuration of eapol_test; &d is the number of the tunnel", {
    ...C,
    ...EAP,
    secret: true,
  }),
  eapoltestpath: option(text, "", "path of eapol_test; empty: it is searched on PATH", {
    ...C,
    ...EAP,
  }),
  eapfile: option(text, "", "capture of one successful RADIUS EAP login", { ...C, ...EAP }),
  eapradiusss: option(text, "", "RADIUS shared secret", { ...EAP, secret: true }),
  eapradiussvr: listOption(
    endpoint,
    [""],
    "RADIUS servers that a gateway asks, the best first; where a client with eap-file listens: " +
      "address:port",
    { ...EAP, mayBeEmpty: true },
  ),
  eapradiusid: option(
    int(1, 255),
    "31",
    "number of the RADIUS attribute that tells sessions apart; a gateway puts its IKE SPI into it, a " +
      "client with eap-file expects it in requests",
    EAP,
  ),
  eapsendstart: option(
    bool,
    "true",
    "true: begin with EAP-Start, so that the server asks for the identity; false: begin with the " +
      "identity, that of IDi or what eapaskidentity got",
    { ...G, ...EAP },
  ),
} as const;

/** An entry of `ikeconf.eapusers`: a user of a gateway that has EAP methods of its own. */
export const EAP_USER = {
  identity: option(
    text,
    "",
    "EAP identity of the user; &d is any number, * is any other identity",
    { ...G, ...EAP },
  ),
  password: option(text, "", "password of the user; &d is that number", {
    ...G,
    ...EAP,
    secret: true,
  }),
  methods: listOption(
    keyword(EAP_METHODS),
    [],
    "EAP methods of the user; none: each for which the user has a secret",
    { ...G, ...EAP, mayBeEmpty: true },
  ),
  simk: option(text, "", "K of SIM, AKA and AKA', 32 hex digits", { ...G, ...EAP, secret: true }),
  simopc: option(text, "", "OPc of Milenage, 32 hex digits", { ...G, ...EAP, secret: true }),
  simtriplets: option(
    text,
    "",
    "file of GSM triplets for SIM in place of simk: lines of RAND,SRES,Kc in hex, or identity,RAND,SRES,Kc",
    { ...G, ...EAP },
  ),
  simsqn: option(text, "0", "highest SQN that was used, at most 12 hex digits", {
    ...G,
    ...EAP,
  }),
} as const;
